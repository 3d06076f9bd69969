// SPDX-License-Identifier: GPL-2.0

//! Misc devices that can be mapped.
//!
//! Beside what `kernel::miscdevice` offers, these devices have what mapping needs. Their files hold
//! the module (in `kernel::miscdevice` from 7.3 on), so the module cannot be unloaded while a file
//! is open or mapped. They have `mmap_prepare`, and the files of a device have an address space and
//! a size of their own, and can seek.
//!
//! C headers: [`include/linux/miscdevice.h`](srctree/include/linux/miscdevice.h),
//! [`include/linux/fs.h`](srctree/include/linux/fs.h).

use super::hotplug::UnmapBeforeOnline;
use crate::{
    compat::{
        helpers,
        this_module::this_module, //
    },
    mm::{
        address_space::AddressSpace,
        desc::{
            Ready,
            VmaDesc, //
        },
        vm_operations::{
            file_data,
            VmOperations, //
        }, //
    }, //
};
use core::{
    cmp::min,
    marker::PhantomData,
    ops::{
        BitOr,
        BitOrAssign, //
    }, //
};
use kernel::{
    bindings,
    cred::Credential,
    error::{
        to_result,
        VTABLE_DEFAULT_ERROR, //
    },
    fs::{
        File,
        Kiocb, //
    },
    iov::{
        IovIterDest,
        IovIterSource, //
    },
    prelude::*,
    seq_file::SeqFile,
    str::{
        CStr,
        CString, //
    },
    sync::{
        atomic::{
            Atomic,
            Relaxed, //
        },
        poll::{
            PollCondVar,
            PollTable, //
        },
        Arc,
        ArcBorrow, //
    },
    types::{
        ForeignOwnable,
        Opaque, //
    }, //
};

