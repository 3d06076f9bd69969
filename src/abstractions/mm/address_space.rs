// SPDX-License-Identifier: GPL-2.0

//! An address space of a device's own.
//!
//! The address space of a file is that of its inode, and for a device node that is one of size zero
//! which all files of the node have in common, whatever device they are of. A file can be given
//! another, `f_mapping`. Then the kernel knows the VMAs of the device by it, so that they can be
//! found and their entries taken back, and it maps large folios as a whole, as far as the size of
//! the inode goes.
//!
//! The inode is one of the kernel's file system for files that have no name, so that nothing of it
//! is in the module: it may outlive that.
//!
//! C headers: [`include/linux/fs.h`](srctree/include/linux/fs.h), `struct address_space`,
//! [`include/linux/anon_inodes.h`](srctree/include/linux/anon_inodes.h),
//! `anon_inode_create_getfile()`.

use super::pgoff::Pgoff;
use crate::compat::helpers;
use core::{
    marker::PhantomData,
    mem::ManuallyDrop,
    ops::{
        Deref,
        Range, //
    },
    ptr::{
        self,
        NonNull, //
    }, //
};
use kernel::{
    bindings,
    error::from_err_ptr,
    prelude::*,
    str::as_char_ptr_in_const_context, //
};

/// A reference on the inode that the address space is that of.
///
/// The files of a misc device have one of its own. What opens files itself can give them one: they
/// each hold a reference, from their `open` to their `release`.
///
/// # Invariants
///
/// The pointer is to an inode that [`Self::new`] made, and this value owns a reference on it.
///
/// # Examples
///
/// What a device of one's own does when a file of it is opened and released:
///
/// ```
/// use kernel::bindings;
/// use simple_mmap::mm::address_space::AddressSpace;
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

// SAFETY: References on an inode may be given back by any thread, in a context that may sleep,
// which is where values are dropped that are not made for other contexts.
unsafe impl Send for AddressSpace {}

// SAFETY: All that can be done by shared reference locks for itself.
unsafe impl Sync for AddressSpace {}

