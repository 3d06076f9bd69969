// SPDX-License-Identifier: GPL-2.0

//! misctest: two devices of one type, with names and a minor number that parameters choose, and
//! with all that a misc device can have beside memory. A third device has an ioctl, and no
//! compat_ioctl.

use kernel::{
    fs::file::{
        flags,
        FileDescriptorReservation, //
    },
    ioctl::{
        _IO,
        _IOC_SIZE,
        _IOR,
        _IOWR, //
    },
    new_mutex,
    new_poll_condvar,
    prelude::*,
    str::CString,
    sync::{
        atomic::{
            Atomic,
            Relaxed, //
        },
        poll::PollCondVar,
        Mutex, //
    },
    transmute::{
        AsBytes,
        FromBytes, //
    },
    uaccess::{
        UserPtr,
        UserSlice, //
    }, //
};

use simple_mmap::prelude::*;

module_devices! {
    type: Driver,
    name: "misctest",
    authors: ["The simple developers"],
    description: "Misc devices of one type, with ioctls",
    license: "GPL v2",
    params: {
        base: u32 {
            default: 0,
            description: "The number of the first device",
        },
        minor: u32 {
            default: 19,
            description: "Its minor number",
        },
        second_minor: u32 {
            default: 255,
            description: "The minor number of the second; 255: the kernel chooses",
        },
        long: u32 {
            default: 0,
            description: "1: a device with the longest name is added, too",
        },
        plain: u32 {
            default: 0,
            description: "The number of the third device",
        },
    },
}

struct Driver;

impl DeviceModule for Driver {
    fn init(devices: &mut Devices) -> Result<Self> {
        check_refused(devices)?;
        let base = parameter(&module_parameters::base);
        let second_minor = parameter(&module_parameters::second_minor);
        let minors = [
            Some(parameter(&module_parameters::minor)),
            (second_minor != 255).then_some(second_minor),
        ];
        for (number, minor) in (base..).zip(minors) {
            let options = MiscDeviceOptions {
                name: CString::try_from_fmt(fmt!("misctest{number}"))?,
                minor,
            };
            devices.add_with(options, Port::new()?)?;
        }
        if parameter(&module_parameters::long) != 0 {
            let options = MiscDeviceOptions {
                name: CString::try_from_fmt(fmt!("{:x>255}", ""))?,
                minor: None,
            };
            devices.add_with(options, Port::new()?)?;
        }
        let options = MiscDeviceOptions {
            name: CString::try_from_fmt(fmt!("miscplain{}", parameter(&module_parameters::plain)))?,
            minor: None,
        };
        devices.add_with(options, Arc::new(Plain, GFP_KERNEL)?)?;
        Ok(Self)
    }
}

/// Checks that names and minor numbers that no device can have are refused.
fn check_refused(devices: &mut Devices) -> Result {
    let long = CString::try_from_fmt(fmt!("{:x>256}", ""))?;
    let names: [(&CStr, Error); 7] = [
        (c"", EINVAL),
        (c".", EINVAL),
        (c"..", EINVAL),
        (c"misc/test", EINVAL),
        (c"misc!test", EINVAL),
        (&long, EINVAL),
        (c"misctest", EEXIST),
    ];
    devices.add(Arc::new(Plain, GFP_KERNEL)?)?;
    for (name, error) in names {
        let options = MiscDeviceOptions {
            name: CString::try_from(name)?,
            minor: None,
        };
        if devices.add_with(options, Arc::new(Plain, GFP_KERNEL)?) != Err(error) {
            pr_err!("the name {name:?} is not refused with {error:?}\n");
            return Err(EIO);
        }
    }
    for minor in [255, 256, (1 << 20) - 1, 1 << 20, u32::MAX] {
        let options = MiscDeviceOptions {
            name: CString::try_from(c"misctest-minor")?,
            minor: Some(minor),
        };
        if devices.add_with(options, Arc::new(Plain, GFP_KERNEL)?) != Err(EINVAL) {
            pr_err!("the minor number {minor} is not refused\n");
            return Err(EIO);
        }
    }
    Ok(())
}

/// The argument of MISC_WORDS.
#[repr(C)]
struct Words {
    halves: [u32; 2],
    sum: u64,
}

// SAFETY: There is no padding, and any bytes are valid.
unsafe impl FromBytes for Words {}

// SAFETY: There is no padding.
unsafe impl AsBytes for Words {}

/// The argument of MISC_COUNTS.
#[repr(C)]
struct Counts {
    opened: u32,
    released: u32,
    euid: u32,
}

// SAFETY: There is no padding.
unsafe impl AsBytes for Counts {}

const TYPE: u32 = b'm' as u32;
const MISC_WORDS: u32 = _IOWR::<Words>(TYPE, 0);
const MISC_COUNTS: u32 = _IOR::<Counts>(TYPE, 1);
const MISC_DENY: u32 = _IO(TYPE, 2);
const MISC_EVENTS: u32 = _IO(TYPE, 3);
const MISC_DUP: u32 = _IO(TYPE, 4);
const MISC_IS_COMPAT: u32 = _IO(TYPE, 5);

const DENY_COPY: usize = 1;
const DENY_EXPAND: usize = 2;

const EVENTS: [PollEvents; 5] = [
    PollEvents::READABLE,
    PollEvents::WRITABLE,
    PollEvents::PRIORITY,
    PollEvents::ERROR,
    PollEvents::HANGUP,
];
const FAILS: usize = 1 << EVENTS.len();

