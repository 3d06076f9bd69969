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
///
/// # Examples
///
/// ```
/// static TRACE: StaticKey = StaticKey::disabled();
///
/// fn event() {
///     if static_branch_unlikely!(TRACE) {
///         pr_info!("event\n");
///     }
/// }
///
/// TRACE.enable();
/// event();
/// ```
#[repr(C)]
pub struct StaticKey {
    // Public for the branch, which takes its offset. What it is cannot be made elsewhere.
    #[doc(hidden)]
    pub key: Key,
}

/// The key for the C side.
#[doc(hidden)]
#[repr(transparent)]
pub struct Key(UnsafeCell<bindings::static_key_false>);

// SAFETY: The key is only changed by the C side, which locks for itself, and read by code that it
// patches, or atomically.
unsafe impl Sync for Key {}

impl StaticKey {
    /// A key that is disabled.
    pub const fn disabled() -> Self {
        Self {
            key: Key(UnsafeCell::new(pin_init::zeroed())),
        }
    }

    fn as_ptr(&'static self) -> *mut bindings::static_key {
        self.key.0.get().cast()
    }

    /// Enables it, `static_branch_enable()`, for as long as the module is loaded.
    ///
    /// May sleep.
    pub fn enable(&'static self) {
        // SAFETY: The key is there for ever. If it is a static of the module, the module's load, or
        // the boot where it is built in, has told the C side of its branches by the time that code
        // of the module runs.
        unsafe { helpers::static_key_enable(self.as_ptr()) };
    }

    /// Whether it is enabled, where there is no branch that the kernel can patch.
    #[cfg(not(simple_mmap_static_branch))]
    #[doc(hidden)]
    pub fn is_enabled(&'static self) -> bool {
        // SAFETY: The key is valid.
        unsafe { bindings::static_key_count(self.as_ptr()) > 0 }
    }
}

/// Whether a [`StaticKey`] is enabled, which it most often is not: `static_branch_unlikely()`.
///
/// Takes the path of the static.
#[macro_export]
macro_rules! static_branch_unlikely {
    ($key:path) => {{
        // A static of the module, which takes no `unsafe` to borrow, and of this very type: a
        // borrow could be one of what the static leads to.
        let _key: &'static $crate::compat::static_key::StaticKey = &$key;
        let _key: *const $crate::compat::static_key::StaticKey = &raw const $key;

        #[cfg(not(simple_mmap_static_branch))]
        {
            $key.is_enabled()
        }

        // As `kernel::jump_label` has it, which takes names as the driver's crate means them.
        #[cfg(simple_mmap_static_branch)]
        'branch: {
            // SAFETY: The path is that of a `StaticKey`, see above, which has a static key in the
            // field of this name.
            unsafe {
                $crate::__static_branch_asm!(
                    $crate::__core::include!($crate::__core::concat!(
                        $crate::__core::env!("OBJTREE"),
                        "/rust/kernel/generated_arch_static_branch_asm.rs"
                    )),
                    l_yes = label {
                        break 'branch true;
                    },
                    symb = sym $key,
                    off = const $crate::__core::mem::offset_of!(
                        $crate::compat::static_key::StaticKey,
                        key
                    ),
                    branch = const 0,
                )
            };
            false
        }
    }};
}
pub use static_branch_unlikely;

/// As `kernel::asm!` has it: the kernel's assembly is in AT&T syntax.
#[cfg(target_arch = "x86_64")]
#[doc(hidden)]
#[macro_export]
macro_rules! __static_branch_asm {
    ($($operand:tt)*) => {
        $crate::__core::arch::asm!($($operand)* options(att_syntax))
    };
}
#[cfg(not(target_arch = "x86_64"))]
#[doc(hidden)]
#[macro_export]
macro_rules! __static_branch_asm {
    ($($operand:tt)*) => {
        $crate::__core::arch::asm!($($operand)*)
    };
}
