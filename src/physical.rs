// SPDX-License-Identifier: GPL-2.0

//! `/dev/simpler` with `physical=1`: all physical addresses except those of RAM, that is, device
//! memory.
//!
//! The offsets of a file are physical addresses. Only a process with `CAP_SYS_RAWIO` can open one.

use crate::{
    events::Events,
    region::{
        self,
        Region, //
    }, //
};
use core::ops::Range;
use kernel::{
    fs::file::flags::O_DSYNC,
    prelude::*, //
};
use simple_mmap::prelude::*;

/// The device.
pub(crate) struct Physical {
    events: Arc<Events>,
}

/// An open file of the device.
pub(crate) struct PhysicalFile {
    raw_io: RawIo,
    /// Whether the file was opened with `O_SYNC` or `O_DSYNC`, and so has no access through caches.
    uncached: bool,
    events: Arc<Events>,
}

impl Physical {
    /// Makes the device.
    ///
    /// # Errors
    ///
    /// [`EPERM`] if the kernel is locked down.
    pub(crate) fn new(events: Arc<Events>) -> Result<Arc<Self>> {
        check_lockdown().inspect_err(|_| {
            pr_err!("physical=1 is refused: the kernel is locked down\n");
        })?;
        Ok(Arc::new(Self { events }, GFP_KERNEL)?)
    }
}

impl OpenFile<Physical> for PhysicalFile {
    fn open(device: ArcBorrow<'_, Physical>, opening: &Opening<'_, Physical>) -> Result<Arc<Self>> {
        let file = Self {
            raw_io: RawIo::of_current(opening)?,
            // O_SYNC includes O_DSYNC.
            uncached: opening.flags() & O_DSYNC != 0,
            events: device.events.clone(),
        };
        Ok(Arc::new(file, GFP_KERNEL)?)
    }
}

impl PhysicalFile {
    /// Maps page `number` of the physical address space into the kernel's address space.
    fn map_page(&self, number: usize) -> Result<IoMapping<'_>> {
        let range = PhysRange::new(&self.raw_io, Pfn::new(number), 1)?;
        let uncached = self.uncached || range.is_uncached();
        IoMapping::new(range, uncached)
    }
}

/// How many bytes are copied at once between user space and a device.
const CHUNK_SIZE: usize = 256;

#[vtable]
impl MiscDevice for Physical {
    const NAME: &'static CStr = c"simpler";
    const MODE: u16 = 0o600;
    const PHYSICAL: bool = true;
    type File = PhysicalFile;

    fn mmap_prepare<'a>(
        file: &'a PhysicalFile,
        mut desc: VmaDesc<'a, PhysicalFile>,
    ) -> Result<VmaDesc<'a, PhysicalFile, Ready>> {
        let first = Pfn::new(desc.pgoff().index());
        let range = PhysRange::new(&file.raw_io, first, desc.pages())?;
        desc.deny_exec()?;
        if file.uncached || range.is_uncached() {
            // In a private mapping, the process's copy of a page is RAM, and would be mapped
            // uncached, too.
            desc.into_not_cow()?.io_remap_pfn_range(range.uncached())
        } else {
            desc.io_remap_pfn_range(range.cached())
        }
    }

    fn size(&self) -> u64 {
        phys_address_space()
    }

    fn read_iter(kiocb: Kiocb<'_, Arc<PhysicalFile>>, to: &mut IovIterDest<'_>) -> Result<usize> {
        region::read(kiocb, to)
    }

    fn write_iter(
        kiocb: Kiocb<'_, Arc<PhysicalFile>>,
        from: &mut IovIterSource<'_>,
    ) -> Result<usize> {
        region::write(kiocb, from)
    }

    fn show_fdinfo(file: &PhysicalFile, to: &SeqFile) {
        region::show_fdinfo(file, to);
    }
}

impl VmOperations for PhysicalFile {
    fn open(&self, vma: &Vma) {
        region::open(self, vma);
    }

    fn close(&self, vma: &Vma) {
        region::close(self, vma);
    }
}

impl Region for PhysicalFile {
    const MODE: &'static str = "physical";
    const PIECE_SIZE: usize = PAGE_SIZE;

    fn size(&self) -> u64 {
        phys_address_space()
    }

    fn events(&self) -> &Events {
        &self.events
    }

    fn phys(&self, page: FirstPage) -> PhysAddr {
        match page {
            FirstPage::Offset(pgoff) => pgoff.to_bytes(),
            FirstPage::Frame(pfn) => pfn.to_phys(),
        }
    }

    fn read_piece(
        &self,
        number: usize,
        bytes: Range<usize>,
        to: &mut IovIterDest<'_>,
    ) -> Result<usize> {
        let memory = self.map_page(number)?;
        let bytes = bytes.start as u64..bytes.end as u64;
        region::copy_pieces(bytes, CHUNK_SIZE, |number, part| {
            let mut chunk = [0; CHUNK_SIZE];
            let chunk = &mut chunk[..part.len()];
            memory.read(number * CHUNK_SIZE + part.start, chunk)?;
            Ok(to.copy_to_iter(chunk))
        })
    }

    fn write_piece(
        &self,
        number: usize,
        bytes: Range<usize>,
        from: &mut IovIterSource<'_>,
    ) -> Result<usize> {
        let memory = self.map_page(number)?;
        let bytes = bytes.start as u64..bytes.end as u64;
        region::copy_pieces(bytes, CHUNK_SIZE, |number, part| {
            let mut chunk = [0; CHUNK_SIZE];
            let copied = from.copy_from_iter(&mut chunk[..part.len()]);
            memory.write(number * CHUNK_SIZE + part.start, &chunk[..copied])?;
            Ok(copied)
        })
    }
}
