// SPDX-License-Identifier: GPL-2.0

//! memory: a device for each kind of memory that the kernel can reach while user space has it
//! mapped. A write is a command to the kernel to use the memory, a read copies out of it.

use kernel::{
    prelude::*,
    sync::atomic::{
        Full,
        Relaxed, //
    }, //
};

use simple_mmap::prelude::*;

module_devices! {
    type: MemoryModule,
    name: "memory",
    authors: ["The simple developers"],
    description: "Memory that the kernel and user space write at the same time",
    license: "GPL v2",
}

/// The number of pages of a kind of memory that can have more than one.
const PAGES: usize = 130;

struct MemoryModule;

impl DeviceModule for MemoryModule {
    fn init(devices: &mut Devices) -> Result<Self> {
        let page = SharedPage::alloc(GFP_KERNEL)?;
        devices.add(Arc::new(Device(page), GFP_KERNEL)?)?;
        devices.add(Arc::new(Device(ContigPages::alloc(PAGES)?), GFP_KERNEL)?)?;
        devices.add(Arc::new(Device(VmallocPages::alloc(PAGES)?), GFP_KERNEL)?)?;
        Ok(Self)
    }
}

/// A kind of memory.
trait Memory: Send + Sync + Sized + 'static {
    const NAME: &'static CStr;

    fn bytes(&self) -> SharedBytes<'_, PAGE_SIZE>;

    fn map<'a>(desc: VmaDesc<'a, Device<Self>>) -> Result<VmaDesc<'a, Device<Self>, Ready>>;
}

impl Memory for ARef<SharedPage> {
    const NAME: &'static CStr = c"memory_page";

    fn bytes(&self) -> SharedBytes<'_, PAGE_SIZE> {
        SharedPage::bytes(self)
    }

    fn map<'a>(desc: VmaDesc<'a, Device<Self>>) -> Result<VmaDesc<'a, Device<Self>, Ready>> {
        Ok(desc.serve_pages())
    }
}

impl Memory for ContigPages {
    const NAME: &'static CStr = c"memory_contig";

    fn bytes(&self) -> SharedBytes<'_, PAGE_SIZE> {
        ContigPages::bytes(self)
    }

    fn map<'a>(desc: VmaDesc<'a, Device<Self>>) -> Result<VmaDesc<'a, Device<Self>, Ready>> {
        Ok(desc.into_not_cow()?.serve_frames())
    }
}

impl Memory for VmallocPages {
    const NAME: &'static CStr = c"memory_vmalloc";

    fn bytes(&self) -> SharedBytes<'_, PAGE_SIZE> {
        VmallocPages::bytes(self)
    }

    fn map<'a>(desc: VmaDesc<'a, Device<Self>>) -> Result<VmaDesc<'a, Device<Self>, Ready>> {
        Ok(desc.serve_pages())
    }
}

struct Device<M>(M);

impl<M: Memory> VmOperations for Device<M> {}

impl Pages for Device<ARef<SharedPage>> {
    fn fault(&self, vmf: &VmFault) -> Result<ARef<SharedPage>, VmFaultError> {
        if vmf.pgoff() != Pgoff::new(0) {
            return Err(VmFaultError::SigBus);
        }
        Ok(self.0.clone())
    }
}

impl Frames for Device<ContigPages> {
    fn frames(&self, pgoff: Pgoff) -> Option<FrameRun<'_>> {
        self.0.frames_from(pgoff.index())
    }
}

impl Pages for Device<VmallocPages> {
    fn fault(&self, vmf: &VmFault) -> Result<ARef<SharedPage>, VmFaultError> {
        Ok(self.0.page(vmf.pgoff()).ok_or(VmFaultError::SigBus)?.into())
    }
}

#[vtable]
impl<M: Memory> MiscDevice for Device<M> {
    const NAME: &'static CStr = M::NAME;
    const MODE: u16 = 0o600;
    type File = Self;

