// SPDX-License-Identifier: GPL-2.0

//! The module that this code is in.
//!
//! `kernel::module!` makes a static `THIS_MODULE` of the type `kernel::ThisModule`, but in a
//! driver's crate this name can stand for something else.
//!
//! C header: [`include/linux/init.h`](srctree/include/linux/init.h), `THIS_MODULE`.

use kernel::bindings;

/// `THIS_MODULE`. This is null if the driver is built in.
///
/// # Examples
///
/// ```
/// use kernel::bindings;
/// use simple_mmap::compat::this_module::this_module;
///
/// const FOPS: bindings::file_operations = bindings::file_operations {
///     owner: this_module(),
///     ..pin_init::zeroed()
/// };
/// # let _ = FOPS;
/// ```
pub const fn this_module() -> *mut bindings::module {
    #[cfg(MODULE)]
    {
        extern "C" {
            // Every module has this symbol. It is a `struct module`; only its address is used.
            static __this_module: u8;
        }
        (&raw const __this_module).cast_mut().cast()
    }
    #[cfg(not(MODULE))]
    core::ptr::null_mut()
}
