// SPDX-License-Identifier: GPL-2.0

//! simple_edu: the registers of a PCI device, mapped until the device is unbound, and the device's
//! interrupt, which a process can wait for.
//!
//! The device is QEMU's `edu` (`-device edu`, any number of times), which is made for teaching.
//! Each device has a node `/dev/simple_edu<n>`. Its file shows the device's BAR 0 from offset 0 on:
//!
//! - `mmap` maps any pages of the BAR, shared, uncached.
//! - `read` and `write` of 4 or 8 aligned bytes make one access.
//! - At the offset behind the BAR, where `SEEK_END` leads, a `read` of 4 bytes waits for an
//!   interrupt of the device. It does not wait if there was an interrupt after the file was opened
//!   and after its last such `read`. The 4 bytes are the number of interrupts since the device was
//!   bound. The file's position does not change. `poll` tells whether such a `read` would wait. The
//!   driver itself acknowledges the interrupts.
//!
//! After the device was unbound or unplugged, a process that touches a mapping of it gets a
//! `SIGBUS`. Calls that need the device fail with `ENODEV`, including those that are waiting.
//!
//! A process that has the registers mapped can acknowledge an interrupt before the driver has seen
//! it. The driver's handler then says that the interrupt was not its device's. If nearly all
//! interrupts on a line end like that, the kernel disables the line, for all devices that share it
//! (`note_interrupt()`).
//!
//! UIO (`drivers/uio`) offers the mapping and the interrupt, too, for any PCI device, but does not
//! unmap the registers when the device is removed. VFIO offers both, too, and has an IOMMU restrict
//! the device to the memory that it is given, so that an ordinary user can be given a whole device:
//! use VFIO for anything except teaching. This driver does not make the device a bus master, so the
//! device cannot access memory.

use kernel::{
    device::Core,
    devres,
    io::Io,
    new_mutex,
    new_poll_condvar,
    pci,
    prelude::*,
    sync::{
        atomic::{
            Atomic,
            Relaxed, //
        },
        poll::PollCondVar,
        Mutex, //
    }, //
};

use simple_mmap::prelude::*;

kernel::module_pci_driver! {
    type: Driver,
    name: "simple_edu",
    authors: ["The simple developers"],
    description: "The registers of QEMU's edu device, mapped",
    license: "GPL v2",
}

pci_devices!(DEVICE_IDS, [device_id(0x1234, 0x11e8)]);

static DEVICES: NumberedDevices = NumberedDevices::new();

/// The size of BAR 0 in bytes.
const BAR_SIZE: usize = 1 << 20;

// The offsets of registers in BAR 0.
const IDENTIFICATION: usize = 0x00;
const INTERRUPT_STATUS: usize = 0x24;
const INTERRUPT_ACKNOWLEDGE: usize = 0x64;

struct Driver;

impl pci::Driver for Driver {
    type IdInfo = ();
    type Data<'bound> = Arc<Edu>;
    const ID_TABLE: pci::IdTable<()> = &DEVICE_IDS;

    fn probe<'bound>(
        pdev: &'bound pci::Device<Core<'_>>,
        _info: IdInfo<'bound, ()>,
    ) -> impl PinInit<Arc<Edu>, Error> + 'bound {
        pdev.enable_device_mem()?;
        let space = BoundSpace::new(pdev)?;
        let (bar, registers) = space.registers(0, c"simple_edu")?;
        let edu = Edu::new(bar, registers)?;
        request_threaded_irq(pdev, c"simple_edu", edu.clone())?;
        // Devres releases what was registered last first: the node is gone when this is dropped.
        devres::register(pdev.as_ref(), WakesWaiters(edu.clone()), GFP_KERNEL)?;
        let number = DEVICES.register(space, edu.clone())?;
        dev_info!(pdev, "/dev/simple_edu{number}\n");
        Ok(edu)
    }
}

/// Wakes the waiting processes when it is dropped, which is after the device is gone.
struct WakesWaiters(Arc<Edu>);

impl Drop for WakesWaiters {
    fn drop(&mut self) {
        self.0.interrupts.lock().are_over = true;
        self.0.changed.notify_all();
    }
}

/// A bound PCI device.
#[pin_data]
struct Edu {
    bar: Arc<DevresBar<BAR_SIZE>>,
    registers: RevocableFrames<Uncached>,
    #[pin]
    interrupts: Mutex<Interrupts>,
    #[pin]
    changed: PollCondVar,
}

/// The state of a device's interrupts.
struct Interrupts {
    /// How many interrupts there were; it wraps around.
    count: u32,
    /// Whether there will be no more interrupts, because the device is gone.
    are_over: bool,
}

impl Edu {
    fn new(
        bar: Arc<DevresBar<BAR_SIZE>>,
        registers: RevocableFrames<Uncached>,
    ) -> Result<Arc<Self>> {
        let interrupts = Interrupts {
            count: 0,
            are_over: false,
        };
        let edu = try_pin_init!(Self {
            bar,
            registers,
            interrupts <- new_mutex!(interrupts),
            changed <- new_poll_condvar!(),
        });
        Arc::pin_init(edu, GFP_KERNEL)
    }
}