impl AddressSpace {
    /// Makes an inode of no bytes: folios are mapped page by page, unless one entry of a PMD maps
    /// all of one.
    ///
    /// It has no type, as the kernel takes the files of regular inodes for those of a file system.
    ///
    /// # Errors
    ///
    /// [`ENOMEM`] if there is no memory, [`ENFILE`] if there are too many open files, and what a
    /// security module refuses it with.
    pub fn new() -> Result<Self> {
        // SAFETY: The name is a C string, and the operations are the kernel's own. They have no
        // owner, and no private data.
        let file = from_err_ptr(unsafe {
            helpers::anon_inode_create_getfile(
                as_char_ptr_in_const_context(c"[simple_mmap]"),
                &raw const bindings::generic_ro_fops,
                ptr::null_mut(),
                bindings::O_RDWR as c_int,
                ptr::null(),
            )
        })?;
        // SAFETY: The file is valid, and has an inode of its own, which nobody else knows. The file
        // is not needed for more than to make that, so its reference is given back.
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

    /// Makes an inode of `size` bytes: up to there the kernel maps large folios as a whole.
    ///
    /// # Errors
    ///
    /// As for [`Self::new`].
    pub fn with_size(size: u64) -> Result<Self> {
        let space = Self::new()?;
        space.set_size(size);
        Ok(space)
    }

    /// The address space itself.
    pub(super) fn as_ptr(&self) -> *mut bindings::address_space {
        // SAFETY: By the type invariant the inode is valid; the field is constant.
        unsafe { (*self.inode.as_ptr()).i_mapping }
    }

    /// Hands the reference over to the C side, as what a file has in `f_mapping`. The file must
    /// have it from its `open` on, and give it back by [`Self::from_mapping`] in its `release`;
    /// what is not given back is never freed.
    pub fn into_mapping(self) -> *mut bindings::address_space {
        ManuallyDrop::new(self).as_ptr()
    }

    /// Takes a reference over from the C side.
    ///
    /// # Safety
    ///
    /// `mapping` must be what [`Self::into_mapping`] returned, and the caller give that reference
    /// up.
    pub unsafe fn from_mapping(mapping: *mut bindings::address_space) -> Self {
        // INVARIANT: The reference is the one that `into_mapping` kept from being given back.
        Self {
            // SAFETY: The address space is that of a valid inode.
            inode: unsafe { NonNull::new_unchecked((*mapping).host) },
        }
    }

    /// Looks at the address space of a file without a reference of one's own.
    ///
    /// # Safety
    ///
    /// `mapping` must be what [`Self::into_mapping`] returned, and that reference not be given up
    /// for the duration of `'a`.
    pub unsafe fn borrow<'a>(mapping: *mut bindings::address_space) -> Borrowed<'a> {
        Borrowed {
            // SAFETY: The caller lends the reference that this takes over, and it is not dropped.
            space: ManuallyDrop::new(unsafe { Self::from_mapping(mapping) }),
            _lent: PhantomData,
        }
    }

    /// Sets the size in bytes, `i_size_write()`, before any file is opened. What the kernel has no
    /// positions for does not count.
    pub(crate) fn set_size(&self, size: u64) {
        let size = size.min(bindings::loff_t::MAX as u64) as bindings::loff_t;
        // SAFETY: The inode is valid, and nobody else writes its size.
        unsafe { helpers::i_size_write(self.inode.as_ptr(), size) };
    }

    /// Unmaps what VMAs have mapped at these offsets, `unmap_mapping_pages()`. Copies that a
    /// process got of a page stay.
    ///
    /// For page frames only. A page with references can be mapped after this by a fault that began
    /// before it: the kernel makes the entry when the fault operation has returned.
    pub(crate) fn unmap(&self, range: Range<Pgoff>) {
        let count = range.end.index().saturating_sub(range.start.index());
        if count > 0 {
            // SAFETY: The address space is valid.
            unsafe {
                bindings::unmap_mapping_pages(self.as_ptr(), range.start.index(), count, false)
            };
        }
    }

    /// Takes the lock that keeps what was checked from changing, `invalidate_lock`, for `f` to run
    /// under it, beside others that do the same.
    pub(crate) fn with_valid<R>(&self, f: impl FnOnce() -> R) -> R {
        // SAFETY: The address space is valid as long as `self` is borrowed.
        let lock = unsafe { &raw mut (*self.as_ptr()).invalidate_lock };
        // SAFETY: As above; this may sleep.
        unsafe { bindings::down_read(lock) };
        let result = f();
        // SAFETY: The lock was taken above.
        unsafe { bindings::up_read(lock) };
        result
    }

    /// Takes the same lock for `f` to change what others check under it. Nobody else runs under it
    /// meanwhile.
    pub(crate) fn invalidate(&self, f: impl FnOnce()) {
        // SAFETY: The address space is valid as long as `self` is borrowed.
        let lock = unsafe { &raw mut (*self.as_ptr()).invalidate_lock };
        // SAFETY: As above; this may sleep.
        unsafe { bindings::down_write(lock) };
        f();
        // SAFETY: The lock was taken above.
        unsafe { bindings::up_write(lock) };
    }
}

impl AddressSpace {
    /// Marks it as one whose device is gone, for ever, and unmaps all that VMAs have mapped of it.
    /// What is mapped under `invalidate_lock`, and only where [`Self::is_revoked`] is not so, is
    /// unmapped when this returns, and stays so: the [`RevocableFrames`] that
    /// [`serve_device_frames`] maps. Pages with references come back when they are touched again,
    /// unless the driver refuses that. May sleep.
    ///
    /// [`RevocableFrames`]: super::frames::RevocableFrames
    /// [`serve_device_frames`]: super::desc::VmaDesc::serve_device_frames
    pub fn revoke(&self) {
        self.invalidate(|| {
            // SAFETY: The inode is valid. The field is ours, and written under the lock only. As
            // WRITE_ONCE(), for those who read it without.
            unsafe {
                (&raw mut (*self.inode.as_ptr()).i_private)
                    .write_volatile(self.inode.as_ptr().cast())
            };
            // SAFETY: The address space is valid. A count of 0 means all pages.
            unsafe { bindings::unmap_mapping_pages(self.as_ptr(), 0, 0, false) };
        });
    }

    /// Whether it was. Under `invalidate_lock` the answer stays true until that is given back;
    /// elsewhere only a yes does.
    pub fn is_revoked(&self) -> bool {
        // SAFETY: The inode is valid, and the field is ours. As READ_ONCE().
        !unsafe { (&raw const (*self.inode.as_ptr()).i_private).read_volatile() }.is_null()
    }
}

/// An [`AddressSpace`] that somebody else has a reference on.
///
/// # Examples
///
/// ```
/// use simple_mmap::mm::address_space::{
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
        // SAFETY: As above; as READ_ONCE().
        let count = unsafe { (&raw const (*self.inode.as_ptr()).i_count.counter).read_volatile() };
        // References that are forgotten must not have the count start anew.
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
