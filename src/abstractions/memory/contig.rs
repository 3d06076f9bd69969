// SPDX-License-Identifier: GPL-2.0

//! Physically contiguous pages.
//!
//! C header: [`include/linux/gfp.h`](srctree/include/linux/gfp.h), `alloc_pages_exact()`,
//! `alloc_contig_range()`.

use super::{
    may_fail::{
        is_available,
        GFP, //
    },
    shared_bytes::SharedBytes, //
};
use crate::{
    compat::helpers,
    mm::{
        frames::FrameRun,
        pfn::Pfn, //
    }, //
};
use core::ptr::NonNull;
use kernel::{
    alloc::AllocError,
    bindings,
    page::PAGE_SIZE,
    prelude::*, //
};

/// Physically contiguous pages, zeroed when allocated, freed on drop.
///
/// # Invariants
///
/// `addr` is the address in the kernel's linear mapping of `count` pages, at least one, that were
/// allocated as `origin` says, and are ours to free. There are no Rust references to their bytes
/// except to atomics, as others may write the bytes at any time.
///
/// # Examples
///
/// ```
/// let memory = ContigPages::alloc(3)?;
/// assert_eq!(memory.count(), 3);
/// assert_eq!(memory.first_pfn().to_phys() % PAGE_SIZE as PhysAddr, 0);
/// assert!(memory.frames_from(3).is_none());
/// memory.bytes().fill(PAGE_SIZE..2 * PAGE_SIZE, 0xa5)?;
/// # Ok::<(), Error>(())
/// ```
pub struct ContigPages {
    addr: NonNull<c_void>,
    count: usize,
    origin: Origin,
}

/// Where pages come from.
#[derive(Clone, Copy)]
enum Origin {
    /// From `alloc_pages_exact()`.
    Buddy,
    /// From `alloc_contig_range()`.
    ContigRange,
}

// SAFETY: Pages belong to no thread in particular.
unsafe impl Send for ContigPages {}

// SAFETY: The methods that take `&self` only compute addresses.
unsafe impl Sync for ContigPages {}

impl ContigPages {
    /// Allocates `count` pages, at least one.
    ///
    /// Up to 2^`MAX_PAGE_ORDER` pages come from the page allocator, if it has that many contiguous
    /// ones. Otherwise, if the kernel has `CONFIG_CONTIG_ALLOC`, contiguous pages are made free by
    /// moving their content elsewhere.
    ///
    /// # Errors
    ///
    /// [`AllocError`] if not that many pages are available, or not contiguous ones. No process is
    /// killed to get them.
    pub fn alloc(count: usize) -> Result<Self, AllocError> {
        if count == 0 || !is_available(count) {
            return Err(AllocError);
        }
        if count <= 1 << bindings::MAX_PAGE_ORDER {
            // SAFETY: The size is neither zero nor beyond what the page allocator serves, and this
            // is process context, where allocating may sleep.
            let addr = unsafe {
                helpers::alloc_pages_exact(count * PAGE_SIZE, GFP | bindings::__GFP_ZERO)
            };
            if let Some(addr) = NonNull::new(addr) {
                // INVARIANT: `alloc_pages_exact()` has just returned this address.
                return Ok(Self {
                    addr,
                    count,
                    origin: Origin::Buddy,
                });
            }
        }
        let first = alloc_contig_range(count).ok_or(AllocError)?;
        // SAFETY: What the kernel allocates for itself is in the linear mapping.
        let addr = unsafe { helpers::phys_to_virt(first.to_phys()) };
        // INVARIANT: `alloc_contig_range()` has just allocated these pages.
        Ok(Self {
            addr: NonNull::new(addr).ok_or(AllocError)?,
            count,
            origin: Origin::ContigRange,
        })
    }

    /// How many pages there are.
    pub fn count(&self) -> usize {
        self.count
    }

    /// The first page frame.
    pub fn first_pfn(&self) -> Pfn {
        // SAFETY: By the type invariant this is an address in the kernel's linear mapping.
        Pfn::containing(unsafe { helpers::virt_to_phys(self.addr.as_ptr()) })
    }

    /// The page frames from page number `page` on, or `None` if there is no such page.
    pub fn frames_from(&self, page: usize) -> Option<FrameRun<'_>> {
        let left = self.count.checked_sub(page).filter(|left| *left > 0)?;
        let first = Pfn::new(self.first_pfn().as_raw() + page);
        // SAFETY: By the type invariant the pages are ours as long as `self` is borrowed, and the
        // kernel has no Rust references to their bytes except to atomics. They are RAM, which is
        // mapped cached.
        Some(unsafe { FrameRun::new(first, left) })
    }

    /// The bytes of all pages.
    #[inline]
    pub fn bytes(&self) -> SharedBytes<'_, PAGE_SIZE> {
        // SAFETY: By the type invariant there is memory of at least a page at this address as long
        // as `self` is borrowed, with no Rust references to it except to atomics. It was zeroed,
        // and starts with a page.
        unsafe { SharedBytes::new(self.addr.cast(), self.count * PAGE_SIZE) }
    }
}

impl Drop for ContigPages {
    fn drop(&mut self) {
        match self.origin {
            // SAFETY: By the type invariant the memory was allocated with this size and is ours.
            Origin::Buddy => unsafe {
                bindings::free_pages_exact(self.addr.as_ptr(), self.count * PAGE_SIZE)
            },
            // SAFETY: By the type invariant the memory was allocated with this size and is ours.
            Origin::ContigRange => unsafe {
                helpers::free_contig_range(self.first_pfn().as_raw(), self.count)
            },
        }
    }
}

/// Allocates `count` contiguous zeroed pages by moving what is in the way elsewhere.
///
/// `alloc_contig_pages()` tries only ranges that start at multiples of the size asked for, and so
/// misses some. This function tries ranges that start at any pageblock, which is the unit in which
/// memory can be isolated.
fn alloc_contig_range(count: usize) -> Option<Pfn> {
    // SAFETY: This function only returns a number.
    let block = unsafe { helpers::pageblock_nr_pages() };
    for zone in 0.. {
        let (mut start, mut end) = (0, 0);
        // SAFETY: The pointers are to variables.
        if !unsafe { helpers::zone_span(zone, &mut start, &mut end) } {
            break;
        }
        // The search goes down from the end of the zone, because the kernel needs low memory most.
        let mut usable = 0;
        let mut pfn = end / block * block;
        while pfn > start.next_multiple_of(block) {
            pfn -= block;
            // SAFETY: This function may be called with any number.
            if !unsafe { helpers::pageblock_in_zone(pfn, zone) } {
                usable = 0;
                continue;
            }
            usable += block;
            if usable < count {
                continue;
            }
            // SAFETY: All pageblocks of the range, from the first to the last, were found to be
            // online and in one zone. This may sleep.
            let ret = unsafe {
                helpers::alloc_contig_range(pfn, pfn + count, GFP | bindings::__GFP_ZERO)
            };
            match ret {
                0 => return Some(Pfn::new(pfn)),
                // Something in the range cannot be moved, perhaps in one of the last blocks.
                _ if ret == EBUSY.to_errno() => {}
                _ => return None,
            }
            if current!().signal_pending() {
                return None;
            }
        }
    }
    None
}
