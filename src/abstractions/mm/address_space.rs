// SPDX-License-Identifier: GPL-2.0

//! The address space of a device.
//!
//! The address space of a file is by default that of its inode. The inode of a device node has size
//! zero, and all files opened by the node share it, whatever device they are of. A file can be
//! given another address space (`f_mapping`). If all files of a device have the same one, the
//! kernel finds the VMAs of the device by it, and can unmap what they map. The kernel also maps
//! large folios as a whole up to the size of that inode.
//!
//! The inode belongs to the kernel's file system for files without a name. It uses nothing of the
//! module, so it may outlive the module.
//!
//! C headers: [`include/linux/fs.h`](srctree/include/linux/fs.h), `struct address_space`,
//! [`include/linux/anon_inodes.h`](srctree/include/linux/anon_inodes.h),
//! `anon_inode_create_getfile()`.

use crate::{
    bindings,
    error::from_err_ptr,
    prelude::*,
    str::as_char_ptr_in_const_context, //
};
use core::{
    marker::PhantomData,
    mem::ManuallyDrop,
    ops::Deref,
    ptr::{
        self,
        NonNull, //
    }, //
};

/// A reference on the inode to which the address space belongs.
///
/// All files of a device can have it: each of them then holds a reference from its `open` to its
/// `release`. The abstraction of misc devices does that, and other code that opens files can.
///
/// # Invariants
///
/// The pointer is to an inode that [`Self::new`] made, and this value owns a reference on it.
///
/// # Examples
///
/// What another kind of device than a misc device does when a file of it is opened and released:
///
/// ```
/// use kernel::{
///     bindings,
///     mm::address_space::AddressSpace,
///     page::PAGE_SIZE, //
/// };
///
/// struct Device {
///     space: AddressSpace,
/// }
///
/// impl Device {
///     fn new(size: u64) -> Result<Self> {
///         let space = AddressSpace::with_size(size)?;
///         Ok(Self { space })
///     }
///
///     /// # Safety
///     ///
///     /// The file must be one that is being opened.
///     unsafe fn opened(&self, file: *mut bindings::file) -> Result {
///         if self.space.is_revoked() {
///             return Err(ENODEV);
///         }
///         // SAFETY: A file that is being opened is ours.
///         unsafe { (*file).f_mapping = self.space.clone().into_mapping() };
///         Ok(())
///     }
///
///     /// # Safety
///     ///
///     /// The file must be one that `opened` succeeded for, and is being released.
///     unsafe fn released(file: *mut bindings::file) {
///         // SAFETY: The reference is the one that `opened` gave the file, which is released once.
///         drop(unsafe { AddressSpace::from_mapping((*file).f_mapping) });
///     }
///
///     /// Whether the device of an open file is gone.
///     ///
///     /// # Safety
///     ///
///     /// The file must be one that `opened` succeeded for, and not be released during this.
///     unsafe fn is_gone(file: *const bindings::file) -> bool {
///         // SAFETY: The file has its reference until it is released.
///         unsafe { AddressSpace::borrow((*file).f_mapping) }.is_revoked()
///     }
///
///     /// The device goes.
///     fn gone(&self) {
///         self.space.revoke();
///     }
/// }
///
/// let device = Device::new(4 * PAGE_SIZE as u64)?;
/// device.gone();
/// assert!(device.space.is_revoked());
/// assert!(!AddressSpace::new()?.is_revoked());
/// # Ok::<(), Error>(())
/// ```
pub struct AddressSpace {
    inode: NonNull<bindings::inode>,
}

// SAFETY: References on an inode may be given back by any thread, in a context that may sleep.
// Values are dropped in such a context unless their type is made for others.
unsafe impl Send for AddressSpace {}

// SAFETY: All methods that take `&self` lock or use atomic accesses where that is needed.
unsafe impl Sync for AddressSpace {}