/// A misc device, implemented by the type of the device's data.
///
/// # Examples
///
/// A page that all processes share that open the device:
///
/// ```
/// struct Board(ARef<SharedPage>);
///
/// impl VmOperations for Board {}
///
/// impl Pages for Board {
///     fn fault(&self, _vmf: &VmFault) -> Result<ARef<SharedPage>, VmFaultError> {
///         Ok(self.0.clone())
///     }
/// }
///
/// #[vtable]
/// impl MiscDevice for Board {
///     const NAME: &'static CStr = c"board";
///     const MODE: u16 = 0o600;
///     type File = Self;
///
///     fn mmap_prepare<'a>(
///         _: &'a Self,
///         desc: VmaDesc<'a, Self>,
///     ) -> Result<VmaDesc<'a, Self, Ready>> {
///         Ok(desc.serve_pages())
///     }
/// }
///
/// fn make(devices: &mut Devices) -> Result {
///     devices.add(Arc::new(Board(SharedPage::alloc(GFP_KERNEL)?), GFP_KERNEL)?)
/// }
/// # let _ = make;
/// ```
#[vtable]
pub trait MiscDevice: Send + Sync + Sized + 'static {
    /// The name of the device and of its node in `/dev`, unless the device is added with another
    /// name by [`MiscDeviceOptions`].
    const NAME: &'static CStr;

    /// The access mode of the node. 0 stands for the default of devtmpfs, 0600.
    const MODE: u16;

    /// Whether the offsets of the files are physical addresses. If so, what becomes RAM is
    /// unmapped.
    const PHYSICAL: bool = false;

    /// Whether [`Self::read_iter`] and [`Self::write_iter`] fail with [`EAGAIN`] when they would
    /// have to wait and [`is_nonblocking`] is true: `FMODE_NOWAIT`. If this is false, calls with
    /// `RWF_NOWAIT` fail with `EOPNOTSUPP`, and io_uring waits until [`Self::poll`] reports an
    /// event before it reads or writes.
    ///
    /// [`is_nonblocking`]: crate::compat::kiocb::is_nonblocking
    const NOWAIT: bool = false;

    /// What an open file refers to, with a reference on it. Often this is the device itself.
    type File: OpenFile<Self>;

    /// A process maps the device: the mmap handler, `mmap_prepare`.
    ///
    /// There is no VMA yet. The handler decides what the mapping is to be. It may map what it
    /// borrows from the file, because the file's data stay until its last VMA is gone. The mmap
    /// lock is held for writing. May sleep.
    ///
    /// # Errors
    ///
    /// On any error the process's `mmap` fails.
    fn mmap_prepare<'a>(
        file: &'a Self::File,
        desc: VmaDesc<'a, Self::File>,
    ) -> Result<VmaDesc<'a, Self::File, Ready>>;

    /// The size in bytes, to which `SEEK_END` leads, and up to which the kernel maps large folios
    /// as a whole. Without this function the files cannot seek. It is called once.
    fn size(&self) -> u64 {
        build_error!(VTABLE_DEFAULT_ERROR)
    }

    /// Whether the kernel should choose addresses at which folios of PMD size can be mapped, if the
    /// process does not choose the address: `thp_get_unmapped_area()`. This is called once.
    fn wants_hugepages(&self) -> bool {
        false
    }

    /// A process reads at the position of `kiocb`, in bytes: `read`, `pread`, `readv` and the like.
    /// Returns how many bytes the process got; 0 means the end of the file. The function itself
    /// must move the position on.
    fn read_iter(_kiocb: Kiocb<'_, Arc<Self::File>>, _to: &mut IovIterDest<'_>) -> Result<usize> {
        build_error!(VTABLE_DEFAULT_ERROR)
    }

    /// A process writes at the position of `kiocb`, in bytes: `write`, `pwrite`, `writev` and the
    /// like. Returns how many bytes were taken from the process. The function itself must move the
    /// position on.
    fn write_iter(
        _kiocb: Kiocb<'_, Arc<Self::File>>,
        _from: &mut IovIterSource<'_>,
    ) -> Result<usize> {
        build_error!(VTABLE_DEFAULT_ERROR)
    }

    /// A process asks whether it would have to wait to read or to write: `poll`, `select`, `epoll`.
    /// Returns the events for which it would not have to wait. The function must first call
    /// [`Poll::wait`] for everything that can change the answer. Without this function the answer
    /// is that the file can be read and written to at any time.
    ///
    /// # Errors
    ///
    /// On any error the process is told of an error and a hangup, `POLLERR` and `POLLHUP`.
    fn poll<'a>(_file: &'a Self::File, _poll: &Poll<'a>) -> Result<PollEvents> {
        build_error!(VTABLE_DEFAULT_ERROR)
    }

    /// A process makes a request that the driver defines: `ioctl`, the C operation
    /// `unlocked_ioctl`.
    ///
    /// `cmd` is a number that a function of [`kernel::ioctl`] makes. `arg` is often the address of
    /// a structure in user space, to be accessed by [`kernel::uaccess::UserSlice`]. The process
    /// gets the returned value.
    ///
    /// The driver may keep a reference on `file`, or give it another descriptor. If the data of a
    /// file hold a reference on the file, it is never released. May sleep.
    ///
    /// # Errors
    ///
    /// The process gets any error in `errno`. A `cmd` that is not known should fail with
    /// [`ENOTTY`]. If the device is gone, the process gets [`ENODEV`], and this function is not
    /// called.
    ///
    /// # Examples
    ///
    /// ```
    /// use kernel::{
    ///     fs::File,
    ///     ioctl::{
    ///         _IOWR,
    ///         _IOC_SIZE, //
    ///     },
    ///     transmute::{
    ///         AsBytes,
    ///         FromBytes, //
    ///     },
    ///     uaccess::{
    ///         UserPtr,
    ///         UserSlice, //
    ///     }, //
    /// };
    ///
    /// #[repr(C)]
    /// struct Sum {
    ///     terms: [u32; 2],
    ///     sum: u64,
    /// }
    ///
    /// // SAFETY: There is no padding, and any bytes are valid.
    /// unsafe impl FromBytes for Sum {}
    ///
    /// // SAFETY: There is no padding.
    /// unsafe impl AsBytes for Sum {}
    ///
    /// const SUM: u32 = _IOWR::<Sum>('s' as u32, 0);
    ///
    /// fn ioctl<T>(_data: ArcBorrow<'_, T>, _file: &File, cmd: u32, arg: usize) -> Result<isize> {
    ///     match cmd {
    ///         SUM => {
    ///             let slice = UserSlice::new(UserPtr::from_addr(arg), _IOC_SIZE(cmd));
    ///             let (mut from, mut to) = slice.reader_writer();
    ///             let mut sum: Sum = from.read()?;
    ///             sum.sum = sum.terms.iter().map(|term| u64::from(*term)).sum();
    ///             to.write(&sum)?;
    ///             Ok(0)
    ///         }
    ///         _ => Err(ENOTTY),
    ///     }
    /// }
    /// # let _ = ioctl::<u32>;
    /// ```
    fn ioctl(
        _data: ArcBorrow<'_, Self::File>,
        _file: &File,
        _cmd: u32,
        _arg: usize,
    ) -> Result<isize> {
        build_error!(VTABLE_DEFAULT_ERROR)
    }

    /// Like [`Self::ioctl`], for a 32-bit process on a 64-bit kernel, `compat_ioctl`. It is needed
    /// if structures have another layout in such a process. Without this function [`Self::ioctl`]
    /// is called, with `arg` converted as an address: `compat_ptr_ioctl()`.
    ///
    /// # Errors
    ///
    /// As for [`Self::ioctl`].
    #[cfg(CONFIG_COMPAT)]
    fn compat_ioctl(
        _data: ArcBorrow<'_, Self::File>,
        _file: &File,
        _cmd: u32,
        _arg: usize,
    ) -> Result<isize> {
        build_error!(VTABLE_DEFAULT_ERROR)
    }

    /// A process reads `/proc/<pid>/fdinfo/<fd>`.
    fn show_fdinfo(_file: &Self::File, _to: &SeqFile) {
        build_error!(VTABLE_DEFAULT_ERROR)
    }
}

