// SPDX-License-Identifier: GPL-2.0

//! The module that this code is in.
//!
//! `kernel::ThisModule` is found by the name `THIS_MODULE`, which a driver can give to something
//! else.
//!
//! C header: [`include/linux/init.h`](srctree/include/linux/init.h), `THIS_MODULE`.

use kernel::bindings;

/// `THIS_MODULE`, which is null if the driver is built in.
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
            // Every module has this. It is a `struct module`, of which only the address is taken.
            static __this_module: u8;
        }
        (&raw const __this_module).cast_mut().cast()
    }
    #[cfg(not(MODULE))]
    core::ptr::null_mut()
}
