// SPDX-License-Identifier: GPL-2.0

//! Misc devices that can be mapped.
//!
//! This differs from `kernel::miscdevice` in what mapping needs: the files hold the module (there
//! from 7.3 on), so it cannot be unloaded under an open file or a mapping (which holds its file),
//! there is `mmap_prepare`, the files have an address space of the device's own, and a size, and
//! can seek.
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

/// A misc device, implemented by its data.
///
/// # Examples
///
/// A page that all who open the device share:
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
    /// The name, and that of the node in `/dev`, unless the device is added with another name in
    /// its [`MiscDeviceOptions`].
    const NAME: &'static CStr;

    /// The access mode of the node. With 0 the node has the one that devtmpfs chooses, 0600.
    const MODE: u16;

    /// Whether the offsets of the files are physical addresses. What becomes RAM is unmapped then.
    const PHYSICAL: bool = false;

    /// Whether [`Self::read_iter`] and [`Self::write_iter`] fail with [`EAGAIN`] where they would
    /// have to wait and [`is_nonblocking`] says that they must not: `FMODE_NOWAIT`. Without this
    /// `RWF_NOWAIT` is `EOPNOTSUPP`, and io_uring waits for [`Self::poll`] before it reads or
    /// writes.
    ///
    /// [`is_nonblocking`]: crate::compat::kiocb::is_nonblocking
    const NOWAIT: bool = false;

    /// What an open file refers to, and holds a reference on; often the device itself.
    type File: OpenFile<Self>;

    /// A process maps the device: the mmap handler, `mmap_prepare`.
    ///
    /// There is no VMA yet. The handler decides what the mapping is to be, and may map what it
    /// borrows from the file, which stays until the last VMA of it is gone. The mmap lock is held
    /// for writing. May sleep.
    ///
    /// # Errors
    ///
    /// Any refuses the mapping.
    fn mmap_prepare<'a>(
        file: &'a Self::File,
        desc: VmaDesc<'a, Self::File>,
    ) -> Result<VmaDesc<'a, Self::File, Ready>>;

    /// The size in bytes: what `SEEK_END` counts from, and up to where the kernel maps large folios
    /// as a whole. Without this the file cannot seek. Asked for once.
    fn size(&self) -> u64 {
        build_error!(VTABLE_DEFAULT_ERROR)
    }

    /// Whether mappings are to have addresses at which folios of PMD size can be mapped, where the
    /// process leaves the choice to the kernel: `thp_get_unmapped_area()`. Asked for once.
    fn wants_hugepages(&self) -> bool {
        false
    }

    /// A process reads at the position of `kiocb`, in bytes: `read`, `pread`, `readv` and the like.
    /// Returns how many bytes it got; 0 is the end. The position is for this to move.
    fn read_iter(_kiocb: Kiocb<'_, Arc<Self::File>>, _to: &mut IovIterDest<'_>) -> Result<usize> {
        build_error!(VTABLE_DEFAULT_ERROR)
    }

    /// A process writes at the position of `kiocb`, in bytes: `write`, `pwrite`, `writev` and the
    /// like. Returns how many bytes it gave. The position is for this to move.
    fn write_iter(
        _kiocb: Kiocb<'_, Arc<Self::File>>,
        _from: &mut IovIterSource<'_>,
    ) -> Result<usize> {
        build_error!(VTABLE_DEFAULT_ERROR)
    }

    /// A process asks whether it would have to wait to read or to write: `poll`, `select`, `epoll`.
    /// Returns what it would not have to wait for. Before that, `poll` must [wait](Poll::wait) for
    /// what changes the answer. Without this function the answer is that the file can be read and
    /// written to at any time.
    ///
    /// # Errors
    ///
    /// Any has the process told of an error and a hangup.
    fn poll<'a>(_file: &'a Self::File, _poll: &Poll<'a>) -> Result<PollEvents> {
        build_error!(VTABLE_DEFAULT_ERROR)
    }

    /// A process asks for something that only the driver knows: `ioctl`, `unlocked_ioctl`.
    ///
    /// `cmd` is a number that [`kernel::ioctl`] has made. `arg` is often the address of a structure
    /// of user space, for [`kernel::uaccess::UserSlice`]. The process gets what is returned.
    ///
    /// `file` may be held for longer, or given a descriptor of its own. A file that its own data
    /// hold is never released. May sleep.
    ///
    /// # Errors
    ///
    /// Any is what the process gets for `errno`; [`ENOTTY`] is what it should for a `cmd` that is
    /// not known. Where the device is gone, it gets [`ENODEV`] without this being called.
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

    /// The same for a 32-bit process on a 64-bit kernel, `compat_ioctl`, where structures have
    /// another layout there. Without this it is [`Self::ioctl`], with `arg` taken for an address:
    /// `compat_ptr_ioctl()`.
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