/// The name and the minor number of a misc device, given when the device is added.
///
/// # Examples
///
/// Three devices of one type, of which the first has a fixed minor number:
///
/// ```
/// use kernel::str::CString;
///
/// fn add<T: MiscDevice>(devices: &mut Devices, ports: [Arc<T>; 3]) -> Result {
///     for (number, port) in ports.into_iter().enumerate() {
///         let options = MiscDeviceOptions {
///             name: CString::try_from_fmt(fmt!("{}{number}", T::NAME))?,
///             minor: (number == 0).then_some(240),
///         };
///         devices.add_with(options, port)?;
///     }
///     Ok(())
/// }
/// ```
pub struct MiscDeviceOptions {
    /// The name of the misc device and of its node in `/dev`.
    pub name: CString,

    /// The minor number, less than `MISC_DYNAMIC_MINOR`. With `None` the kernel chooses one.
    ///
    /// `include/linux/miscdevice.h` lists the numbers that have an owner. A node that was made for
    /// the owner opens the device that has the number, whichever that is.
    pub minor: Option<u32>,
}

impl MiscDeviceOptions {
    /// The minor number as `misc_register()` expects it.
    fn minor(&self) -> Result<c_int> {
        match self.minor {
            None => Ok(bindings::MISC_DYNAMIC_MINOR as c_int),
            // For other numbers `misc_register()` would log an error.
            Some(minor) if minor < bindings::MISC_DYNAMIC_MINOR => Ok(minor as c_int),
            Some(_) => Err(EINVAL),
        }
    }

    /// Refuses a name that a node in `/dev` cannot have.
    fn check_name(&self) -> Result {
        let name = self.name.to_bytes();
        // The C side replaces a `/` in the name of a device by a `!`, and a `!` in the name of a
        // node by a `/`, which makes a node in a directory.
        if name.is_empty()
            || name.len() > bindings::NAME_MAX as usize
            || name == b"."
            || name == b".."
            || name.iter().any(|byte| matches!(byte, b'/' | b'!'))
        {
            return Err(EINVAL);
        }
        Ok(())
    }
}

/// The events of `poll` for which a process would not have to wait.
///
/// # Examples
///
/// ```
/// fn events(has_data: bool, is_full: bool) -> PollEvents {
///     let mut events = PollEvents::NONE;
///     if has_data {
///         events |= PollEvents::READABLE;
///     }
///     if !is_full {
///         events |= PollEvents::WRITABLE;
///     }
///     events
/// }
/// assert!(events(true, false) == PollEvents::READABLE | PollEvents::WRITABLE);
/// assert!(events(false, true) == PollEvents::NONE);
/// let broken = PollEvents::ERROR | PollEvents::HANGUP | PollEvents::PRIORITY;
/// assert!(broken != PollEvents::NONE);
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct PollEvents(u32);

impl PollEvents {
    /// No event.
    pub const NONE: Self = Self(0);

    /// The file can be read, or is at its end: `POLLIN` and `POLLRDNORM`.
    pub const READABLE: Self = Self(bindings::POLLIN | bindings::POLLRDNORM);

    /// The file can be written to: `POLLOUT` and `POLLWRNORM`.
    pub const WRITABLE: Self = Self(bindings::POLLOUT | bindings::POLLWRNORM);

    /// The device has something urgent to report: `POLLPRI`.
    pub const PRIORITY: Self = Self(bindings::POLLPRI);

    /// There is an error, `POLLERR`. The process is told even if it did not ask for this event.
    pub const ERROR: Self = Self(bindings::POLLERR);

    /// There was a hangup, `POLLHUP`. The process is told even if it did not ask for this event.
    pub const HANGUP: Self = Self(bindings::POLLHUP);
}

