// SPDX-License-Identifier: GPL-2.0

//! Offsets in pages.
//!
//! C header: [`include/linux/types.h`](srctree/include/linux/types.h), `pgoff_t`.

use crate::page::PAGE_SHIFT;

/// An offset from the start of a file, in pages.
///
/// # Examples
///
/// ```
/// use kernel::{
///     mm::pgoff::Pgoff,
///     page::PAGE_SIZE, //
/// };
///
/// let pgoff = Pgoff::new(3);
/// assert_eq!(pgoff.index(), 3);
/// assert_eq!(pgoff.to_bytes(), 3 * PAGE_SIZE as u64);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(transparent)]
pub struct Pgoff(usize);

impl Pgoff {
    /// The offset of page number `index`.
    #[inline]
    pub const fn new(index: usize) -> Self {
        Self(index)
    }

    /// The number of pages before this offset.
    #[inline]
    pub const fn index(self) -> usize {
        self.0
    }

    /// The same offset in bytes.
    #[inline]
    pub const fn to_bytes(self) -> u64 {
        (self.0 as u64) << PAGE_SHIFT
    }
}
