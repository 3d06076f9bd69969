// SPDX-License-Identifier: GPL-2.0

//! What the `kernel` crate has in another form in one series of kernels than in the next.
//!
//! `Kbuild` says which series it is: there is a `cfg` for each that needs something of its own, and
//! the newest is what is left.

use kernel::{
    module_param::ModuleParamAccess,
    sync::barrier, //
};

/// The value of a module parameter.
///
/// # Examples
///
/// For `pages(&module_parameters::pages)`:
///
/// ```
/// # use kernel::module_param::ModuleParamAccess;
/// fn pages(given: &ModuleParamAccess<usize>) -> Result<usize> {
///     match parameter(given) {
///         0 => Err(EINVAL),
///         pages => Ok(pages),
///     }
/// }
/// # let _ = pages;
/// ```
pub fn parameter<T: Copy>(parameter: &ModuleParamAccess<T>) -> T {
    #[cfg(kernel_7_2)]
    let value = *parameter.value();
    #[cfg(not(kernel_7_2))]
    let value = parameter.value();

    value
}

/// Orders the stores before it and those after it, for other processors.
///
/// # Examples
///
/// ```
/// use kernel::sync::atomic::Relaxed;
///
/// let page = AtomicPage::new()?;
/// page.word::<1>().store(7, Relaxed);
/// // Who sees the 1 sees the 7, too.
/// smp_wmb();
/// page.word::<0>().store(1, Relaxed);
/// # Ok::<(), Error>(())
/// ```
#[inline(always)]
pub fn smp_wmb() {
    #[cfg(kernel_7_2)]
    barrier::smp_wmb();
    #[cfg(not(kernel_7_2))]
    barrier::smp_mb(barrier::Write);
}
