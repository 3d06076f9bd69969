// SPDX-License-Identifier: GPL-2.0

//! `/dev/simpler`: a region of physically contiguous memory, mapped a whole VMA at once.

use crate::{
    abstractions::{
        miscdevice::MiscDevice,
        pages_exact::PagesExact,
        vm_operations::VmOperations,
        vma::{
            Vma,
            VmaNew,
            VmaReady, //
        }, //
    },
    region,
    trace::Trace, //
};
use core::cmp::min;
use kernel::{
    bindings::phys_addr_t,
    page::PAGE_SHIFT,
    prelude::*,
    sync::{
        Arc,
        ArcBorrow, //
    }, //
};

/// The device and its region.
pub(crate) struct Simpler {
    /// All but the last have [`PagesExact::MAX_PAGES`] pages.
    blocks: KVVec<PagesExact>,
    pages: usize,
    trace: Trace,
}

impl Simpler {
    /// Allocates a region of `pages` pages.
    pub(crate) fn new(pages: usize, trace_level: u8) -> Result<Arc<Self>> {
        let mut blocks = KVVec::new();
        let mut left = pages;
        while left > 0 {
            let block = PagesExact::new(min(left, PagesExact::MAX_PAGES))?;
            left -= min(left, PagesExact::MAX_PAGES);
            blocks.push(block, GFP_KERNEL)?;
        }
        let device = Self {
            blocks,
            pages,
            trace: Trace::new(Self::NAME, trace_level),
        };
        Ok(Arc::new(device, GFP_KERNEL)?)
    }

    /// The physical address that the first page of a VMA maps.
    fn phys(&self, vma: &Vma) -> phys_addr_t {
        let pgoff = vma.pgoff();
        if vma.is_cow() {
            // Filled by remap_pfn_range(), so this is a PFN.
            return (pgoff << PAGE_SHIFT) as phys_addr_t;
        }
        let offset = region::byte_offset(pgoff % PagesExact::MAX_PAGES);
        self.blocks
            .get(pgoff / PagesExact::MAX_PAGES)
            .map_or(0, |block| block.phys() + offset)
    }
}

impl MiscDevice for Simpler {
    const NAME: &'static CStr = c"simpler";
    const MODE: u16 = 0o600;
    type Vma = Self;

    fn mmap<'a>(device: ArcBorrow<'_, Self>, vma: VmaNew<'a>) -> Result<VmaReady<'a, Self>> {
        let range = region::range_of(&vma, device.pages)?;
        vma.deny_exec()?;

        let mut vma = vma.into_pfnmap(device.into());
        let mut next = range.start;
        while next < range.end {
            let (block, from) = (next / PagesExact::MAX_PAGES, next % PagesExact::MAX_PAGES);
            let to = min(from + (range.end - next), PagesExact::MAX_PAGES);
            vma.remap_pfn_range(|device| &device.blocks[block], from..to)?;
            next += to - from;
        }
        Ok(vma.finish())
    }
}

#[vtable]
impl VmOperations for Simpler {
    fn open(&self, vma: &Vma) {
        self.trace.open(vma, self.phys(vma));
    }

    fn close(&self, vma: &Vma) {
        self.trace.close(vma, self.phys(vma));
    }
}
