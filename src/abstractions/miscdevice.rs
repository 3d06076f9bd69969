// SPDX-License-Identifier: GPL-2.0

//! Misc devices that can be mapped.
//!
//! This differs from `kernel::miscdevice` in what mapping needs: the files hold the module (there
//! from 7.3 on), so it cannot be unloaded under an open file or a mapping (which holds its file),
//! the mmap handler gives the VMA operations and data of its own, and a file has a size and can
//! seek.
//!
//! C headers: [`include/linux/miscdevice.h`](srctree/include/linux/miscdevice.h),
//! [`include/linux/fs.h`](srctree/include/linux/fs.h).

use super::{
    series::this_module,
    vm_operations::VmOperations,
    vma::{
        VmaNew,
        VmaReady, //
    }, //
};
use core::{
    cmp::min,
    marker::PhantomData, //
};
use kernel::{
    bindings,
    error::{
        to_result,
        VTABLE_DEFAULT_ERROR, //
    },
    fs::LocalFile,
    iov::{
        IovIterDest,
        IovIterSource, //
    },
    prelude::*,
    seq_file::SeqFile,
    str::{
        as_char_ptr_in_const_context,
        CStr, //
    },
    sync::{
        Arc,
        ArcBorrow, //
    },
    types::{
        ForeignOwnable,
        Opaque, //
    }, //
};

/// A misc device, implemented by its data, on which the registration holds a reference.
#[vtable]
pub trait MiscDevice: Send + Sync + Sized + 'static {
    /// The name, and that of the node in `/dev`.
    const NAME: &'static CStr;

    /// The access mode of the node.
    const MODE: u16;

    /// What an open file refers to, and holds a reference on; often the device itself.
    type File: Send + Sync + 'static;

    /// What the operations of this device's VMAs work on, and hold a reference on.
    type Vma: VmOperations;

    /// A process opens the device.
    ///
    /// # Errors
    ///
    /// Any refuses to open it.
    fn open(device: ArcBorrow<'_, Self>) -> Result<Arc<Self::File>>;

    /// A process maps the device: the mmap handler.
    ///
    /// The offset in the file, [`Vma::pgoff`], is any that the process likes.
    ///
    /// # Errors
    ///
    /// Any refuses the mapping.
    ///
    /// [`Vma::pgoff`]: super::vma::Vma::pgoff
    fn mmap<'a>(
        this: ArcBorrow<'_, Self::File>,
        file: &LocalFile,
        vma: VmaNew<'a>,
    ) -> Result<VmaReady<'a, Self::Vma>>;

    /// The size in bytes, for `SEEK_END`. Without this the file cannot seek.
    fn size(_this: &Self::File) -> u64 {
        build_error!(VTABLE_DEFAULT_ERROR)
    }

    /// Whether mappings are to have addresses at which folios of PMD size can be mapped, where the
    /// process leaves the choice to the kernel: `thp_get_unmapped_area()`.
    fn wants_hugepages(_this: &Self) -> bool {
        false
    }

    /// A process reads at `pos`, in bytes: `read`, `pread`, `readv` and the like. Returns how many
    /// bytes it got; 0 is the end.
    fn read_iter(
        _this: &Self::File,
        _file: &LocalFile,
        _pos: u64,
        _to: &mut IovIterDest<'_>,
    ) -> Result<usize> {
        build_error!(VTABLE_DEFAULT_ERROR)
    }

    /// A process writes at `pos`, in bytes: `write`, `pwrite`, `writev` and the like. Returns how
    /// many bytes it gave.
    fn write_iter(
        _this: &Self::File,
        _file: &LocalFile,
        _pos: u64,
        _from: &mut IovIterSource<'_>,
    ) -> Result<usize> {
        build_error!(VTABLE_DEFAULT_ERROR)
    }

    /// A process reads `/proc/<pid>/fdinfo/<fd>`.
    fn show_fdinfo(_this: &Self::File, _to: &SeqFile) {
        build_error!(VTABLE_DEFAULT_ERROR)
    }
}

