// SPDX-License-Identifier: GPL-2.0

//! A VMA as its operations see it.
//!
//! C header: [`include/linux/mm_types.h`](srctree/include/linux/mm_types.h), `struct
//! vm_area_struct`.

use super::{
    pfn::Pfn,
    pgoff::Pgoff,
    virt::{
        flags,
        vm_flags_t, //
    }, //
};
use crate::bindings;

/// The address range of a VMA and what it maps, as of a call of one of the VMA's operations.
///
/// This is a copy of a few fields. [`VmaRef`] stands for the VMA itself, but it gives access to the
/// VMA's `mm_struct`, which must then have users (`mm_users`). The close operation of a VMA is also
/// called when its process exits, after the last user is gone.
///
/// [`VmaRef`]: super::virt::VmaRef
///
/// # Examples
///
/// ```
/// use kernel::mm::vma::{
///     FirstPage,
///     Vma, //
/// };
///
/// fn show(vma: &Vma) {
///     match vma.first_page() {
///         FirstPage::Offset(pgoff) => pr_info!("offset {:x}\n", pgoff.to_bytes()),
///         FirstPage::Frame(pfn) => pr_info!("physical address {:x}\n", pfn.to_phys()),
///     }
///     pr_info!("{} bytes from {:x} on\n", vma.size(), vma.start());
/// }
/// # let _ = show;
/// ```
#[derive(Debug)]
pub struct Vma {
    start: usize,
    end: usize,
    first_page: FirstPage,
}

/// What the first page of a VMA maps.
#[derive(Clone, Copy, Debug)]
pub enum FirstPage {
    /// The page at this offset of the file.
    Offset(Pgoff),
    /// This page frame. Where a write gives the process a copy of the page, `remap_pfn_range()`
    /// needs the number of the first frame in `vm_pgoff`, in place of the offset.
    Frame(Pfn),
}

impl Vma {
    #[inline]
    pub(super) fn new(start: usize, end: usize, first_page: FirstPage) -> Self {
        Self {
            start,
            end,
            first_page,
        }
    }

    /// The first address, `vm_start`.
    #[inline]
    pub fn start(&self) -> usize {
        self.start
    }

    /// The size in bytes, a multiple of the page size that is not zero.
    #[inline]
    pub fn size(&self) -> usize {
        self.end.wrapping_sub(self.start)
    }

    /// What the first page maps, from `vm_pgoff`.
    #[inline]
    pub fn first_page(&self) -> FirstPage {
        self.first_page
    }
}

/// Whether a write to a VMA with these flags gives the process a copy of the page,
/// `is_cow_mapping()`: the VMA is private and may become writable.
#[inline]
pub(super) fn is_cow_mapping(vm_flags: vm_flags_t) -> bool {
    vm_flags & (flags::SHARED | flags::MAYWRITE) == flags::MAYWRITE
}

/// The flags, `vm_flags`.
///
/// # Safety
///
/// `vma` must be valid.
#[inline]
pub(super) unsafe fn vm_flags(vma: *const bindings::vm_area_struct) -> vm_flags_t {
    // As READ_ONCE(): madvise() sets VM_MAYBE_GUARD with the VMA's lock held for reading only.
    // SAFETY: The VMA is valid. The flags are read by one access, and those that are tested here do
    // not change while the VMA is locked.
    unsafe { (&raw const (*vma).__bindgen_anon_2.vm_flags).read_volatile() }
}

/// The first address of the VMA and the first one past it, `vm_start` and `vm_end`.
///
/// # Safety
///
/// `vma` must be valid, and the mmap lock or the VMA's own lock must be held.
#[inline]
pub(super) unsafe fn vm_range(vma: *const bindings::vm_area_struct) -> (usize, usize) {
    // SAFETY: The VMA is valid, and its range does not change while it is locked.
    unsafe {
        let range = &(*vma).__bindgen_anon_1.__bindgen_anon_1;
        (range.vm_start, range.vm_end)
    }
}