/// Executes MISC_WORDS: exchanges the halves, and adds them.
fn exchange(cmd: u32, arg: usize) -> Result<isize> {
    let slice = UserSlice::new(UserPtr::from_addr(arg), _IOC_SIZE(cmd));
    let (mut from, mut to) = slice.reader_writer();
    let Words { halves: [a, b], .. } = from.read()?;
    to.write(&Words {
        halves: [b, a],
        sum: u64::from(a) + u64::from(b),
    })?;
    Ok(0)
}

/// A device.
#[pin_data]
struct Port {
    opened: Atomic<u32>,
    released: Atomic<u32>,
    /// The user who opened the device last.
    euid: Atomic<u32>,
    #[pin]
    events: Mutex<usize>,
    #[pin]
    changed: PollCondVar,
}

impl Port {
    fn new() -> Result<Arc<Self>> {
        let port = try_pin_init!(Self {
            opened: Atomic::new(0),
            released: Atomic::new(0),
            euid: Atomic::new(0),
            events <- new_mutex!(0),
            changed <- new_poll_condvar!(),
        });
        Arc::pin_init(port, GFP_KERNEL)
    }
}

/// An open file, with a page.
struct PortFile {
    port: Arc<Port>,
    page: ARef<SharedPage>,
    deny: Atomic<usize>,
}

impl OpenFile<Port> for PortFile {
    fn open(port: ArcBorrow<'_, Port>, opening: &Opening<'_, Port>) -> Result<Arc<Self>> {
        let euid = opening.cred().euid().into_uid_in_current_ns();
        port.euid.store(euid, Relaxed);
        port.opened.fetch_add(1, Relaxed);
        let file = Self {
            port: port.into(),
            page: SharedPage::alloc(GFP_KERNEL)?,
            deny: Atomic::new(0),
        };
        Ok(Arc::new(file, GFP_KERNEL)?)
    }

    fn release(file: ArcBorrow<'_, Self>) {
        file.port.released.fetch_add(1, Relaxed);
    }
}

impl PortFile {
    fn ioctl(&self, file: &File, cmd: u32, arg: usize) -> Result<isize> {
        match cmd {
            MISC_WORDS => return exchange(cmd, arg),
            MISC_COUNTS => {
                let mut to = UserSlice::new(UserPtr::from_addr(arg), _IOC_SIZE(cmd)).writer();
                to.write(&Counts {
                    opened: self.port.opened.load(Relaxed),
                    released: self.port.released.load(Relaxed),
                    euid: self.port.euid.load(Relaxed),
                })?;
            }
            MISC_DENY => self.deny.store(arg, Relaxed),
            MISC_EVENTS => {
                *self.port.events.lock() = arg;
                self.port.changed.notify_all();
            }
            MISC_DUP => {
                let place = FileDescriptorReservation::get_unused_fd_flags(flags::O_CLOEXEC)?;
                let fd = place.reserved_fd();
                place.fd_install(file.into());
                return Ok(fd as isize);
            }
            _ => return Err(ENOTTY),
        }
        Ok(0)
    }
}

#[vtable]
impl MiscDevice for Port {
    const NAME: &'static CStr = c"misctest";
    const MODE: u16 = 0o666;
    type File = PortFile;

    fn mmap_prepare<'a>(
        file: &'a PortFile,
        mut desc: VmaDesc<'a, PortFile>,
    ) -> Result<VmaDesc<'a, PortFile, Ready>> {
        let deny = file.deny.load(Relaxed);
        if deny & DENY_COPY != 0 {
            desc.deny_copy();
        }
        if deny & DENY_EXPAND != 0 {
            desc.deny_expand();
        }
        Ok(desc.serve_pages())
    }

    fn poll<'a>(file: &'a PortFile, poll: &Poll<'a>) -> Result<PollEvents> {
        poll.wait(&file.port.changed);
        let bits = *file.port.events.lock();
        if bits & FAILS != 0 {
            return Err(EIO);
        }
        let mut events = PollEvents::NONE;
        for (number, event) in EVENTS.iter().enumerate() {
            if bits & 1 << number != 0 {
                events |= *event;
            }
        }
        Ok(events)
    }

    fn ioctl(data: ArcBorrow<'_, PortFile>, file: &File, cmd: u32, arg: usize) -> Result<isize> {
        match cmd {
            MISC_IS_COMPAT => Ok(0),
            _ => data.ioctl(file, cmd, arg),
        }
    }

    #[cfg(CONFIG_COMPAT)]
    fn compat_ioctl(
        data: ArcBorrow<'_, PortFile>,
        file: &File,
        cmd: u32,
        arg: usize,
    ) -> Result<isize> {
        match cmd {
            MISC_IS_COMPAT => Ok(1),
            _ => data.ioctl(file, cmd, arg),
        }
    }
}

impl VmOperations for PortFile {}

impl Pages for PortFile {
    fn fault(&self, vmf: &VmFault) -> Result<ARef<SharedPage>, VmFaultError> {
        if vmf.pgoff() != Pgoff::new(0) {
            return Err(VmFaultError::SigBus);
        }
        Ok(self.page.clone())
    }
}

/// A device without compat_ioctl and without memory.
struct Plain;

#[vtable]
impl MiscDevice for Plain {
    const NAME: &'static CStr = c"misctest";
    const MODE: u16 = 0o600;
    type File = Self;

    fn mmap_prepare<'a>(_: &'a Self, _: VmaDesc<'a, Self>) -> Result<VmaDesc<'a, Self, Ready>> {
        Err(ENODEV)
    }

    fn ioctl(_: ArcBorrow<'_, Self>, _: &File, cmd: u32, arg: usize) -> Result<isize> {
        match cmd {
            MISC_WORDS => exchange(cmd, arg),
            MISC_IS_COMPAT => Ok(0),
            _ => Err(ENOTTY),
        }
    }
}

impl VmOperations for Plain {}
