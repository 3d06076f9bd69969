// SPDX-License-Identifier: GPL-2.0

//! `/dev/simpler` with `physical=1`: all of physical address space but RAM, that is, device memory.
//!
//! A file is opened by a process that has the right to that, and offsets are physical addresses.

use crate::{
    abstractions::{
        capability::RawIo,
        ioremap::IoMapping,
        miscdevice::MiscDevice,
        pfnmap_access::{
            access_pfnmap,
            Access, //
        },
        phys_range::PhysRange,
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
    fs::{
        file::flags::O_DSYNC,
        LocalFile, //
    },
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

/// The device.
pub(crate) struct Physical {
    events: Arc<Events>,
}

/// An open file of it.
pub(crate) struct PhysicalFile {
    events: Arc<Events>,
    raw_io: RawIo,
}

/// A mapping of it.
pub(crate) struct PhysicalVma {
    events: Arc<Events>,
    range: PhysRange,
}

impl Physical {
    /// A device; refused where the kernel is locked down.
    pub(crate) fn new(events: Arc<Events>) -> Result<Arc<Self>> {
        crate::abstractions::capability::check_lockdown().inspect_err(|_| {
            pr_err!("physical=1 is refused: the kernel is locked down\n");
        })?;
        Ok(Arc::new(Self { events }, GFP_KERNEL)?)
    }
}

impl PhysicalFile {
    /// One page of device memory, in the kernel's address space.
    fn page(&self, page: usize, file: &LocalFile) -> Result<IoMapping> {
        IoMapping::new(PhysRange::new(&self.raw_io, page, 1, wants_uncached(file))?)
    }
}

/// Whether the file was opened for uncached access. `O_SYNC` includes `O_DSYNC`.
fn wants_uncached(file: &LocalFile) -> bool {
    file.flags() & O_DSYNC != 0
}

/// The bytes that are copied at once between user space and a device.
const CHUNK_SIZE: usize = 256;

#[vtable]
impl MiscDevice for Physical {
    const NAME: &'static CStr = c"simpler";
    const MODE: u16 = 0o600;
    type File = PhysicalFile;
    type Vma = PhysicalVma;

    fn open(device: ArcBorrow<'_, Self>) -> Result<Arc<PhysicalFile>> {
        let file = PhysicalFile {
            events: device.events.clone(),
            raw_io: RawIo::of_current()?,
        };
        Ok(Arc::new(file, GFP_KERNEL)?)
    }

    fn mmap<'a>(
        this: ArcBorrow<'_, PhysicalFile>,
        file: &LocalFile,
        vma: VmaNew<'a>,
    ) -> Result<VmaReady<'a, PhysicalVma>> {
        let pages = vma.pages();
        let range = PhysRange::new(&this.raw_io, vma.pgoff(), pages, wants_uncached(file))?;
        vma.deny_exec()?;

        let data = PhysicalVma {
            events: this.events.clone(),
            range,
        };
        let mut vma = vma.into_pfnmap(Arc::new(data, GFP_KERNEL)?);
        vma.remap_pfn_range(|data| &data.range, 0..pages)?;
        Ok(vma.finish())
    }

    fn size(_this: &PhysicalFile) -> u64 {
        PhysRange::address_space()
    }

    fn read_iter(
        this: &PhysicalFile,
        file: &LocalFile,
        pos: u64,
        to: &mut IovIterDest<'_>,
    ) -> Result<usize> {
        let range = region::reached(pos, to.len(), PhysRange::address_space());
        region::copy_pieces(range, PAGE_SIZE, |page, bytes| {
            let memory = this.page(page, file)?;
            region::copy_pieces(
                bytes.start as u64..bytes.end as u64,
                CHUNK_SIZE,
                |number, part| {
                    let mut chunk = [0; CHUNK_SIZE];
                    let chunk = &mut chunk[..part.len()];
                    memory.read(number * CHUNK_SIZE + part.start, chunk)?;
                    Ok(to.copy_to_iter(chunk))
                },
            )
        })
    }

    fn write_iter(
        this: &PhysicalFile,
        file: &LocalFile,
        pos: u64,
        from: &mut IovIterSource<'_>,
    ) -> Result<usize> {
        let range = region::written(pos, from.len(), PhysRange::address_space())?;
        region::copy_pieces(range, PAGE_SIZE, |page, bytes| {
            let memory = this.page(page, file)?;
            region::copy_pieces(
                bytes.start as u64..bytes.end as u64,
                CHUNK_SIZE,
                |number, part| {
                    let mut chunk = [0; CHUNK_SIZE];
                    let copied = from.copy_from_iter(&mut chunk[..part.len()]);
                    memory.write(number * CHUNK_SIZE + part.start, &chunk[..copied])?;
                    Ok(copied)
                },
            )
        })
    }

    fn show_fdinfo(this: &PhysicalFile, to: &SeqFile) {
        let size = PhysRange::address_space();
        region::show_fdinfo(to, "physical", size, this.events.pages());
    }
}

#[vtable]
impl VmOperations for PhysicalVma {
    fn open(&self, vma: &Vma) {
        self.events.open(vma, || (vma.pgoff() << PAGE_SHIFT) as u64);
    }

    fn close(&self, vma: &Vma) {
        self.events
            .close(vma, || (vma.pgoff() << PAGE_SHIFT) as u64);
    }

    fn access(&self, vma: &Vma, address: usize, access: Access<'_>) -> Result<usize> {
        access_pfnmap(vma, address, access)
    }
}
