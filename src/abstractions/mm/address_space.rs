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
/// # Invariants
///
/// The pointer is to an inode that [`Self::new`] made, and this value owns a reference on it.
pub(crate) struct AddressSpace {
    inode: NonNull<bindings::inode>,
}

// SAFETY: References on an inode may be given back by any thread, in a context that may sleep,
// which is where values are dropped that are not made for other contexts.
unsafe impl Send for AddressSpace {}

// SAFETY: All that can be done by shared reference locks for itself.
unsafe impl Sync for AddressSpace {}

impl AddressSpace {
    /// Makes an inode of no bytes.
    ///
    /// It has no type, as the kernel takes the files of regular inodes for those of a file system.
    pub(crate) fn new() -> Result<Self> {
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

    /// The address space itself.
    pub(super) fn as_ptr(&self) -> *mut bindings::address_space {
        // SAFETY: By the type invariant the inode is valid; the field is constant.
        unsafe { (*self.inode.as_ptr()).i_mapping }
    }

    /// Hands the reference over to the C side, as what a file has in `f_mapping`.
    pub(crate) fn into_mapping(self) -> *mut bindings::address_space {
        ManuallyDrop::new(self).as_ptr()
    }

    /// Takes a reference over from the C side.
    ///
    /// # Safety
    ///
    /// `mapping` must be what [`Self::into_mapping`] returned, and the caller give that reference
    /// up.
    pub(crate) unsafe fn from_mapping(mapping: *mut bindings::address_space) -> Self {
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
    pub(crate) unsafe fn borrow<'a>(mapping: *mut bindings::address_space) -> Borrowed<'a> {
        Borrowed {
            // SAFETY: The caller lends the reference that this takes over, and it is not dropped.
            space: ManuallyDrop::new(unsafe { Self::from_mapping(mapping) }),
            _lent: PhantomData,
        }
    }

    /// Sets the size in bytes, `i_size_write()`, before any file is opened.
    pub(crate) fn set_size(&self, size: u64) {
        // SAFETY: The inode is valid, and nobody else writes its size.
        unsafe { helpers::i_size_write(self.inode.as_ptr(), size as bindings::loff_t) };
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
    /// What is mapped under [`Self::with_valid`], and only where [`Self::is_revoked`] is not so, is
    /// unmapped when this returns, and stays so.
    pub(crate) fn revoke(&self) {
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

    /// Whether it was. In [`Self::with_valid`] the answer stays true until that ends; elsewhere
    /// only a yes does.
    pub(crate) fn is_revoked(&self) -> bool {
        // SAFETY: The inode is valid, and the field is ours. As READ_ONCE().
        !unsafe { (&raw const (*self.inode.as_ptr()).i_private).read_volatile() }.is_null()
    }
}

/// An [`AddressSpace`] that somebody else has a reference on.
pub(crate) struct Borrowed<'a> {
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