/// A registered misc device. Dropping it removes the device node.
///
/// # Invariants
///
/// `misc` is registered with `misc_register()` and has `Table<T>`'s operations.
#[pin_data(PinnedDrop)]
#[repr(C)]
pub struct MiscDeviceRegistration<T: MiscDevice> {
    // The first field: see `Table::open`.
    #[pin]
    misc: Opaque<bindings::miscdevice>,
    data: Arc<T>,
}

// SAFETY: A device may be deregistered by another thread than the one that registered it, and the
// data may be dropped by any.
unsafe impl<T: MiscDevice> Send for MiscDeviceRegistration<T> {}

// SAFETY: Nothing can be done by shared reference.
unsafe impl<T: MiscDevice> Sync for MiscDeviceRegistration<T> {}

impl<T: MiscDevice> MiscDeviceRegistration<T> {
    /// Registers the device, `misc_register()`. From then on it can be opened.
    pub fn register(data: Arc<T>) -> impl PinInit<Self, Error> {
        let misc = bindings::miscdevice {
            fops: if T::wants_hugepages(&data) {
                &Table::<T>::HUGE_FOPS
            } else {
                &Table::<T>::FOPS
            },
            ..Table::<T>::MISC
        };
        try_pin_init!(Self {
            // First, as the device can be opened while `misc_register()` still runs.
            data,
            misc <- Opaque::try_ffi_init(|slot: *mut bindings::miscdevice| {
                // SAFETY: The slot is ours to initialize.
                unsafe { slot.write(misc) };
                // INVARIANT: Registered, if this succeeds.
                // SAFETY: The structure is valid, and pinned; the drop deregisters it.
                to_result(unsafe { bindings::misc_register(slot) })
            }),
        })
    }
}

#[pinned_drop]
impl<T: MiscDevice> PinnedDrop for MiscDeviceRegistration<T> {
    fn drop(self: Pin<&mut Self>) {
        // SAFETY: By the type invariant the device is registered.
        unsafe { bindings::misc_deregister(self.misc.get()) };
    }
}

/// Makes the tables for the C side.
struct Table<T>(PhantomData<T>);

// What the callbacks rely on, besides the contract of each with the C side: from the end of `open`
// to `release` the private data of a file is what `into_foreign` of an `Arc<T::File>` returned, and
// the file owns that reference.
impl<T: MiscDevice> Table<T> {
    const MISC: bindings::miscdevice = bindings::miscdevice {
        minor: bindings::MISC_DYNAMIC_MINOR as c_int,
        name: as_char_ptr_in_const_context(T::NAME),
        mode: T::MODE,
        ..pin_init::zeroed()
    };

    const FOPS: bindings::file_operations = bindings::file_operations {
        // A file holds its owner from before `open` until after `release`, and a VMA its file.
        owner: this_module(),
        open: Some(Self::open),
        release: Some(Self::release),
        mmap: Some(Self::mmap),
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
        // the first field of a `MiscDeviceRegistration<T>`, and holds the lock that
        // `misc_deregister()` takes, so the registration does not go before we return.
        let registration = unsafe { &*(*file).private_data.cast::<MiscDeviceRegistration<T>>() };
        if !module_is_live() {
            return ENODEV.to_errno();
        }
        match T::open(registration.data.as_arc_borrow()) {
            Ok(this) => {
                // SAFETY: A file that is being opened is ours.
                unsafe { (*file).private_data = this.into_foreign() };
                0
            }
            Err(error) => error.to_errno(),
        }
    }

    /// # Safety
    ///
    /// `file` must be a file of this device whose last user is gone.
    unsafe extern "C" fn release(_inode: *mut bindings::inode, file: *mut bindings::file) -> c_int {
        // SAFETY: The reference is the file's, which is released once and not used after it.
        drop(unsafe { Arc::<T::File>::from_foreign((*file).private_data) });
        0
    }