impl AddressSpace {
    /// Makes an inode of size 0. Because of that size, the kernel maps folios page by page, except
    /// where a `huge_fault` operation maps a folio by one entry of a PMD.
    ///
    /// The inode has no file type, because the kernel assumes that regular inodes belong to a file
    /// system.
    ///
    /// # Errors
    ///
    /// [`ENOMEM`] if there is no memory, [`ENFILE`] if there are too many open files, or the error
    /// of a security module that refuses it.
    pub fn new() -> Result<Self> {
        // SAFETY: The name is a C string, and the operations are the kernel's own. They have no
        // owner, and no private data.
        let file = from_err_ptr(unsafe {
            bindings::anon_inode_create_getfile(
                as_char_ptr_in_const_context(c"[device_mapping]"),
                &raw const bindings::generic_ro_fops,
                ptr::null_mut(),
                bindings::O_RDWR as c_int,
                ptr::null(),
            )
        })?;
        // SAFETY: The file is valid, and has an inode of its own, which nobody else knows. The file
        // was needed to make the inode only, so its reference is given back.
        let inode = unsafe {
            let inode = (*file).f_inode;
            bindings::ihold(inode);
            bindings::fput(file);
            inode
        };
        // INVARIANT: We just took the reference that the new value owns.
        Ok(Self {
            inode: NonNull::new(inode).ok_or(ENOMEM)?,
        })
    }

    /// Makes an inode of `size` bytes. Up to this size the kernel maps large folios as a whole.
    ///
    /// # Errors
    ///
    /// As for [`Self::new`].
    pub fn with_size(size: u64) -> Result<Self> {
        let space = Self::new()?;
        space.set_size(size);
        Ok(space)
    }

    /// The C side's `struct address_space`.
    pub(super) fn as_ptr(&self) -> *mut bindings::address_space {
        // SAFETY: By the type invariant the inode is valid; the field is constant.
        unsafe { (*self.inode.as_ptr()).i_mapping }
    }

    /// Hands the reference over to the C side, for the `f_mapping` of a file. The file must have it
    /// from its `open` on, and its `release` must call [`Self::from_mapping`]: otherwise the inode
    /// is never freed.
    pub fn into_mapping(self) -> *mut bindings::address_space {
        ManuallyDrop::new(self).as_ptr()
    }

    /// Takes a reference over from the C side.
    ///
    /// # Safety
    ///
    /// `mapping` must be what [`Self::into_mapping`] returned, and the caller must give that
    /// reference up.
    pub unsafe fn from_mapping(mapping: *mut bindings::address_space) -> Self {
        // INVARIANT: `into_mapping` kept this reference, and the caller gives it up to this value.
        Self {
            // SAFETY: The address space is that of a valid inode.
            inode: unsafe { NonNull::new_unchecked((*mapping).host) },
        }
    }

    /// Gives access to the address space of a file, without taking a reference.
    ///
    /// # Safety
    ///
    /// `mapping` must be what [`Self::into_mapping`] returned, and that reference must not be given
    /// up for the duration of `'a`.
    pub unsafe fn borrow<'a>(mapping: *mut bindings::address_space) -> Borrowed<'a> {
        Borrowed {
            // SAFETY: The returned value never drops the reference, which the caller keeps.
            space: ManuallyDrop::new(unsafe { Self::from_mapping(mapping) }),
            _lent: PhantomData,
        }
    }

    /// Sets the size in bytes, `i_size_write()`. This must be done before any file is opened. A
    /// size beyond the largest position in a file (`loff_t`) counts as that position.
    pub(crate) fn set_size(&self, size: u64) {
        let size = size.min(bindings::loff_t::MAX as u64) as bindings::loff_t;
        // SAFETY: The inode is valid, and nobody else writes its size.
        unsafe { bindings::i_size_write(self.inode.as_ptr(), size) };
    }

    /// Calls `f` with `invalidate_lock` held for reading, which several threads can do at once. The
    /// lock keeps what `f` checks from changing.
    pub(crate) fn with_valid<R>(&self, f: impl FnOnce() -> R) -> R {
        // SAFETY: The address space is valid as long as `self` is borrowed.
        let lock = unsafe { &raw mut (*self.as_ptr()).invalidate_lock };
        // SAFETY: The lock is valid, as its address space is. This function may sleep.
        unsafe { bindings::down_read(lock) };
        let result = f();
        // SAFETY: The lock was taken above.
        unsafe { bindings::up_read(lock) };
        result
    }

