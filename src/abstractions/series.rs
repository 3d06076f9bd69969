// SPDX-License-Identifier: GPL-2.0

//! What the `kernel` crate has in another form in one series of kernels than in the next.
//!
//! `Kbuild` says which series it is: there is a `cfg` for each that needs something of its own, and
//! the newest is what is left.

use kernel::{
    bindings,
    module_param::ModuleParamAccess,
    sync::barrier, //
};

/// `THIS_MODULE`, which is null if the driver is built in.
pub(super) const fn this_module() -> *mut bindings::module {
    #[cfg(kernel_7_2)]
    let this_module = &crate::THIS_MODULE;
    #[cfg(not(kernel_7_2))]
    let this_module = kernel::module::this_module::<crate::LocalModule>();

    this_module.as_ptr()
}

/// The value of a module parameter.
pub fn parameter<T: Copy>(parameter: &ModuleParamAccess<T>) -> T {
    #[cfg(kernel_7_2)]
    let value = *parameter.value();
    #[cfg(not(kernel_7_2))]
    let value = parameter.value();

    value
}

/// Orders the stores before it and those after it, for other processors.
#[inline(always)]
pub fn smp_wmb() {
    #[cfg(kernel_7_2)]
    barrier::smp_wmb();
    #[cfg(not(kernel_7_2))]
    barrier::smp_mb(barrier::Write);
}