    fn mmap_prepare<'a>(
        _device: &'a Self,
        mut desc: VmaDesc<'a, Self>,
    ) -> Result<VmaDesc<'a, Self, Ready>> {
        desc.deny_exec()?;
        M::map(desc)
    }

    fn size(&self) -> u64 {
        self.0.bytes().len() as u64
    }

    fn read_iter(mut kiocb: Kiocb<'_, Arc<Self>>, to: &mut IovIterDest<'_>) -> Result<usize> {
        let start = kiocb.ki_pos() as usize;
        let end = start.checked_add(to.len()).ok_or(EINVAL)?;
        let done = kiocb.file().0.bytes().copy_to_iter(start..end, to)?;
        *kiocb.ki_pos_mut() += done as i64;
        Ok(done)
    }

    fn write_iter(kiocb: Kiocb<'_, Arc<Self>>, from: &mut IovIterSource<'_>) -> Result<usize> {
        let len = from.len();
        command(kiocb.file().0.bytes(), from)?;
        Ok(len)
    }
}

/// The largest size of the data after a command, in bytes.
const BUFFER: usize = 4096;

/// Reads a command of tests/drivers/memory/memory.c, and executes it. Returns EINVAL or ENXIO if
/// the memory refuses it, and EDOM if it is no valid command.
fn command(bytes: SharedBytes<'_, PAGE_SIZE>, from: &mut IovIterSource<'_>) -> Result {
    let mut words = [0; 4];
    for word in &mut words {
        let mut raw = [0; 8];
        if from.copy_from_iter(&mut raw) != raw.len() {
            return Err(EDOM);
        }
        *word = u64::from_ne_bytes(raw);
    }
    let [op, value, offset, len] = words;
    let (offset, len) = (offset as usize, len as usize);
    // Ranges outside of the memory, or with an end before the start, are passed on to be refused.
    let range = offset..offset.wrapping_add(len);
    match op {
        // Compares the memory with the data after the command.
        0 => {
            let theirs = buffer(from)?;
            let mut ours = KVec::from_elem(!0, theirs.len(), GFP_KERNEL)?;
            bytes.read(offset, &mut ours)?;
            if ours[..] != theirs[..] {
                return Err(EIO);
            }
            Ok(())
        }
        // Writes the data after the command.
        1 => bytes.write(offset, &buffer(from)?),
        2 => bytes.fill(range, value as u8),
        3 => bytes.clear(range),
        // Copies the data after the command.
        4 => match bytes.copy_from_iter(range, from)? {
            copied if copied == len => Ok(()),
            _ => Err(EFAULT),
        },
        // Adds to a word of this length.
        5 => {
            match len {
                4 => {
                    let word = bytes.atomic::<u32>(offset).ok_or(ENXIO)?;
                    word.fetch_add(value as u32, Full);
                }
                8 => {
                    let word = bytes.atomic::<i64>(offset).ok_or(ENXIO)?;
                    word.fetch_add(value as i64, Full);
                }
                _ => return Err(EDOM),
            }
            Ok(())
        }
        // Adds to the last word of the first page.
        6 => {
            let word = bytes.word::<u64, { PAGE_SIZE / 8 - 1 }>();
            word.fetch_add(value, Full);
            Ok(())
        }
        // Fills a part, except its first and last byte.
        7 => {
            let part = bytes.slice(range).ok_or(ENXIO)?;
            let inner = part.slice(1..part.len().wrapping_sub(1)).ok_or(ENXIO)?;
            inner.fill(0..inner.len(), value as u8)
        }
        // Stores a byte as an atomic.
        8 => {
            let byte = bytes.atomic::<i8>(offset).ok_or(ENXIO)?;
            byte.store(value as i8, Relaxed);
            Ok(())
        }
        _ => Err(EDOM),
    }
}

/// The data after a command.
fn buffer(from: &mut IovIterSource<'_>) -> Result<KVec<u8>> {
    let len = from.len();
    if len > BUFFER {
        return Err(EDOM);
    }
    let mut buffer = KVec::with_capacity(len, GFP_KERNEL)?;
    if from.copy_from_iter_vec(&mut buffer, GFP_KERNEL)? != len {
        return Err(EFAULT);
    }
    Ok(buffer)
}