impl BitOr for PollEvents {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl BitOrAssign for PollEvents {
    fn bitor_assign(&mut self, other: Self) {
        *self = *self | other;
    }
}

/// A request of a process that wants to know whether it would have to wait.
///
/// The process can wait after the call has returned, so what it waits for is borrowed from the file
/// for `'a`, which lasts until the file is released. The driver cannot choose another `'a`.
///
/// # Examples
///
/// ```
/// use kernel::sync::poll::PollCondVar;
///
/// struct Queue {
///     changed: Pin<KBox<PollCondVar>>,
/// }
///
/// fn poll<'a>(queue: &'a Queue, poll: &Poll<'a>, is_full: impl Fn() -> bool) -> PollEvents {
///     poll.wait(&queue.changed);
///     if is_full() {
///         PollEvents::READABLE
///     } else {
///         PollEvents::WRITABLE
///     }
/// }
/// ```
pub struct Poll<'a> {
    file: &'a File,
    table: PollTable<'a>,
    // The lifetime is invariant: it must be exactly the one of the call.
    _lifetime: PhantomData<fn(&'a ()) -> &'a ()>,
}

impl<'a> Poll<'a> {
    /// If the process then waits, it is woken when `changed` is notified: `poll_wait()`. This must
    /// be called before the driver checks whether the process would have to wait.
    ///
    /// `select` and `poll` keep the process in the list of `changed` until they return, even if
    /// `changed` is dropped meanwhile. They hold the file until then.
    pub fn wait(&self, changed: &'a PollCondVar) {
        self.table.register_wait(self.file, changed);
    }
}

/// What an open file of the device `D` refers to.
///
/// The device itself implements this. A driver that has nothing to do when a file is opened or
/// released sets `type File = Self`.
///
/// # Examples
///
/// A page for each open file:
///
/// ```
/// struct Device;
/// struct Page(ARef<SharedPage>);
///
/// impl VmOperations for Page {}
///
/// impl OpenFile<Device> for Page {
///     fn open(_: ArcBorrow<'_, Device>, opening: &Opening<'_, Device>) -> Result<Arc<Self>> {
///         pr_info!("opened with flags {:x}\n", opening.flags());
///         pr_info!("by the user {:?}\n", opening.cred().euid().into_uid_in_current_ns());
///         Ok(Arc::new(Self(SharedPage::alloc(GFP_KERNEL)?), GFP_KERNEL)?)
///     }
///
///     fn release(page: ArcBorrow<'_, Self>) {
///         pr_info!("released, with the page frame {:?}\n", page.0.pfn());
///     }
/// }
/// # let _ = (Device, |page: Page| page.0);
/// ```
pub trait OpenFile<D>: VmOperations + Sized {
    /// A process opens the device.
    ///
    /// # Errors
    ///
    /// On any error the process's `open` fails.
    fn open(device: ArcBorrow<'_, D>, opening: &Opening<'_, D>) -> Result<Arc<Self>>;

    /// A file is released: its last descriptor, its last mapping, and whatever else held it are
    /// gone. This is called once for each file that was opened, also if the device is gone. After
    /// this, the file's reference on the data is dropped; there can be other references.
    ///
    /// This runs in any task. It can be a task of the kernel, or one that exits and has no
    /// descriptors any more: code that accesses the descriptors of the current task, such as
    /// `LocalFile::fget()`, then crashes the kernel. The same is true of the drop of the file's
    /// data. May sleep.
    // This gets no `&File`: the file's count of references is 0 already. An `ARef<File>` made from
    // it would be used after the file is freed.
    fn release(_file: ArcBorrow<'_, Self>) {}
}

impl<D: VmOperations> OpenFile<D> for D {
    fn open(device: ArcBorrow<'_, D>, _: &Opening<'_, D>) -> Result<Arc<Self>> {
        Ok(device.into())
    }
}

/// A file of the device `D` that is being opened.
///
/// This is not a [`File`], because a file that is not open yet must not get a file descriptor.
///
/// # Examples
///
/// A device that only its owner can open, and not for writing:
///
/// ```
/// use kernel::{
///     fs::file::flags,
///     task::Kuid, //
/// };
///
/// fn check<D>(opening: &Opening<'_, D>, owner: Kuid) -> Result {
///     if opening.cred().euid() != owner || opening.flags() & flags::O_ACCMODE != flags::O_RDONLY {
///         return Err(EACCES);
///     }
///     Ok(())
/// }
/// ```
pub struct Opening<'a, D> {
    flags: u32,
    cred: &'a Credential,
    space: &'a AddressSpace,
    // The type is invariant in `D`: what is allowed for one device need not be for another.
    _device: PhantomData<fn(D) -> D>,
}

impl<D> Opening<'_, D> {
    /// The flags with which the file is opened, `f_flags`: those of [`kernel::fs::file::flags`].
    pub fn flags(&self) -> u32 {
        self.flags
    }

    /// The credentials of the process that opens the file, `f_cred`.
    pub fn cred(&self) -> &Credential {
        self.cred
    }

    /// The address space that the file gets.
    pub(super) fn address_space(&self) -> &AddressSpace {
        self.space
    }
}

/// A misc device that is registered or will be. Dropping it removes the device node.
///
/// A driver does not get hold of one, see [`Devices`](super::module::Devices).
///
/// # Invariants
///
/// If `is_registered` is true, `misc` is registered with `misc_register()`, has the operations of
/// `Table<T>`, and does not move.
#[repr(C)]
pub(super) struct Registration<T: MiscDevice> {
    // This must be the first field: see `Table::open`.
    misc: Opaque<bindings::miscdevice>,
    is_registered: Atomic<bool>,
    /// The name to which `misc` points.
    name: CString,
    device: Arc<T>,
    space: AddressSpace,
    unmap_before_online: Option<Pin<KBox<UnmapBeforeOnline>>>,
}

