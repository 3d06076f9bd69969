// SPDX-License-Identifier: GPL-2.0

//! Page frame numbers.
//!
//! C header: [`include/linux/pfn.h`](srctree/include/linux/pfn.h), `PFN_PHYS()`, `PHYS_PFN()`.

use crate::{
    io::PhysAddr,
    page::PAGE_SHIFT, //
};

/// The number of a page frame: a physical address, in pages.
///
/// # Examples
///
/// ```
/// use kernel::{
///     io::PhysAddr,
///     mm::pfn::Pfn,
///     page::PAGE_SIZE, //
/// };
///
/// let pfn = Pfn::new(0xfd000);
/// assert_eq!(pfn.to_phys(), (0xfd000 * PAGE_SIZE) as PhysAddr);
/// assert_eq!(Pfn::containing(pfn.to_phys() + 1), pfn);
/// assert_eq!(pfn.as_raw(), 0xfd000);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(transparent)]
pub struct Pfn(usize);

impl Pfn {
    /// The page frame with this number.
    #[inline]
    pub const fn new(number: usize) -> Self {
        Self(number)
    }

    /// The page frame that a physical address lies in, `PHYS_PFN()`.
    #[inline]
    pub const fn containing(phys: PhysAddr) -> Self {
        Self((phys >> PAGE_SHIFT) as usize)
    }

    /// The number, for the C side.
    #[inline]
    pub const fn as_raw(self) -> usize {
        self.0
    }

    /// The physical address of the first byte, `PFN_PHYS()`.
    #[inline]
    pub const fn to_phys(self) -> PhysAddr {
        (self.0 as PhysAddr) << PAGE_SHIFT
    }
}
