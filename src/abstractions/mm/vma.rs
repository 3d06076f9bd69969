// SPDX-License-Identifier: GPL-2.0

//! A VMA as its operations see it.
//!
//! C header: [`include/linux/mm_types.h`](srctree/include/linux/mm_types.h), `struct
//! vm_area_struct`.

use super::{
    pfn::Pfn,
    pgoff::Pgoff, //
};
use kernel::{
    bindings,
    mm::virt::{
        flags,
        vm_flags_t, //
    }, //
};

/// Where a VMA is and what it maps, when one of its operations is called.
///
/// This is a copy of a few fields. [`VmaRef`] would be the VMA itself, but it leads to the address
/// space too, which must then have users. A VMA whose process is exiting still has its close
/// operation called, after the last user is gone.
///
/// [`VmaRef`]: kernel::mm::virt::VmaRef
///
/// # Examples
///
/// ```
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
    /// This page frame: `remap_pfn_range()` keeps the number of the first frame in place of the
    /// offset where a write gives the process a copy of the page.
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
/// `is_cow_mapping()`: it is private and may become writable.
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
    // As READ_ONCE(): madvise sets VM_MAYBE_GUARD while it holds the VMA's lock for reading only.
    // SAFETY: The VMA is valid. The flags are read whole, and those asked for here do not change
    // while it is locked.
    unsafe { (&raw const (*vma).__bindgen_anon_2.vm_flags).read_volatile() }
}

/// The addresses from the first to past the last, `vm_start` and `vm_end`.
///
/// # Safety
///
/// `vma` must be valid, and locked: its mmap lock or its own must be held.
#[inline]
pub(super) unsafe fn vm_range(vma: *const bindings::vm_area_struct) -> (usize, usize) {
    // SAFETY: The VMA is valid, and its range does not change while it is locked.
    unsafe {
        let range = &(*vma).__bindgen_anon_1.__bindgen_anon_1;
        (range.vm_start, range.vm_end)
    }
}