impl<T: MiscDevice> Registration<T> {
    /// Makes a registration of a device whose files have this address space. In sysfs the device
    /// belongs to `parent`, or to no other device if that is null. The device is not registered
    /// yet.
    ///
    /// # Errors
    ///
    /// - [`EINVAL`] if a node cannot have this name, or the minor number is not less than
    ///   `MISC_DYNAMIC_MINOR`.
    /// - [`ENOMEM`] if there is no memory.
    /// - [`EPERM`] as for [`UnmapBeforeOnline::new`].
    ///
    /// # Safety
    ///
    /// The parent must be valid until the value is dropped.
    pub(super) unsafe fn new(
        device: Arc<T>,
        options: MiscDeviceOptions,
        space: AddressSpace,
        parent: *mut bindings::device,
    ) -> Result<KBox<Self>> {
        const { assert!(T::MODE & !0o777 == 0, "more than the access mode of a node") };
        const {
            assert!(
                <T::File as VmOperations>::FILE_DATA.is_arc(),
                "the private data of a misc device's file is an `Arc`"
            )
        };
        options.check_name()?;
        if T::HAS_SIZE {
            space.set_size(device.size());
        }
        let unmap_before_online = if T::PHYSICAL {
            let unmap = UnmapBeforeOnline::new(space.clone());
            Some(KBox::pin_init(unmap, GFP_KERNEL)?)
        } else {
            None
        };
        let misc = bindings::miscdevice {
            minor: options.minor()?,
            name: options.name.as_char_ptr(),
            mode: T::MODE,
            parent,
            fops: if device.wants_hugepages() {
                &Table::<T>::HUGE_FOPS
            } else {
                &Table::<T>::FOPS
            },
            ..pin_init::zeroed()
        };
        let registration = Self {
            misc: Opaque::new(misc),
            is_registered: Atomic::new(false),
            name: options.name,
            device,
            space,
            unmap_before_online,
        };
        Ok(KBox::new(registration, GFP_KERNEL)?)
    }
}

/// A [`Registration`], for a device of any type.
pub(super) trait Register: Send + Sync {
    /// The name of the device.
    fn name(&self) -> &CStr;

    /// Registers the device, `misc_register()`. From then on it can be opened.
    ///
    /// # Safety
    ///
    /// The value must not move any more after this, and must be dropped before the module is
    /// unloaded.
    unsafe fn register(&self) -> Result;
}

impl<T: MiscDevice> Register for Registration<T> {
    fn name(&self) -> &CStr {
        &self.name
    }

    unsafe fn register(&self) -> Result {
        // SAFETY: The structure is valid. By the safety requirements of this function it does not
        // move until it is dropped, and the drop deregisters it.
        to_result(unsafe { bindings::misc_register(self.misc.get()) })?;
        // INVARIANT: `misc_register()` has just succeeded.
        self.is_registered.store(true, Relaxed);
        Ok(())
    }
}

// SAFETY: A device may be deregistered by another thread than the one that registered it, and the
// data may be dropped by any.
unsafe impl<T: MiscDevice> Send for Registration<T> {}

// SAFETY: By shared reference, safe code can only read the name. `misc_open()` holds a lock for
// what it does.
unsafe impl<T: MiscDevice> Sync for Registration<T> {}

impl<T: MiscDevice> Drop for Registration<T> {
    fn drop(&mut self) {
        if self.is_registered.load(Relaxed) {
            // SAFETY: By the type invariant the device is registered.
            unsafe { bindings::misc_deregister(self.misc.get()) };
            wait_for_openers();
        }
        // Nobody can open the device any more. But a file can outlive a device that was registered
        // until a PCI device was unbound, and a `RawIo` can even outlive the file. So the address
        // space is revoked, and that before the notifier is unregistered: after that, memory that
        // becomes RAM is not unmapped any more.
        self.space.revoke();
        self.unmap_before_online = None;
    }
}

/// Makes the tables of operations for the C side.
struct Table<T>(PhantomData<T>);

// All callbacks rely on the following, in addition to the contract of each of them with the C side.
// From the end of `open` to `release` the private data of a file is what `into_foreign` of an
// `Arc<T::File>` returned, and the file owns that reference. So the file is fit for `T::File`,
// whose `FILE_DATA` is `ARC`: `Registration::new` checks this, and nothing else uses a table.
impl<T: MiscDevice> Table<T> {
    const FOPS: bindings::file_operations = bindings::file_operations {
        // A file holds its owner from before `open` until after `release`, and a VMA holds its
        // file.
        owner: this_module(),
        open: Some(Self::open),
        release: Some(Self::release),
        mmap_prepare: Some(Self::mmap_prepare),
        fsync: Some(Self::fsync),
        llseek: if T::HAS_SIZE {
            Some(Self::llseek)
        } else {
            None
        },
        read_iter: if T::HAS_READ_ITER {
            Some(Self::read_iter)
        } else {
            None
        },
        write_iter: if T::HAS_WRITE_ITER {
            Some(Self::write_iter)
        } else {
            None
        },
        poll: if T::HAS_POLL { Some(Self::poll) } else { None },
        unlocked_ioctl: if T::HAS_IOCTL {
            Some(Self::ioctl)
        } else {
            None
        },
        #[cfg(CONFIG_COMPAT)]
        compat_ioctl: if T::HAS_COMPAT_IOCTL {
            Some(Self::compat_ioctl)
        } else if T::HAS_IOCTL {
            bindings::compat_ptr_ioctl
        } else {
            None
        },
        show_fdinfo: if T::HAS_SHOW_FDINFO {
            Some(Self::show_fdinfo)
        } else {
            None
        },
        // With this flag the mmap handler is called for every offset. Without it, `do_mmap()`
        // refuses the last page below 2^64 bytes as an overflow.
        fop_flags: bindings::FOP_UNSIGNED_OFFSET,
        ..pin_init::zeroed()
    };

