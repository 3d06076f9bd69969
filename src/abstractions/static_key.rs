// SPDX-License-Identifier: GPL-2.0

//! Static keys of a module's own.
//!
//! The branch on a key costs one instruction that does nothing, until the key is enabled; then the
//! kernel patches the code. `kernel::jump_label` has the branch, for keys that C defines.
//!
//! C header: [`include/linux/jump_label.h`](srctree/include/linux/jump_label.h).

use super::helpers;
use core::cell::UnsafeCell;
use kernel::bindings;

/// A static key, disabled at first, `DEFINE_STATIC_KEY_FALSE()`. It must be a `static`.
#[repr(C)]
pub struct StaticKey {
    // Public for the branch, which takes its offset.
    #[doc(hidden)]
    pub key: UnsafeCell<bindings::static_key_false>,
}

// SAFETY: The key is only changed by the C side, which locks for itself, and read by code that it
// patches, or atomically.
unsafe impl Sync for StaticKey {}

impl StaticKey {
    /// A key that is disabled.
    pub const fn disabled() -> Self {
        Self {
            key: UnsafeCell::new(pin_init::zeroed()),
        }
    }

    fn as_ptr(&'static self) -> *mut bindings::static_key {
        self.key.get().cast()
    }

    /// Enables it, `static_branch_enable()`, for as long as the module is loaded.
    ///
    /// May sleep.
    pub fn enable(&'static self) {
        // SAFETY: The key is a static of the module, whose load, or the boot where it is built in,
        // has told the C side of its branches by the time that code of the module runs.
        unsafe { helpers::simple_mmap_static_key_enable(self.as_ptr()) };
    }

    /// Whether it is enabled, where there is no branch that the kernel can patch.
    #[cfg(not(simple_mmap_static_branch))]
    #[doc(hidden)]
    pub fn is_enabled(&'static self) -> bool {
        // SAFETY: The key is a static of the module.
        unsafe { bindings::static_key_count(self.as_ptr()) > 0 }
    }
}

/// Whether a [`StaticKey`] is enabled, which it most often is not: `static_branch_unlikely()`.
///
/// Takes the path of the static.
#[macro_export]
macro_rules! static_branch_unlikely {
    ($key:path) => {{
        let _key: &'static $crate::abstractions::static_key::StaticKey = &$key;

        #[cfg(not(simple_mmap_static_branch))]
        {
            _key.is_enabled()
        }

        #[cfg(simple_mmap_static_branch)]
        // SAFETY: The path is that of a `StaticKey`, see above, which has a static key in the field
        // of this name.
        unsafe {
            kernel::jump_label::arch_static_branch! {
                $key,
                $crate::abstractions::static_key::StaticKey,
                key,
                false
            }
        }
    }};
}
pub use static_branch_unlikely;
