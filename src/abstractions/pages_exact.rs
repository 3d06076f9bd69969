// SPDX-License-Identifier: GPL-2.0

//! Physically contiguous pages.
//!
//! C header: [`include/linux/gfp.h`](srctree/include/linux/gfp.h), `alloc_pages_exact()`.

use super::{
    helpers,
    remap_pfn_range::PageFrames, //
};
use core::{
    cmp::min,
    ffi::c_void,
    ops::Range,
    ptr::NonNull, //
};
use kernel::{
    alloc::AllocError,
    bindings,
    iov::{
        IovIterDest,
        IovIterSource, //
    },
    page::{
        PAGE_SHIFT,
        PAGE_SIZE, //
    },
    prelude::*, //
};

/// Physically contiguous pages, zeroed when allocated, freed on drop.
///
/// # Invariants
///
/// `addr` is what `alloc_pages_exact()` returned for `pages * PAGE_SIZE` bytes, and the memory is
/// ours to free. There is no Rust reference into it, as others may write it at any time.
pub struct PagesExact {
    addr: NonNull<c_void>,
    pages: usize,
}

// SAFETY: Pages belong to no thread in particular.
unsafe impl Send for PagesExact {}

// SAFETY: The methods by shared reference compute addresses, and copy bytes that others may write
// meanwhile.
unsafe impl Sync for PagesExact {}

impl PagesExact {
    /// The largest number of pages that one allocation can have.
    pub const MAX_PAGES: usize = 1 << bindings::MAX_PAGE_ORDER;

    /// Whether the machine has so many pages at all, `totalram_pages()`.
    pub fn fits_ram(pages: usize) -> bool {
        // SAFETY: This reads a counter.
        pages <= unsafe { helpers::simple_mmap_totalram_pages() }
    }

    /// Allocates `pages` contiguous zeroed pages, 1 to [`Self::MAX_PAGES`].
    ///
    /// Fails if there is no contiguous memory of that size, without ending processes to get it.
    pub fn new(pages: usize) -> Result<Self, AllocError> {
        if pages == 0 || pages > Self::MAX_PAGES {
            return Err(AllocError);
        }
        // SAFETY: The size is neither zero nor beyond what the page allocator serves, and this is
        // process context, where allocating may sleep.
        let addr = unsafe { helpers::simple_mmap_alloc_pages_exact(pages * PAGE_SIZE) };
        // INVARIANT: The memory was just allocated with this size.
        Ok(Self {
            addr: NonNull::new(addr).ok_or(AllocError)?,
            pages,
        })
    }

    /// Copies a range of the bytes to user space. Returns how many; fewer where user space has no
    /// memory, or the range exceeds the pages.
    pub fn copy_to_iter(&self, range: Range<usize>, to: &mut IovIterDest<'_>) -> usize {
        let len = min(range.end, self.pages * PAGE_SIZE).saturating_sub(range.start);
        // SAFETY: The range is in the memory, which is in the kernel's linear mapping. Whoever else
        // writes there meanwhile, this copies bytes and nothing else.
        unsafe { bindings::_copy_to_iter(self.at(range.start), len, to.as_raw()) }
    }

    /// Copies a range of the bytes from user space. Returns how many; fewer where user space has no
    /// memory, or the range exceeds the pages.
    pub fn copy_from_iter(&self, range: Range<usize>, from: &mut IovIterSource<'_>) -> usize {
        let len = min(range.end, self.pages * PAGE_SIZE).saturating_sub(range.start);
        // SAFETY: As in `copy_to_iter`; there is no Rust reference into the memory.
        unsafe { bindings::_copy_from_iter(self.at(range.start), len, from.as_raw()) }
    }

    fn at(&self, offset: usize) -> *mut c_void {
        self.addr.as_ptr().wrapping_byte_add(offset)
    }

    /// The physical address of the first byte.
    pub fn phys(&self) -> bindings::phys_addr_t {
        // SAFETY: By the type invariant this is an address in the kernel's linear mapping.
        unsafe { helpers::simple_mmap_virt_to_phys(self.addr.as_ptr()) }
    }
}

impl Drop for PagesExact {
    fn drop(&mut self) {
        // SAFETY: By the type invariant the memory was allocated with this size and is ours.
        unsafe { bindings::free_pages_exact(self.addr.as_ptr(), self.pages * PAGE_SIZE) };
    }
}

// SAFETY: By the type invariant the pages are ours until the drop, and nothing in the kernel has a
// Rust reference into them, so user space may read and write them at any time.
unsafe impl PageFrames for PagesExact {
    fn first_pfn(&self) -> usize {
        (self.phys() >> PAGE_SHIFT) as usize
    }

    fn pages(&self) -> usize {
        self.pages
    }
}