    const HUGE_FOPS: bindings::file_operations = bindings::file_operations {
        #[cfg(CONFIG_TRANSPARENT_HUGEPAGE)]
        get_unmapped_area: Some(bindings::thp_get_unmapped_area),
        ..Self::FOPS
    };

    /// # Safety
    ///
    /// This must be called by `misc_open()` only, for a file that is being opened.
    unsafe extern "C" fn open(_inode: *mut bindings::inode, file: *mut bindings::file) -> c_int {
        // SAFETY: `misc_open()` has stored the address of the registered `struct miscdevice`, which
        // is the first field of a `Registration<T>`. It holds the lock that `misc_deregister()`
        // takes, so the registration is not dropped before this returns.
        let registration = unsafe { &*(*file).private_data.cast::<Registration<T>>() };
        // SAFETY: Nobody else uses a file that is being opened. It has credentials from the time
        // that it was made, and for as long as it exists.
        let (flags, cred) = unsafe { ((*file).f_flags, Credential::from_ptr((*file).f_cred)) };
        match Self::opened(registration, flags, cred) {
            Ok((data, space)) => {
                // SAFETY: Nobody else uses a file that is being opened.
                unsafe {
                    (*file).private_data = data.into_foreign();
                    (*file).f_mapping = space.into_mapping();
                    if T::NOWAIT {
                        (*file).f_mode |= helpers::FMODE_NOWAIT;
                    }
                }
                0
            }
            Err(error) => error.to_errno(),
        }
    }

    /// Returns what a file that is opened gets: its data, and a reference on its address space.
    fn opened(
        registration: &Registration<T>,
        flags: u32,
        cred: &Credential,
    ) -> Result<(Arc<T::File>, AddressSpace)> {
        if !module_is_live() {
            return Err(ENODEV);
        }
        let space = registration.space.clone();
        let opening = Opening {
            flags,
            cred,
            space: &space,
            _device: PhantomData,
        };
        let data = <T::File as OpenFile<T>>::open(registration.device.as_arc_borrow(), &opening)?;
        Ok((data, space))
    }

    /// # Safety
    ///
    /// `file` must be a file of this device whose last user is gone.
    unsafe extern "C" fn release(_inode: *mut bindings::inode, file: *mut bindings::file) -> c_int {
        // SAFETY: The file owns both references, and is released once. `__fput()` uses neither of
        // them after this.
        let (data, space) = unsafe {
            (
                Arc::<T::File>::from_foreign((*file).private_data),
                AddressSpace::from_mapping((*file).f_mapping),
            )
        };
        <T::File as OpenFile<T>>::release(data.as_arc_borrow());
        drop((data, space));
        0
    }

    /// # Safety
    ///
    /// `desc` must describe a mapping of an open file of this device, which nobody has changed yet.
    unsafe extern "C" fn mmap_prepare(desc: *mut bindings::vm_area_desc) -> c_int {
        // SAFETY: The file is open, and owns a reference on its data until it is released. The
        // handler can borrow from the data until then, as it cannot tell how long `'a` is.
        let file = unsafe { file_data::<T::File>((*desc).file) };
        // SAFETY: The file is open.
        if let Err(error) = unsafe { check_bound((*desc).file) } {
            return error.to_errno();
        }
        // SAFETY: This is the `mmap_prepare` operation, and the file is an open one of this device.
        let desc = unsafe { VmaDesc::from_raw(desc) };
        match desc.and_then(|desc| T::mmap_prepare(file, desc)) {
            Ok(_) => 0,
            Err(error) => error.to_errno(),
        }
    }

    /// `fsync` and `msync` have nothing to do, because processes map the memory itself.
    ///
    /// # Safety
    ///
    /// `file` must be an open file of this device.
    unsafe extern "C" fn fsync(
        file: *mut bindings::file,
        _start: bindings::loff_t,
        _end: bindings::loff_t,
        _datasync: c_int,
    ) -> c_int {
        // SAFETY: The file is open.
        match unsafe { check_bound(file) } {
            Ok(()) => 0,
            Err(error) => error.to_errno(),
        }
    }