    /// Calls `f` with `invalidate_lock` held for writing, to change what others check under it.
    /// Nobody else holds the lock meanwhile.
    pub(crate) fn invalidate(&self, f: impl FnOnce()) {
        // SAFETY: The address space is valid as long as `self` is borrowed.
        let lock = unsafe { &raw mut (*self.as_ptr()).invalidate_lock };
        // SAFETY: The lock is valid, as its address space is. This function may sleep.
        unsafe { bindings::down_write(lock) };
        f();
        // SAFETY: The lock was taken above.
        unsafe { bindings::up_write(lock) };
    }
}

impl AddressSpace {
    /// Marks the address space as revoked, for ever, because its device is gone, and unmaps all
    /// that VMAs have mapped of it. May sleep.
    ///
    /// When this returns, the [`RevocableFrames`] that [`serve_device_frames`] maps are unmapped,
    /// and stay so: they are mapped only under `invalidate_lock`, and only if [`Self::is_revoked`]
    /// is false then. Pages with references are mapped again when a process touches them, unless
    /// the driver refuses that.
    ///
    /// [`RevocableFrames`]: super::revocable::RevocableFrames
    /// [`serve_device_frames`]: super::desc::VmaDesc::serve_device_frames
    pub fn revoke(&self) {
        self.invalidate(|| {
            // SAFETY: The inode is valid. The abstractions use this field, and write it with the
            // lock held only. As WRITE_ONCE(), because others read it without the lock.
            unsafe {
                (&raw mut (*self.inode.as_ptr()).i_private)
                    .write_volatile(self.inode.as_ptr().cast())
            };
            // SAFETY: The address space is valid. A count of 0 means all pages.
            unsafe { bindings::unmap_mapping_pages(self.as_ptr(), 0, 0, false) };
        });
    }

    /// Whether [`Self::revoke`] was called. While `invalidate_lock` is held, the answer stays
    /// right. Without the lock, only `true` stays right.
    pub fn is_revoked(&self) -> bool {
        // SAFETY: The inode is valid, and the field is that of `revoke`. As READ_ONCE().
        !unsafe { (&raw const (*self.inode.as_ptr()).i_private).read_volatile() }.is_null()
    }
}

/// An [`AddressSpace`] that somebody else has a reference on.
///
/// # Examples
///
/// ```
/// use kernel::mm::address_space::{
///     AddressSpace,
///     Borrowed, //
/// };
///
/// fn own(space: &Borrowed<'_>) -> Result<AddressSpace> {
///     if space.is_revoked() {
///         return Err(ENODEV);
///     }
///     Ok((**space).clone())
/// }
/// # let _ = own;
/// ```
pub struct Borrowed<'a> {
    space: ManuallyDrop<AddressSpace>,
    _lent: PhantomData<&'a AddressSpace>,
}

impl Deref for Borrowed<'_> {
    type Target = AddressSpace;

    fn deref(&self) -> &AddressSpace {
        &self.space
    }
}

impl Clone for AddressSpace {
    /// Takes another reference, `ihold()`.
    fn clone(&self) -> Self {
        // SAFETY: By the type invariant the inode is valid and has a reference.
        unsafe { bindings::ihold(self.inode.as_ptr()) };
        // SAFETY: By the type invariant the inode is valid. The volatile read is that of
        // READ_ONCE().
        let count = unsafe { (&raw const (*self.inode.as_ptr()).i_count.counter).read_volatile() };
        // The count must not wrap around, not even if safe code forgets very many references.
        assert!(count > 0, "too many references on an inode");
        // INVARIANT: We just took the reference that the new value owns.
        Self { inode: self.inode }
    }
}

impl Drop for AddressSpace {
    fn drop(&mut self) {
        // SAFETY: By the type invariant we own a reference, and it is not used after this.
        unsafe { bindings::iput(self.inode.as_ptr()) };
    }
}