/// What a misc device is added with, in place of what its type says.
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
    /// The name of the miscdevice, and that of its node in `/dev`.
    pub name: CString,

    /// The minor number, less than `MISC_DYNAMIC_MINOR`, or none for one that the kernel chooses.
    ///
    /// Those that have an owner are listed in `include/linux/miscdevice.h`. A node that is made for
    /// the owner opens whatever device has the number.
    pub minor: Option<u32>,
}

impl MiscDeviceOptions {
    /// The number that `misc_register()` knows the minor number by.
    fn minor(&self) -> Result<c_int> {
        match self.minor {
            None => Ok(bindings::MISC_DYNAMIC_MINOR as c_int),
            // The kernel's own check of the others puts an error into the log.
            Some(minor) if minor < bindings::MISC_DYNAMIC_MINOR => Ok(minor as c_int),
            Some(_) => Err(EINVAL),
        }
    }

    /// Refuses a name that no node can have.
    fn check_name(&self) -> Result {
        let name = self.name.to_bytes();
        // The C side makes a `!` of a `/` in the name of a device, and a `/` of a `!` in that of a
        // node, which is then one in a folder.
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

/// What a process would not have to wait for: a set of the events of `poll`.
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
    /// None.
    pub const NONE: Self = Self(0);

    /// It can be read, also if that is its end: `POLLIN` and `POLLRDNORM`.
    pub const READABLE: Self = Self(bindings::POLLIN | bindings::POLLRDNORM);

    /// It can be written to: `POLLOUT` and `POLLWRNORM`.
    pub const WRITABLE: Self = Self(bindings::POLLOUT | bindings::POLLWRNORM);

    /// There is something urgent, whatever that is for the device: `POLLPRI`.
    pub const PRIORITY: Self = Self(bindings::POLLPRI);

    /// There is an error, `POLLERR`. The process is told also if it did not ask.
    pub const ERROR: Self = Self(bindings::POLLERR);

    /// The other side is gone, `POLLHUP`. The process is told also if it did not ask.
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

/// A process that asks whether it would have to wait.
///
/// It can go on to wait after the call, so what it waits for is borrowed from the file for `'a`,
/// which the driver does not choose: until the file is released.
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
    // The lifetime must stay the very one that the call came with.
    _lifetime: PhantomData<fn(&'a ()) -> &'a ()>,
}

impl<'a> Poll<'a> {
    /// Has the process woken, should it wait, when this is notified: `poll_wait()`. To be called
    /// before it is looked at what is waited for.
    ///
    /// `select` and `poll` keep the process on the list of what it waits for until they return,
    /// even if that is dropped meanwhile, but they hold the file.
    pub fn wait(&self, changed: &'a PollCondVar) {
        self.table.register_wait(self.file, changed);
    }
}

/// What an open file of the device `D` refers to.
///
/// The device itself is one: who has nothing to do when a file is opened or released has
/// `type File = Self`.
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
    /// Any refuses to open it.
    fn open(device: ArcBorrow<'_, D>, opening: &Opening<'_, D>) -> Result<Arc<Self>>;

    /// A file is released: the last descriptor of it, the last mapping, and whatever else held it
    /// are gone. Called once for each file that was opened, also if the device is gone, and before
    /// the file's reference on the data is dropped, of which others can have more.
    ///
    /// Runs in any task, also one of the kernel's own, or one that exits and has no descriptors any
    /// more: what looks at those of the current task, as `LocalFile::fget()` does, crashes the
    /// kernel then. The same goes for the drop of the file's data. May sleep.
    // There is no `&File`: nobody holds the file any more, and its count of references is 0. Who
    // made an `ARef<File>` of that would use it after it is freed.
    fn release(_file: ArcBorrow<'_, Self>) {}
}

impl<D: VmOperations> OpenFile<D> for D {
    fn open(device: ArcBorrow<'_, D>, _: &Opening<'_, D>) -> Result<Arc<Self>> {
        Ok(device.into())
    }
}

/// A file of the device `D` that is being opened.
///
/// It is not a [`File`]: one that is not open yet must not get a file descriptor.
///
/// # Examples
///
/// A device that only its owner opens, and not for writing:
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
    // Invariant: what is right for one device need not be so for another.
    _device: PhantomData<fn(D) -> D>,
}

impl<D> Opening<'_, D> {
    /// The flags that it is opened with, `f_flags`: those of [`kernel::fs::file::flags`].
    pub fn flags(&self) -> u32 {
        self.flags
    }

