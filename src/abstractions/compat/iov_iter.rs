// SPDX-License-Identifier: GPL-2.0

//! The memory of user space that a `read` or `write` accesses.
//!
//! [`kernel::iov`] copies slices, to which nobody else may write. Memory that a process has mapped
//! cannot be a slice, so it has its own function for copying: [`SharedBytes::copy_to_iter`].
//!
//! [`SharedBytes::copy_to_iter`]: crate::memory::shared_bytes::SharedBytes::copy_to_iter
//!
//! C header: [`include/linux/uio.h`](srctree/include/linux/uio.h).

use kernel::{
    bindings,
    iov::IovIterDest, //
};

/// Fills the next `len` bytes with zeros, `iov_iter_zero()`. Returns how many bytes were filled:
/// fewer than `len` where user space has no memory.
///
/// # Examples
///
/// ```
/// fn read(to: &mut IovIterDest<'_>) -> usize {
///     zero_iter(to.len(), to)
/// }
/// # let _ = read;
/// ```
pub fn zero_iter(len: usize, to: &mut IovIterDest<'_>) -> usize {
    // SAFETY: The iterator is valid, and may be written to.
    unsafe { bindings::iov_iter_zero(len, to.as_raw()) }
}
