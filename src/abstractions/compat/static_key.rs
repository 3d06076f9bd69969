// SPDX-License-Identifier: GPL-2.0

//! Static keys of a module.
//!
//! Until a key is enabled, a branch on it costs one instruction that does nothing; then the kernel
//! patches the code. `kernel::jump_label` has the branch for keys that are defined in C.
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
    // This is public because the macro for the branch takes its offset. Only this file can make a
    // `Key`.
    #[doc(hidden)]
    pub key: Key,
}

/// The key for the C side.
#[doc(hidden)]
#[repr(transparent)]
pub struct Key(UnsafeCell<bindings::static_key_false>);

// SAFETY: Only the C side changes the key, with a lock. It is read atomically, or by code that the
// C side patches.
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

    /// Enables the key, `static_branch_enable()`, for as long as the module is loaded.
    ///
    /// May sleep.
    pub fn enable(&'static self) {
        // SAFETY: The key is `'static`. If it is a static of the module, the C side has learnt of
        // the branches on it before any code of the module runs: when it loaded the module, or at
        // boot if the module is built in.
        unsafe { helpers::static_key_enable(self.as_ptr()) };
    }

    /// Whether the key is enabled, for branches that the kernel cannot patch.
    #[cfg(not(simple_mmap_static_branch))]
    #[doc(hidden)]
    pub fn is_enabled(&'static self) -> bool {
        // SAFETY: The key is valid.
        unsafe { bindings::static_key_count(self.as_ptr()) > 0 }
    }
}

/// Whether a [`StaticKey`] is enabled, for a key that most often is not:
/// `static_branch_unlikely()`.
///
/// The argument is the path of the static.
#[macro_export]
macro_rules! static_branch_unlikely {
    ($key:path) => {{
        // These two check that the path is a static that can be borrowed without `unsafe`, and that
        // its type is `StaticKey`: the borrow alone would also accept a type that dereferences to
        // it.
        let _key: &'static $crate::compat::static_key::StaticKey = &$key;
        let _key: *const $crate::compat::static_key::StaticKey = &raw const $key;

        #[cfg(not(simple_mmap_static_branch))]
        {
            $key.is_enabled()
        }

        // As in `kernel::jump_label`, whose macro would look names up in the driver's crate.
        #[cfg(simple_mmap_static_branch)]
        'branch: {
            // SAFETY: By the check above the path is that of a `StaticKey`, which has a static key
            // in its field `key`.
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

/// As `kernel::asm!`: the kernel's assembly has AT&T syntax.
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