    /// The credentials of the process that opens it, `f_cred`.
    pub fn cred(&self) -> &Credential {
        self.cred
    }

    /// The address space that it is given.
    pub(super) fn address_space(&self) -> &AddressSpace {
        self.space
    }
}

/// A misc device that is registered, or about to be. Dropping it removes the device node.
///
/// A driver does not get hold of one, see [`Devices`](super::module::Devices).
///
/// # Invariants
///
/// If `is_registered`, `misc` is registered with `misc_register()`, and has the operations of
/// `Table<T>`. The value does not move then.
#[repr(C)]
pub(super) struct Registration<T: MiscDevice> {
    // The first field: see `Table::open`.
    misc: Opaque<bindings::miscdevice>,
    is_registered: Atomic<bool>,
    /// What `misc` has for a name.
    name: CString,
    device: Arc<T>,
    space: AddressSpace,
    unmap_before_online: Option<Pin<KBox<UnmapBeforeOnline>>>,
}

impl<T: MiscDevice> Registration<T> {
    /// Makes what is needed to register the device, with files that have this address space, as one
    /// that belongs to `parent`, or to none if that is null.
    ///
    /// # Errors
    ///
    /// - [`EINVAL`] if there can be no node of this name, or no fixed minor number like this.
    /// - [`ENOMEM`] if there is no memory.
    /// - [`EPERM`] as [`UnmapBeforeOnline::new`] has it.
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

/// What can be registered, whatever device it is.
pub(super) trait Register: Send + Sync {
    /// The name of the device.
    fn name(&self) -> &CStr;

    /// Registers the device, `misc_register()`. From then on it can be opened.
    ///
    /// # Safety
    ///
    /// The value must not move any more after this, and be dropped before the module is unloaded.
    unsafe fn register(&self) -> Result;
}

impl<T: MiscDevice> Register for Registration<T> {
    fn name(&self) -> &CStr {
        &self.name
    }

