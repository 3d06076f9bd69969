// SPDX-License-Identifier: GPL-2.0

//! Ranges of physical addresses that are not RAM: device memory.
//!
//! C header: [`include/linux/ioport.h`](srctree/include/linux/ioport.h), `region_intersects()`.

use super::{
    capability::RawIo,
    helpers,
    remap_pfn_range::PageFrames, //
};
use kernel::{
    bindings,
    page::{
        PAGE_SHIFT,
        PAGE_SIZE, //
    },
    prelude::*, //
};

/// Whole pages of physical address space with no System RAM in them.
///
/// # Invariants
///
/// When this was made, none of the pages was System RAM, all were within the physical address
/// width, and a process with the right to reach them asked for them.
pub struct PhysRange {
    first_pfn: usize,
    pages: usize,
    uncached: bool,
}

impl PhysRange {
    /// How many bytes of physical address space there are.
    pub fn address_space() -> u64 {
        // SAFETY: This may always be asked.
        1 << unsafe { helpers::simple_mmap_phys_bits() }
    }

    /// The `pages` pages from page frame `first_pfn` on.
    ///
    /// If `uncached` they are reached past the caches. That is so in any case for what is beyond
    /// the last RAM, and on architectures other than x86 for all, as `/dev/mem` does it.
    ///
    /// # Errors
    ///
    /// - [`EINVAL`] if there are none, or they do not all lie in the physical address space.
    /// - [`EPERM`] if there is System RAM among them.
    pub fn new(_: &RawIo, first_pfn: usize, pages: usize, uncached: bool) -> Result<Self> {
        let end = first_pfn.checked_add(pages).ok_or(EINVAL)?;
        if pages == 0 || end as u64 > Self::address_space() >> PAGE_SHIFT {
            return Err(EINVAL);
        }
        let start = (first_pfn << PAGE_SHIFT) as bindings::phys_addr_t;
        // SAFETY: The tree of resources may always be looked at; the range does not overflow.
        let found = unsafe {
            bindings::region_intersects(
                start,
                pages * PAGE_SIZE,
                bindings::IORESOURCE_SYSTEM_RAM as c_ulong,
                bindings::IORES_DESC_NONE as c_ulong,
            )
        };
        if found != bindings::REGION_DISJOINT as c_int {
            return Err(EPERM);
        }
        // SAFETY: This may always be asked.
        let uncached_from = unsafe { helpers::simple_mmap_uncached_from() };
        // INVARIANT: All of it was just checked.
        Ok(Self {
            first_pfn,
            pages,
            uncached: uncached || start >= uncached_from,
        })
    }

    /// The physical address of the first byte.
    pub(super) fn phys(&self) -> bindings::phys_addr_t {
        (self.first_pfn << PAGE_SHIFT) as bindings::phys_addr_t
    }
}

// SAFETY: By the type invariant this is no RAM, so it is nothing that the kernel allocates; and the
// process that asked for it has the right to do anything to devices.
unsafe impl PageFrames for PhysRange {
    fn first_pfn(&self) -> usize {
        self.first_pfn
    }

    fn pages(&self) -> usize {
        self.pages
    }

    fn uncached(&self) -> bool {
        self.uncached
    }
}
