// SPDX-License-Identifier: GPL-2.0

//! Misc devices that can be mapped.
//!
//! This differs from `kernel::miscdevice` in what mapping needs: the files hold the module, so it
//! cannot be unloaded under an open file or a mapping (which holds its file), and the mmap handler
//! gives the VMA operations and data of its own.
//!
//! C headers: [`include/linux/miscdevice.h`](srctree/include/linux/miscdevice.h),
//! [`include/linux/fs.h`](srctree/include/linux/fs.h).

use super::{
    vm_operations::VmOperations,
    vma::{
        VmaNew,
        VmaReady, //
    }, //
};
use core::marker::PhantomData;
use kernel::{
    bindings,
    error::to_result,
    prelude::*,
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

/// A misc device, implemented by its data. The device node and every open file hold a reference on
/// the data.
pub trait MiscDevice: Send + Sync + Sized + 'static {
    /// The name, and that of the node in `/dev`.
    const NAME: &'static CStr;

    /// The access mode of the node.
    const MODE: u16;

    /// What the operations of this device's VMAs work on; often the device itself.
    type Vma: VmOperations;

    /// A process maps the device: the mmap handler.
    ///
    /// The offset in the file, [`Vma::pgoff`], is any that the process likes.
    ///
    /// [`Vma::pgoff`]: super::vma::Vma::pgoff
    fn mmap<'a>(device: ArcBorrow<'_, Self>, vma: VmaNew<'a>) -> Result<VmaReady<'a, Self::Vma>>;
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
        try_pin_init!(Self {
            data,
            misc <- Opaque::try_ffi_init(|slot: *mut bindings::miscdevice| {
                // SAFETY: The slot is ours to initialize.
                unsafe { slot.write(Table::<T>::MISC) };
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
// to `release` the private data of a file is what `into_foreign` of an `Arc<T>` returned, and the
// file owns that reference.
impl<T: MiscDevice> Table<T> {
    const MISC: bindings::miscdevice = bindings::miscdevice {
        minor: bindings::MISC_DYNAMIC_MINOR as c_int,
        name: as_char_ptr_in_const_context(T::NAME),
        fops: &Self::FOPS,
        mode: T::MODE,
        ..pin_init::zeroed()
    };

    const FOPS: bindings::file_operations = bindings::file_operations {
        // A file holds its owner from before `open` until after `release`, and a VMA its file.
        owner: crate::THIS_MODULE.as_ptr(),
        open: Some(Self::open),
        release: Some(Self::release),
        mmap: Some(Self::mmap),
        // Let the handler judge mmap offsets from 2^63 bytes on, rather than `do_mmap()`.
        fop_flags: bindings::FOP_UNSIGNED_OFFSET,
        ..pin_init::zeroed()
    };

    /// # Safety
    ///
    /// Called by `misc_open()` only, for a file that is being opened.
    unsafe extern "C" fn open(_inode: *mut bindings::inode, file: *mut bindings::file) -> c_int {
        // SAFETY: `misc_open()` stored the address of the registered `struct miscdevice`, which is
        // the first field of a `MiscDeviceRegistration<T>`, and holds the lock that
        // `misc_deregister()` takes, so the registration does not go before we return.
        let registration = unsafe { &*(*file).private_data.cast::<MiscDeviceRegistration<T>>() };
        // SAFETY: A file that is being opened is ours.
        unsafe { (*file).private_data = registration.data.clone().into_foreign() };
        0
    }

    /// # Safety
    ///
    /// `file` must be a file of this device whose last user is gone.
    unsafe extern "C" fn release(_inode: *mut bindings::inode, file: *mut bindings::file) -> c_int {
        // SAFETY: The reference is the file's, which is released once and not used after it.
        drop(unsafe { Arc::<T>::from_foreign((*file).private_data) });
        0
    }

    /// # Safety
    ///
    /// `file` must be an open file of this device, and `vma` be undergoing its initial setup for
    /// it.
    unsafe extern "C" fn mmap(
        file: *mut bindings::file,
        vma: *mut bindings::vm_area_struct,
    ) -> c_int {
        // SAFETY: The file is open, so it owns a reference until we return.
        let device = unsafe { Arc::<T>::borrow((*file).private_data) };
        // SAFETY: The VMA is undergoing its setup and was not changed so far.
        let vma = unsafe { VmaNew::from_raw(vma) };
        match T::mmap(device, vma) {
            Ok(ready) => {
                // SAFETY: We succeed. The file of the VMA holds the module, which this code is in.
                unsafe { ready.install() };
                0
            }
            Err(error) => error.to_errno(),
        }
    }
}
