// SPDX-License-Identifier: GPL-2.0

//! `/dev/simpler`: a region of physically contiguous memory, mapped a whole VMA at once; or with
//! huge pages, when they are touched.

use crate::{
    abstractions::{
        miscdevice::MiscDevice,
        pages_exact::PagesExact,
        pfnmap_access::{
            access_pfnmap,
            Access, //
        },
        remap_pfn_range::PageFrames,
        vm_operations::VmOperations,
        vma::{
            Vma,
            VmaNew,
            VmaReady, //
        }, //
    },
    events::Events,
    region, //
};
use kernel::{
    bindings::phys_addr_t,
    fs::LocalFile,
    iov::{
        IovIterDest,
        IovIterSource, //
    },
    page::{
        PAGE_SHIFT,
        PAGE_SIZE, //
    },
    prelude::*,
    seq_file::SeqFile,
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
    /// Whether the blocks are mapped when they are touched, with huge pages.
    huge: bool,
    events: Arc<Events>,
}

/// The size of a block in bytes.
const BLOCK_SIZE: usize = PagesExact::MAX_PAGES * PAGE_SIZE;

impl Simpler {
    /// Allocates a region of `pages` pages.
    pub(crate) fn new(pages: usize, huge: bool, events: Arc<Events>) -> Result<Arc<Self>> {
        // Rather than take all there is away from others first.
        if !PagesExact::fits_ram(pages) {
            return Err(ENOMEM);
        }
        let mut blocks = KVVec::new();
        for (_, block) in region::pieces(0..pages as u64, PagesExact::MAX_PAGES) {
            blocks.push(PagesExact::new(block.len())?, GFP_KERNEL)?;
        }
        events.pages_allocated(pages);
        let device = Self {
            blocks,
            pages,
            huge,
            events,
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

impl Drop for Simpler {
    fn drop(&mut self) {
        self.blocks.clear();
        self.events.pages_freed(self.pages);
    }
}

#[vtable]
impl MiscDevice for Simpler {
    const NAME: &'static CStr = c"simpler";
    const MODE: u16 = 0o600;
    type File = Self;
    type Vma = Self;

    fn open(device: ArcBorrow<'_, Self>) -> Result<Arc<Self>> {
        Ok(device.into())
    }

    fn mmap<'a>(
        device: ArcBorrow<'_, Self>,
        _file: &LocalFile,
        vma: VmaNew<'a>,
    ) -> Result<VmaReady<'a, Self>> {
        let range = region::mapped(vma.pgoff(), vma.pages(), device.pages)?;
        vma.deny_exec()?;
        if device.huge && !vma.is_cow() {
            return vma.into_pfnmap_on_demand(device.into());
        }

        let mut vma = vma.into_pfnmap(device.into());
        let range = range.start as u64..range.end as u64;
        for (block, pages) in region::pieces(range, PagesExact::MAX_PAGES) {
            vma.remap_pfn_range(|device| &device.blocks[block], pages)?;
        }
        Ok(vma.finish())
    }

    fn wants_hugepages(device: &Self) -> bool {
        device.huge
    }

    fn size(device: &Self) -> u64 {
        region::byte_offset(device.pages)
    }

    fn read_iter(
        device: &Self,
        _file: &LocalFile,
        pos: u64,
        to: &mut IovIterDest<'_>,
    ) -> Result<usize> {
        let range = region::reached(pos, to.len(), Self::size(device));
        region::copy_pieces(range, BLOCK_SIZE, |block, bytes| {
            Ok(device.blocks[block].copy_to_iter(bytes, to))
        })
    }

    fn write_iter(
        device: &Self,
        _file: &LocalFile,
        pos: u64,
        from: &mut IovIterSource<'_>,
    ) -> Result<usize> {
        let range = region::written(pos, from.len(), Self::size(device))?;
        region::copy_pieces(range, BLOCK_SIZE, |block, bytes| {
            Ok(device.blocks[block].copy_from_iter(bytes, from))
        })
    }

    fn show_fdinfo(device: &Self, to: &SeqFile) {
        region::show_fdinfo(to, "contiguous", Self::size(device), device.events.pages());
    }
}

#[vtable]
impl VmOperations for Simpler {
    fn open(&self, vma: &Vma) {
        self.events.open(vma, || self.phys(vma));
    }

    fn close(&self, vma: &Vma) {
        self.events.close(vma, || self.phys(vma));
    }

    fn page_frames(&self, pgoff: usize) -> Option<(&dyn PageFrames, usize)> {
        let block = self.blocks.get(pgoff / PagesExact::MAX_PAGES)?;
        Some((block, pgoff % PagesExact::MAX_PAGES))
    }

    fn access(&self, vma: &Vma, address: usize, access: Access<'_>) -> Result<usize> {
        access_pfnmap(vma, address, access)
    }
}