    unsafe fn register(&self) -> Result {
        // SAFETY: The structure is valid, and by the promise of the caller stays where it is until
        // the drop deregisters it.
        to_result(unsafe { bindings::misc_register(self.misc.get()) })?;
        // INVARIANT: It just succeeded.
        self.is_registered.store(true, Relaxed);
        Ok(())
    }
}

// SAFETY: A device may be deregistered by another thread than the one that registered it, and the
// data may be dropped by any.
unsafe impl<T: MiscDevice> Send for Registration<T> {}

// SAFETY: Nothing can be done by shared reference but what `misc_open()` does, which has a lock.
unsafe impl<T: MiscDevice> Sync for Registration<T> {}

impl<T: MiscDevice> Drop for Registration<T> {
    fn drop(&mut self) {
        if self.is_registered.load(Relaxed) {
            // SAFETY: By the type invariant the device is registered.
            unsafe { bindings::misc_deregister(self.misc.get()) };
            wait_for_openers();
        }
        // Nobody opens it any more. Files that are open can outlive a device that goes away with
        // another, and rights to physical memory all files. Nobody is told of memory that is added
        // after this.
        self.space.revoke();
        self.unmap_before_online = None;
    }
}

/// Makes the tables for the C side.
struct Table<T>(PhantomData<T>);

// What the callbacks rely on, besides the contract of each with the C side: from the end of `open`
// to `release` the private data of a file is what `into_foreign` of an `Arc<T::File>` returned, and
// the file owns that reference. So the file is fit for `T::File`, whose `FILE_DATA` is `ARC`:
// `Registration::new` checks that, and nothing else makes use of a table.
impl<T: MiscDevice> Table<T> {
    const FOPS: bindings::file_operations = bindings::file_operations {
        // A file holds its owner from before `open` until after `release`, and a VMA its file.
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
        // Lets the mmap handler judge every offset; otherwise `do_mmap()` takes those of the last
        // page below 2^64 for an overflow.
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
    /// Called by `misc_open()` only, for a file that is being opened.
    unsafe extern "C" fn open(_inode: *mut bindings::inode, file: *mut bindings::file) -> c_int {
        // SAFETY: `misc_open()` stored the address of the registered `struct miscdevice`, which is
        // the first field of a `Registration<T>`, and holds the lock that `misc_deregister()`
        // takes, so the registration does not go before we return.
        let registration = unsafe { &*(*file).private_data.cast::<Registration<T>>() };
        // SAFETY: A file that is being opened is ours. It has credentials from its making on, and
        // for as long as it exists.
        let (flags, cred) = unsafe { ((*file).f_flags, Credential::from_ptr((*file).f_cred)) };
        match Self::opened(registration, flags, cred) {
            Ok((data, space)) => {
                // SAFETY: A file that is being opened is ours.
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

    /// What a file that is opened gets: its data, and a reference on its address space.
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
        // SAFETY: Both references are the file's, which is released once. `__fput()` uses neither
        // after this.
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
        // SAFETY: The file is open, and has its data and the reference on them until it is
        // released. What is borrowed from them here is borrowed until then: the handler cannot tell
        // for how long that is.
        let file = unsafe { file_data::<T::File>((*desc).file) };
        // SAFETY: As above.
        if let Err(error) = unsafe { check_bound((*desc).file) } {
            return error.to_errno();
        }
        // SAFETY: This is the hook, and the file is such a file.
        let desc = unsafe { VmaDesc::from_raw(desc) };
        match desc.and_then(|desc| T::mmap_prepare(file, desc)) {
            Ok(_) => 0,
            Err(error) => error.to_errno(),
        }
    }

    /// What is mapped is the memory itself, so that `fsync` and `msync` have nothing to do.
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
        // SAFETY: An open file of this device has an address space, and that an inode.
        let size = unsafe { helpers::i_size_read((*(*file).f_mapping).host) };
        let base = match whence as u32 {
            bindings::SEEK_SET => 0,
            // As READ_ONCE(): of two threads that seek at once the last one wins.
            // SAFETY: The file is valid.
            bindings::SEEK_CUR => unsafe { (&raw const (*file).f_pos).read_volatile() },
            bindings::SEEK_END => size,
            _ => return EINVAL.to_errno().into(),
        };
        // FOP_UNSIGNED_OFFSET makes the C function accept negative positions.
        let Some(pos) = base.checked_add(offset).filter(|pos| *pos >= 0) else {
            return EINVAL.to_errno().into();
        };
        // SAFETY: The file is valid, and its position is ours to change.
        unsafe { bindings::fixed_size_llseek(file, pos, bindings::SEEK_SET as c_int, size) }
    }

    /// # Safety
    ///
    /// `kiocb` must be a read of an open file of this device, and `iter` where it goes.
    unsafe extern "C" fn read_iter(
        kiocb: *mut bindings::kiocb,
        iter: *mut bindings::iov_iter,
    ) -> isize {
        // SAFETY: The kiocb is ours until we return, and its file is such a file.
        let kiocb = unsafe { Kiocb::from_raw(kiocb) };
        // SAFETY: The file is open.
        if let Err(error) = unsafe { check_bound((*kiocb.as_raw()).ki_filp) } {
            return error.to_errno() as isize;
        }
        // SAFETY: The iterator is valid until we return.
        if T::PHYSICAL && unsafe { is_for_kernel(iter) } {
            return EINVAL.to_errno() as isize;
        }
        // SAFETY: The caller provides an iterator to write to.
        let to = unsafe { IovIterDest::from_raw(iter) };
        let len = to.len();
        let result = T::read_iter(kiocb, to);
        // No more than the driver has moved the iterator on: the kernel can be the one that reads.
        done(len.saturating_sub(to.len()), result)
    }

    /// # Safety
    ///
    /// `kiocb` must be a write to an open file of this device, and `iter` where it comes from.
    unsafe extern "C" fn write_iter(
        kiocb: *mut bindings::kiocb,
        iter: *mut bindings::iov_iter,
    ) -> isize {
        // SAFETY: The kiocb is ours until we return, and its file is such a file.
        let kiocb = unsafe { Kiocb::from_raw(kiocb) };
        // SAFETY: The file is open.
        if let Err(error) = unsafe { check_bound((*kiocb.as_raw()).ki_filp) } {
            return error.to_errno() as isize;
        }
        // SAFETY: The iterator is valid until we return.
        if T::PHYSICAL && unsafe { is_for_kernel(iter) } {
            return EINVAL.to_errno() as isize;
        }
        // SAFETY: The caller provides an iterator to read from.
        let from = unsafe { IovIterSource::from_raw(iter) };
        done(from.len(), T::write_iter(kiocb, from))
    }

    /// # Safety
    ///
    /// `file` must be an open file of this device, and `table` null or one that a process waits
    /// with.
    unsafe extern "C" fn poll(
        file: *mut bindings::file,
        table: *mut bindings::poll_table_struct,
    ) -> bindings::__poll_t {
        // SAFETY: The file is open, and what is borrowed from its data here is borrowed until it is
        // released. Who waits holds it: `select` and `poll` by a reference, and epoll, aio and
        // io_uring let go of the queue before that.
        let data = unsafe { file_data::<T::File>(file) };
        // SAFETY: The file is open, and the table is valid until we return. The file is passed on
        // to `poll_wait()` only, so it does not matter who uses its position at the same time.
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
        // SAFETY: As the caller promises.
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
        // SAFETY: As the caller promises.
        match unsafe { Self::asked(file) } {
            Ok((data, file)) => answer(T::compat_ioctl(data, file, cmd, arg)),
            Err(error) => error.to_errno() as c_long,
        }
    }

    /// What an ioctl is about, unless the device is gone.
    ///
    /// # Safety
    ///
    /// As for [`Self::ioctl`], and `'a` must end when that returns.
    unsafe fn asked<'a>(file: *mut bindings::file) -> Result<(ArcBorrow<'a, T::File>, &'a File)> {
        // SAFETY: The file is open.
        unsafe { check_bound(file) }?;
        // SAFETY: The file is open, so it owns a reference.
        let data = unsafe { Arc::<T::File>::borrow((*file).private_data) };
        // SAFETY: The file is held by the descriptor, so its count is not 0. Another thread can be
        // in a `read` of it without the lock of the position, as the file of a device never has
        // that locked (`file_needs_f_pos_lock()`): but a `File` has no access to the position, and
        // all that use it by other means are such reads themselves.
        let file = unsafe { File::from_raw_file(file) };
        Ok((data, file))
    }

    /// # Safety
    ///
    /// `file` must be an open file of this device, and `seq_file` be ours to write to.
    unsafe extern "C" fn show_fdinfo(seq_file: *mut bindings::seq_file, file: *mut bindings::file) {
        // SAFETY: The file is open, so it owns a reference.
        let data = unsafe { Arc::<T::File>::borrow((*file).private_data) };
        // SAFETY: The caller promises what this requires.
        T::show_fdinfo(&data, unsafe { SeqFile::from_raw(seq_file) });
    }
}

/// Whether the module's init has succeeded.
///
/// While it has not, the module can still fail to load, and is freed then no matter who holds it.
/// The registration outlives every call of `open`, but no file that `open` lets through.
fn module_is_live() -> bool {
    let module = this_module();
    if module.is_null() {
        // Built in.
        return true;
    }
    // SAFETY: This is our own module, which is there as long as this code is. As READ_ONCE().
    let state = unsafe { (&raw const (*module).state).read_volatile() };
    state == bindings::module_state_MODULE_STATE_LIVE
}

/// Waits until nobody is about to open a device any more that was registered while the module was
/// being initialized, and is no more: the module can fail to load, and is freed then.
///
/// Such an open was refused, but `do_dentry_open()` uses the file's operations after that.
fn wait_for_openers() {
    // A module holds itself while it is being initialized.
    // SAFETY: This is our own module, as long as it is not live, and not built in.
    while !module_is_live() && unsafe { bindings::module_refcount(this_module()) } > 1 {
        // SAFETY: This may sleep.
        unsafe { bindings::msleep(1) };
    }
}

/// Refuses what is done with a file whose device is gone: one that is registered until another is
/// unbound. The device can go right after this, too.
///
/// # Safety
///
/// The file must be an open one of a device that is registered here.
unsafe fn check_bound(file: *const bindings::file) -> Result {
    // SAFETY: The file has the reference on its address space until it is released.
    if unsafe { AddressSpace::borrow((*file).f_mapping) }.is_revoked() {
        return Err(ENODEV);
    }
    Ok(())
}

/// Whether the kernel reads or writes the file itself. It does so on its own account: who looks at
/// a VMA in `/proc` has it look for an ELF header at offset 0 of the file
/// (`build_id_parse_file()`), and where offsets are physical addresses, that can be one that no
/// device answers for.
///
/// # Safety
///
/// `iter` must be valid.
unsafe fn is_for_kernel(iter: *const bindings::iov_iter) -> bool {
    // SAFETY: As the caller promises.
    unsafe { helpers::iov_iter_is_kvec(iter) }
}

/// What the C side wants of an ioctl.
fn answer(result: Result<isize>) -> c_long {
    match result {
        Ok(answer) => answer as c_long,
        Err(error) => error.to_errno() as c_long,
    }
}

/// What the C side wants of a read or write of at most `len` bytes.
fn done(len: usize, result: Result<usize>) -> isize {
    match result {
        Ok(count) => min(count, len) as isize,
        // It would say that the rest comes later, which nobody sees to.
        Err(EIOCBQUEUED) => EIO.to_errno() as isize,
        Err(error) => error.to_errno() as isize,
    }
}