impl InterruptHandler for Edu {
    fn handle(&self) -> bool {
        let Some(bar) = self.bar.try_access() else {
            return false;
        };
        let status = bar.read32(INTERRUPT_STATUS);
        // A device that was unplugged reads all ones. A process that has the registers mapped can
        // make the status read all ones, too, but not the identification.
        if status == 0 || (status == u32::MAX && bar.read32(IDENTIFICATION) == u32::MAX) {
            return false;
        }
        bar.write32(status, INTERRUPT_ACKNOWLEDGE);
        true
    }

    fn handle_threaded(&self) {
        let mut interrupts = self.interrupts.lock();
        interrupts.count = interrupts.count.wrapping_add(1);
        drop(interrupts);
        self.changed.notify_all();
    }
}

/// An open file.
struct EduFile {
    edu: Arc<Edu>,
    /// The number of interrupts that the file has last read, or that there were when it was opened.
    seen: Atomic<u32>,
}

impl OpenFile<Edu> for EduFile {
    fn open(edu: ArcBorrow<'_, Edu>, _: &Opening<'_, Edu>) -> Result<Arc<Self>> {
        let file = Self {
            seen: Atomic::new(edu.interrupts.lock().count),
            edu: edu.into(),
        };
        Ok(Arc::new(file, GFP_KERNEL)?)
    }
}

impl EduFile {
    /// The number of interrupts, if there was one that the file has not read of.
    ///
    /// # Errors
    ///
    /// [`ENODEV`] if the device is gone.
    fn unseen(&self, interrupts: &Interrupts) -> Result<Option<u32>> {
        if interrupts.are_over {
            return Err(ENODEV);
        }
        Ok((interrupts.count != self.seen.load(Relaxed)).then_some(interrupts.count))
    }

    /// Waits for an interrupt that the file has not read of, and returns the number of interrupts.
    fn wait(&self, nonblocking: bool) -> Result<u32> {
        let mut interrupts = self.edu.interrupts.lock();
        loop {
            if let Some(count) = self.unseen(&interrupts)? {
                self.seen.store(count, Relaxed);
                return Ok(count);
            }
            if nonblocking {
                return Err(EAGAIN);
            }
            if self.edu.changed.wait_interruptible(&mut interrupts) {
                return Err(ERESTARTSYS);
            }
        }
    }
}

#[vtable]
impl MiscDevice for Edu {
    const NAME: &'static CStr = c"simple_edu";
    const MODE: u16 = 0o600;
    const NOWAIT: bool = true;
    type File = EduFile;

    fn mmap_prepare<'a>(
        file: &'a EduFile,
        mut desc: VmaDesc<'a, EduFile>,
    ) -> Result<VmaDesc<'a, EduFile, Ready>> {
        desc.deny_exec()?;
        desc.into_not_cow()?.serve_device_frames(file)
    }

    fn size(&self) -> u64 {
        BAR_SIZE as u64
    }

    fn read_iter(mut kiocb: Kiocb<'_, Arc<EduFile>>, to: &mut IovIterDest<'_>) -> Result<usize> {
        let file = kiocb.file();
        let at = kiocb.ki_pos() as usize;
        if at == BAR_SIZE {
            if to.len() != size_of::<u32>() {
                return Err(EINVAL);
            }
            let count = file.wait(is_nonblocking(&kiocb))?;
            return copied_all(4, to.copy_to_iter(&count.to_ne_bytes()));
        }
        // The access to the BAR ends before the word is copied to user space, as the copy can
        // sleep.
        let len = to.len();
        let word = {
            let bar = file.edu.bar.try_access().ok_or(ENODEV)?;
            match len {
                4 => u64::from(bar.try_read32(at)?),
                8 => bar.try_read64(at)?,
                _ => return Err(EINVAL),
            }
        };
        copied_all(len, to.copy_to_iter(&word.to_le_bytes()[..len]))?;
        *kiocb.ki_pos_mut() += len as i64;
        Ok(len)
    }

    fn write_iter(
        mut kiocb: Kiocb<'_, Arc<EduFile>>,
        from: &mut IovIterSource<'_>,
    ) -> Result<usize> {
        let file = kiocb.file();
        let at = kiocb.ki_pos() as usize;
        let len = from.len();
        if len != 4 && len != 8 {
            return Err(EINVAL);
        }
        let mut word = [0; 8];
        copied_all(len, from.copy_from_iter(&mut word[..len]))?;
        {
            let bar = file.edu.bar.try_access().ok_or(ENODEV)?;
            match len {
                4 => bar.try_write32(u64::from_le_bytes(word) as u32, at)?,
                _ => bar.try_write64(u64::from_le_bytes(word), at)?,
            }
        }
        *kiocb.ki_pos_mut() += len as i64;
        Ok(len)
    }

    fn poll<'a>(file: &'a EduFile, poll: &Poll<'a>) -> Result<PollEvents> {
        poll.wait(&file.edu.changed);
        Ok(match file.unseen(&file.edu.interrupts.lock())? {
            // A write never has to wait.
            None => PollEvents::WRITABLE,
            Some(_) => PollEvents::WRITABLE | PollEvents::READABLE,
        })
    }
}

/// Returns `len`, or [`EFAULT`] if fewer than `len` bytes were copied to or from user space.
fn copied_all(len: usize, copied: usize) -> Result<usize> {
    if copied != len {
        return Err(EFAULT);
    }
    Ok(len)
}

impl VmOperations for EduFile {}

impl DeviceFrames for EduFile {
    type Caching = Uncached;

    fn device_frames(&self) -> &RevocableFrames<Uncached> {
        &self.edu.registers
    }
}