    /// # Safety
    ///
    /// `file` must be an open file of this device, whose position may be changed.
    unsafe extern "C" fn llseek(
        file: *mut bindings::file,
        offset: bindings::loff_t,
        whence: c_int,
    ) -> bindings::loff_t {
        // SAFETY: The file is open.
        if let Err(error) = unsafe { check_bound(file) } {
            return error.to_errno().into();
        }
        // SAFETY: An open file of this device has an address space, which has an inode.
        let size = unsafe { helpers::i_size_read((*(*file).f_mapping).host) };
        let base = match whence as u32 {
            bindings::SEEK_SET => 0,
            // As READ_ONCE(): if two threads seek at once, one of them sets the final position.
            // SAFETY: The file is valid.
            bindings::SEEK_CUR => unsafe { (&raw const (*file).f_pos).read_volatile() },
            bindings::SEEK_END => size,
            _ => return EINVAL.to_errno().into(),
        };
        // FOP_UNSIGNED_OFFSET makes the C function accept negative positions.
        let Some(pos) = base.checked_add(offset).filter(|pos| *pos >= 0) else {
            return EINVAL.to_errno().into();
        };
        // SAFETY: The file is valid, and this operation may change its position.
        unsafe { bindings::fixed_size_llseek(file, pos, bindings::SEEK_SET as c_int, size) }
    }

    /// # Safety
    ///
    /// `kiocb` must be a read of an open file of this device, and `iter` the memory to read into.
    unsafe extern "C" fn read_iter(
        kiocb: *mut bindings::kiocb,
        iter: *mut bindings::iov_iter,
    ) -> isize {
        // SAFETY: Nobody else uses the kiocb until this returns, and its file is one of this
        // device.
        let kiocb = unsafe { Kiocb::from_raw(kiocb) };
        // SAFETY: The file is open.
        if let Err(error) = unsafe { check_bound((*kiocb.as_raw()).ki_filp) } {
            return error.to_errno() as isize;
        }
        // SAFETY: The iterator is valid until this returns.
        if T::PHYSICAL && unsafe { is_for_kernel(iter) } {
            return EINVAL.to_errno() as isize;
        }
        // SAFETY: The caller provides an iterator to write to.
        let to = unsafe { IovIterDest::from_raw(iter) };
        let len = to.len();
        let result = T::read_iter(kiocb, to);
        // The driver cannot claim more bytes than it has put into the iterator: if the kernel
        // itself reads, it relies on the number.
        done(len.saturating_sub(to.len()), result)
    }

    /// # Safety
    ///
    /// `kiocb` must be a write to an open file of this device, and `iter` the memory to write from.
    unsafe extern "C" fn write_iter(
        kiocb: *mut bindings::kiocb,
        iter: *mut bindings::iov_iter,
    ) -> isize {
        // SAFETY: Nobody else uses the kiocb until this returns, and its file is one of this
        // device.
        let kiocb = unsafe { Kiocb::from_raw(kiocb) };
        // SAFETY: The file is open.
        if let Err(error) = unsafe { check_bound((*kiocb.as_raw()).ki_filp) } {
            return error.to_errno() as isize;
        }
        // SAFETY: The iterator is valid until this returns.
        if T::PHYSICAL && unsafe { is_for_kernel(iter) } {
            return EINVAL.to_errno() as isize;
        }
        // SAFETY: The caller provides an iterator to read from.
        let from = unsafe { IovIterSource::from_raw(iter) };
        done(from.len(), T::write_iter(kiocb, from))
    }

    /// # Safety
    ///
    /// `file` must be an open file of this device, and `table` must be null or the table of a
    /// process that is about to wait.
    unsafe extern "C" fn poll(
        file: *mut bindings::file,
        table: *mut bindings::poll_table_struct,
    ) -> bindings::__poll_t {
        // SAFETY: The file is open, and the driver borrows from its data until the file is
        // released. A process does not wait any longer than that for what was borrowed: `select`
        // and `poll` hold the file by a reference, and epoll, aio and io_uring leave the queue
        // before the file is released.
        let data = unsafe { file_data::<T::File>(file) };
        // SAFETY: The file is open, and the table is valid until this returns. The file is passed
        // on to `poll_wait()` only, so others may use its position at the same time.
        let poll = unsafe {
            Poll {
                file: File::from_raw_file(file),
                table: PollTable::from_raw(table),
                _lifetime: PhantomData,
            }
        };
        // SAFETY: The file is open.
        let result = unsafe { check_bound(file) }.and_then(|()| T::poll(data, &poll));
        result.unwrap_or(PollEvents::ERROR | PollEvents::HANGUP).0 as bindings::__poll_t
    }

    /// # Safety
    ///
    /// `file` must be an open file of this device that a process has a descriptor of.
    unsafe extern "C" fn ioctl(file: *mut bindings::file, cmd: c_uint, arg: c_ulong) -> c_long {
        // SAFETY: By the safety requirements of this function, the file is open, and a process has
        // a descriptor of it. What `asked` returns is not used after this function returns.
        match unsafe { Self::asked(file) } {
            Ok((data, file)) => answer(T::ioctl(data, file, cmd, arg)),
            Err(error) => error.to_errno() as c_long,
        }
    }