    /// What an open file refers to, and the file itself.
    ///
    /// # Safety
    ///
    /// `file` must be an open file of this device for the duration of `'a`, in a callback on the
    /// thread that made the system call.
    unsafe fn opened<'a>(file: *mut bindings::file) -> (ArcBorrow<'a, T::File>, &'a LocalFile) {
        // SAFETY: The file is open, so it owns a reference.
        let this = unsafe { Arc::<T::File>::borrow((*file).private_data) };
        // SAFETY: The file is open. If there is an `fdget_pos()` without the lock, it is of the
        // system call, so on this thread.
        (this, unsafe { LocalFile::from_raw_file(file) })
    }

    /// # Safety
    ///
    /// `file` must be an open file of this device, and `vma` be undergoing its initial setup for
    /// it.
    unsafe extern "C" fn mmap(
        file: *mut bindings::file,
        vma: *mut bindings::vm_area_struct,
    ) -> c_int {
        // SAFETY: The file is open, and this is its mmap callback.
        let (this, file) = unsafe { Self::opened(file) };
        // SAFETY: The VMA is undergoing its setup and was not changed so far.
        let vma = unsafe { VmaNew::from_raw(vma) };
        match T::mmap(this, file, vma) {
            Ok(ready) => {
                // SAFETY: We succeed. The file of the VMA holds the module, which this code is in.
                unsafe { ready.install() };
                0
            }
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
        // SAFETY: The file is open, so it owns a reference.
        let this = unsafe { Arc::<T::File>::borrow((*file).private_data) };
        let size = T::size(&this) as bindings::loff_t;
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
        // SAFETY: The file is open, and this is a callback of a read or write.
        let (this, file) = unsafe { Self::opened((*kiocb).ki_filp) };
        // SAFETY: The kiocb is ours until we return.
        let pos = unsafe { &mut (*kiocb).ki_pos };
        // SAFETY: The caller provides an iterator to write to.
        let to = unsafe { IovIterDest::from_raw(iter) };
        advance(pos, to.len(), T::read_iter(&this, file, *pos as u64, to))
    }

    /// # Safety
    ///
    /// `kiocb` must be a write to an open file of this device, and `iter` where it comes from.
    unsafe extern "C" fn write_iter(
        kiocb: *mut bindings::kiocb,
        iter: *mut bindings::iov_iter,
    ) -> isize {
        // SAFETY: The file is open, and this is a callback of a read or write.
        let (this, file) = unsafe { Self::opened((*kiocb).ki_filp) };
        // SAFETY: The kiocb is ours until we return.
        let pos = unsafe { &mut (*kiocb).ki_pos };
        // SAFETY: The caller provides an iterator to read from.
        let from = unsafe { IovIterSource::from_raw(iter) };
        advance(
            pos,
            from.len(),
            T::write_iter(&this, file, *pos as u64, from),
        )
    }

    /// # Safety
    ///
    /// `file` must be an open file of this device, and `seq_file` be ours to write to.
    unsafe extern "C" fn show_fdinfo(seq_file: *mut bindings::seq_file, file: *mut bindings::file) {
        // SAFETY: The file is open, so it owns a reference.
        let this = unsafe { Arc::<T::File>::borrow((*file).private_data) };
        // SAFETY: The caller promises what this requires.
        T::show_fdinfo(&this, unsafe { SeqFile::from_raw(seq_file) });
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

/// Moves a position on by what was read or written, of `len` bytes, and makes of it what the C side
/// wants.
fn advance(pos: &mut bindings::loff_t, len: usize, result: Result<usize>) -> isize {
    match result {
        Ok(count) => {
            let count = min(count, len);
            *pos = pos.wrapping_add(count as bindings::loff_t);
            count as isize
        }
        Err(error) => error.to_errno() as isize,
    }
}
