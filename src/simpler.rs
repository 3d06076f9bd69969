// SPDX-License-Identifier: GPL-2.0

//! `/dev/simpler`: a region of physically contiguous memory. A VMA is mapped as a whole at `mmap`.
//! With `huge=1` a shared VMA is instead mapped with huge pages, when a process touches them.

use crate::{
    events::Events,
    region::{
        self,
        Region, //
    }, //
};
use core::ops::Range;
use kernel::prelude::*;
use simple_mmap::prelude::*;

/// The device and its region.
pub(crate) struct Simpler {
    memory: ContigPages,
    /// Whether shared mappings are mapped with huge pages, when a process touches them.
    huge: bool,
    events: Arc<Events>,
}

impl Simpler {
    /// Allocates a region of `pages` pages.
    pub(crate) fn new(pages: usize, huge: bool, events: Arc<Events>) -> Result<Arc<Self>> {
        let memory = ContigPages::alloc(pages).inspect_err(|_| {
            let kib = Pgoff::new(pages).to_bytes() >> 10;
            pr_err!("simpler: cannot allocate {pages} contiguous pages ({kib} KiB)\n");
        })?;
        events.pages_allocated(pages);
        let device = Self {
            memory,
            huge,
            events,
        };
        Ok(Arc::new(device, GFP_KERNEL)?)
    }
}

impl Drop for Simpler {
    fn drop(&mut self) {
        // All pages are freed, because nobody can take a reference on a page of the region.
        self.events.pages_freed(self.memory.count());
    }
}

#[vtable]
impl MiscDevice for Simpler {
    const NAME: &'static CStr = c"simpler";
    const MODE: u16 = 0o600;
    type File = Self;

    /// Has the kernel call `remap_pfn_range()` over the VMA's range, once the VMA is in place. (In
    /// older kernels the mmap handler was called with the VMA, and called `remap_pfn_range()`
    /// itself.)
    fn mmap_prepare<'a>(
        device: &'a Self,
        mut desc: VmaDesc<'a, Self>,
    ) -> Result<VmaDesc<'a, Self, Ready>> {
        let (pgoff, pages) = (desc.pgoff(), desc.pages());
        region::check_mapped(pgoff, pages, device.memory.count())?;
        desc.deny_exec()?;
        if device.huge && !desc.is_cow() {
            return Ok(desc.into_not_cow()?.serve_frames());
        }
        let frames = device.memory.frames_from(pgoff.index()).ok_or(EINVAL)?;
        desc.remap_pfn_range(frames.take(pages).ok_or(EINVAL)?)
    }

    fn size(&self) -> u64 {
        Region::size(self)
    }

    fn wants_hugepages(&self) -> bool {
        self.huge
    }

    fn read_iter(kiocb: Kiocb<'_, Arc<Self>>, to: &mut IovIterDest<'_>) -> Result<usize> {
        region::read(kiocb, to)
    }

    fn write_iter(kiocb: Kiocb<'_, Arc<Self>>, from: &mut IovIterSource<'_>) -> Result<usize> {
        region::write(kiocb, from)
    }

    fn show_fdinfo(device: &Self, to: &SeqFile) {
        region::show_fdinfo(device, to);
    }
}

impl Frames for Simpler {
    fn frames(&self, pgoff: Pgoff) -> Option<FrameRun<'_>> {
        self.memory.frames_from(pgoff.index())
    }
}

impl VmOperations for Simpler {
    fn open(&self, vma: &Vma) {
        region::open(self, vma);
    }

    fn close(&self, vma: &Vma) {
        region::close(self, vma);
    }
}

impl Region for Simpler {
    const MODE: &'static str = "contiguous";
    const PIECE_SIZE: usize = 1 << 20;

    fn size(&self) -> u64 {
        Pgoff::new(self.memory.count()).to_bytes()
    }

    fn events(&self) -> &Events {
        &self.events
    }

    fn phys(&self, page: FirstPage) -> PhysAddr {
        match page {
            FirstPage::Offset(pgoff) => self.memory.first_pfn().to_phys() + pgoff.to_bytes(),
            FirstPage::Frame(pfn) => pfn.to_phys(),
        }
    }

    fn read_piece(
        &self,
        number: usize,
        bytes: Range<usize>,
        to: &mut IovIterDest<'_>,
    ) -> Result<usize> {
        let start = number * Self::PIECE_SIZE;
        self.memory
            .bytes()
            .copy_to_iter(start + bytes.start..start + bytes.end, to)
    }

    fn write_piece(
        &self,
        number: usize,
        bytes: Range<usize>,
        from: &mut IovIterSource<'_>,
    ) -> Result<usize> {
        let start = number * Self::PIECE_SIZE;
        self.memory
            .bytes()
            .copy_from_iter(start + bytes.start..start + bytes.end, from)
    }
}