    /// # Safety
    ///
    /// As for [`Self::ioctl`].
    #[cfg(CONFIG_COMPAT)]
    unsafe extern "C" fn compat_ioctl(
        file: *mut bindings::file,
        cmd: c_uint,
        arg: c_ulong,
    ) -> c_long {
        // SAFETY: By the safety requirements of this function, the file is open, and a process has
        // a descriptor of it. What `asked` returns is not used after this function returns.
        match unsafe { Self::asked(file) } {
            Ok((data, file)) => answer(T::compat_ioctl(data, file, cmd, arg)),
            Err(error) => error.to_errno() as c_long,
        }
    }

    /// Returns the file of an ioctl and the file's data, or [`ENODEV`] if the device is gone.
    ///
    /// # Safety
    ///
    /// As for [`Self::ioctl`], and `'a` must end when `ioctl` returns.
    unsafe fn asked<'a>(file: *mut bindings::file) -> Result<(ArcBorrow<'a, T::File>, &'a File)> {
        // SAFETY: The file is open.
        unsafe { check_bound(file) }?;
        // SAFETY: The file is open, so it owns a reference on its data.
        let data = unsafe { Arc::<T::File>::borrow((*file).private_data) };
        // SAFETY: The descriptor holds the file, so the file's count is not 0. Another thread can
        // be in a `read` of the file without the position's lock, because the kernel never takes
        // that for the file of a device (`file_needs_f_pos_lock()`). That is allowed here, as a
        // `File` gives no access to the position, and whoever uses the position by other means is
        // such a `read` itself.
        let file = unsafe { File::from_raw_file(file) };
        Ok((data, file))
    }

    /// # Safety
    ///
    /// `file` must be an open file of this device, and the caller may write to `seq_file`.
    unsafe extern "C" fn show_fdinfo(seq_file: *mut bindings::seq_file, file: *mut bindings::file) {
        // SAFETY: The file is open, so it owns a reference on its data.
        let data = unsafe { Arc::<T::File>::borrow((*file).private_data) };
        // SAFETY: By the safety requirements of this function, this may write to `seq_file`.
        T::show_fdinfo(&data, unsafe { SeqFile::from_raw(seq_file) });
    }
}

/// Whether the module's init has succeeded.
///
/// Until then a load that fails frees the module whatever references there are, so opening a device
/// is refused. A registration outlives every call of `open`, but not the files that `open` would
/// let through.
fn module_is_live() -> bool {
    let module = this_module();
    if module.is_null() {
        // The driver is built in.
        return true;
    }
    // SAFETY: This is the module of this code, so it is there. As READ_ONCE().
    let state = unsafe { (&raw const (*module).state).read_volatile() };
    state == bindings::module_state_MODULE_STATE_LIVE
}

/// Waits until nobody is in the middle of opening a device that was registered during the module's
/// init and is deregistered now: the load can be failing, and the module is freed then.
///
/// Opening the device was refused, but `do_dentry_open()` uses the file's operations once more
/// after that.
fn wait_for_openers() {
    // During its init a module holds one reference on itself.
    // SAFETY: This is the module of this code. It is not built in, as it is not live.
    while !module_is_live() && unsafe { bindings::module_refcount(this_module()) } > 1 {
        // SAFETY: This may sleep.
        unsafe { bindings::msleep(1) };
    }
}

/// Fails with [`ENODEV`] if the device of a file is gone, as happens to a device that is registered
/// until a PCI device is unbound. The device can also go right after this.
///
/// # Safety
///
/// The file must be an open file of a device that is registered by a [`Registration`].
unsafe fn check_bound(file: *const bindings::file) -> Result {
    // SAFETY: The file owns a reference on its address space until it is released.
    if unsafe { AddressSpace::borrow((*file).f_mapping) }.is_revoked() {
        return Err(ENODEV);
    }
    Ok(())
}

/// Whether the kernel itself reads or writes the file. It can do so without being asked to: a query
/// for a VMA of `/proc/<pid>/maps` (`PROCMAP_QUERY`) has it look for an ELF header at offset 0 of
/// the file (`build_id_parse_file()`). Where offsets are physical addresses, there may be no device
/// at that address.
///
/// # Safety
///
/// `iter` must be valid.
unsafe fn is_for_kernel(iter: *const bindings::iov_iter) -> bool {
    // SAFETY: By the safety requirements of this function `iter` is valid.
    unsafe { helpers::iov_iter_is_kvec(iter) }
}

/// The return value of an ioctl operation for the C side.
fn answer(result: Result<isize>) -> c_long {
    match result {
        Ok(answer) => answer as c_long,
        Err(error) => error.to_errno() as c_long,
    }
}

/// The return value of a read or write of at most `len` bytes for the C side.
fn done(len: usize, result: Result<usize>) -> isize {
    match result {
        Ok(count) => min(count, len) as isize,
        // The C side would take this error for a promise that the operation completes later.
        Err(EIOCBQUEUED) => EIO.to_errno() as isize,
        Err(error) => error.to_errno() as isize,
    }
}
