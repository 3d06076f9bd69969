// SPDX-License-Identifier: GPL-2.0

//! The description of a mapping that is to be made.
//!
//! The mmap handler of a file is given a description, decides what the mapping is, and returns it.
//! There is no VMA yet. The kernel then makes a VMA from the description, or extends one that
//! exists, and only after that does what the handler asked for.
//!
//! C headers: [`include/linux/mm_types.h`](srctree/include/linux/mm_types.h), `struct
//! vm_area_desc`, [`include/linux/mm.h`](srctree/include/linux/mm.h), `mmap_action_remap_full()`.

use super::{
    pgoff::Pgoff,
    virt::{
        flags,
        vm_flags_t, //
    },
    vm_operations::VmaState,
    vma::is_cow_mapping,
    Mm, //
};
use crate::{
    bindings,
    page::PAGE_SHIFT,
    prelude::*, //
};
use core::{
    marker::PhantomData,
    ptr::NonNull, //
};

/// The description of a mapping that is to be made, `struct vm_area_desc`.
///
/// `T` is what the open file refers to. `S` says how much is decided:
///
/// - [`New`]: nothing is decided.
/// - [`NotCow`]: a write will not give the process a copy of the page.
/// - [`Ready`]: all is decided. This is what the handler returns.
///
/// The methods that decide something take the description by value and return it in the next state,
/// so nothing can be decided twice. The handler borrows what it maps from the file for `'a`, which
/// lasts until the file is released. The handler cannot choose another `'a`.
///
/// # Invariants
///
/// - The description is valid. Its file is fit for `T`, as [`FileData`] defines it, and is the file
///   that the VMA will hold.
/// - In the state `NotCow`, [`Self::is_cow`] is false. In the states `New` and `NotCow` the
///   description has the kernel's dummy operations, no action, and neither VM_PFNMAP nor
///   VM_MIXEDMAP.
///
/// [`FileData`]: super::vm_operations::FileData
///
/// # Examples
///
/// ```
/// use kernel::mm::desc::VmaDesc;
///
/// fn check<T>(desc: &mut VmaDesc<'_, T>) -> Result {
///     pr_info!("{} bytes from {:x} on\n", desc.size(), desc.start());
///     if desc.pgoff().index() + desc.pages() > 16 {
///         return Err(EINVAL);
///     }
///     desc.deny_expand();
///     desc.deny_exec()
/// }
/// # let _ = check::<u32>;
/// ```
pub struct VmaDesc<'a, T, S = New> {
    desc: NonNull<bindings::vm_area_desc>,
    // The lifetime is invariant: it must be exactly the one that the handler was called with.
    _file: PhantomData<fn(&'a T) -> &'a T>,
    _state: PhantomData<S>,
    _not_copy: NotCopy,
}

/// A field of this type keeps the type that has it from being `Copy`.
struct NotCopy;

/// The state of a [`VmaDesc`] in which nothing is decided.
pub struct New(());

/// The state of a [`VmaDesc`] in which a write will not give the process a copy of the page: the
/// mapping is shared, or can never become writable.
pub struct NotCow(());

/// The state of a [`VmaDesc`] in which all is decided.
pub struct Ready(());

/// A state in which it is not decided yet what is mapped.
///
/// # Examples
///
/// ```
/// use kernel::mm::desc::{
///     New,
///     NotCow,
///     Undecided,
///     VmaDesc, //
/// };
///
/// fn read_only<T, S: Undecided>(desc: &mut VmaDesc<'_, T, S>) -> Result {
///     desc.deny_write()?;
///     desc.deny_exec()
/// }
///
/// fn new<T>(mut desc: VmaDesc<'_, T, New>) -> Result<VmaDesc<'_, T, NotCow>> {
///     read_only(&mut desc)?;
///     desc.into_not_cow()
/// }
/// ```
pub trait Undecided: private::Sealed {}
impl Undecided for New {}
impl Undecided for NotCow {}

mod private {
    pub trait Sealed {}
    impl Sealed for super::New {}
    impl Sealed for super::NotCow {}
}

impl<'a, T> VmaDesc<'a, T> {
    /// Wraps a raw pointer, in the mmap handler of a file.
    ///
    /// A driver needs this only for files for which no abstraction of the kernel does it: for
    /// example those of a character device, of debugfs, or of DRM.
    ///
    /// The handler must return 0 if the description reaches the state [`Ready`], and otherwise an
    /// error.
    ///
    /// # Errors
    ///
    /// [`EINVAL`] if the VMA is to hold another file than the one that is mapped, as happens with
    /// some file systems that are stacked on others.
    ///
    /// # Safety
    ///
    /// - `desc` must be what an `f_op->mmap_prepare()` hook was called with, and nobody may have
    ///   changed it since. Until the returned value, and what is made from it, is gone, nobody else
    ///   may use `desc`. All of that must be gone when `mmap_prepare` returns.
    /// - The file `desc->file` must be fit for `T`, as [`FileData`] defines it, from before this
    ///   call until the file is released: see [`file_data`]. That is if `T` has [`VmOperations`]:
    ///   otherwise nothing can be made of the description.
    /// - `'a` must not last longer than until the file is released.
    /// - The address space of the file, `f_mapping`, must be valid, and stay the same, until the
    ///   file is released. If it is not that of the file's inode, the file must own a reference on
    ///   it until then.
    /// - The file must hold the module that this code is in until after the file is released, as it
    ///   does if that module is the owner of the file's operations.
    ///
    /// If the operations have `FOP_UNSIGNED_OFFSET`, the handler is called for offsets up to the
    /// largest one. In debugfs, the handler is called only for files that
    /// `debugfs_create_file_unsafe()` made.
    ///
    /// [`FileData`]: super::vm_operations::FileData
    /// [`VmOperations`]: super::vm_operations::VmOperations
    /// [`file_data`]: super::vm_operations::file_data
    ///
    /// # Examples
    ///
    /// ```
    /// use kernel::{
    ///     bindings,
    ///     mm::{
    ///         desc::{
    ///             Ready,
    ///             VmaDesc, //
    ///         },
    ///         vm_operations::{
    ///             file_data,
    ///             VmOperations, //
    ///         }, //
    ///     }, //
    /// };
    ///
    /// struct Device;
    ///
    /// impl VmOperations for Device {}
    ///
    /// impl Device {
    ///     fn prepare<'a>(&'a self, _: VmaDesc<'a, Self>) -> Result<VmaDesc<'a, Self, Ready>> {
    ///         Err(EACCES)
    ///     }
    /// }
    ///
    /// /// The operation `mmap_prepare`.
    /// ///
    /// /// # Safety
    /// ///
    /// /// The file must be open, and its private data be what `into_foreign` of an `Arc<Device>`
    /// /// returned. This module must be the owner of its operations.
    /// unsafe extern "C" fn mmap_prepare(desc: *mut bindings::vm_area_desc) -> c_int {
    ///     // SAFETY: The file is open, and its private data is a `Device`.
    ///     let device = unsafe { file_data::<Device>((*desc).file) };
    ///     // SAFETY: This is the `mmap_prepare` operation, and nothing else uses the description.
    ///     // Until the file is released it has the same data, and the address space of its inode.
    ///     // The module is the owner of its operations.
    ///     let desc = unsafe { VmaDesc::<'_, Device>::from_raw(desc) };
    ///     match desc.and_then(|desc| device.prepare(desc)) {
    ///         Ok(_ready) => 0,
    ///         Err(error) => error.to_errno(),
    ///     }
    /// }
    /// # let _ = (mmap_prepare, Device);
    /// ```
    pub unsafe fn from_raw(desc: *mut bindings::vm_area_desc) -> Result<Self> {
        // SAFETY: The kernel calls the `mmap_prepare` operation with a valid description.
        if unsafe { (*desc).file != (*desc).vm_file } {
            return Err(EINVAL);
        }
        // INVARIANT: The VMA will hold the file, as just checked. The kernel calls `mmap_prepare`
        // with its dummy operations, no action, and neither VM_PFNMAP nor VM_MIXEDMAP.
        Ok(Self {
            // SAFETY: A valid pointer is not null.
            desc: unsafe { NonNull::new_unchecked(desc) },
            _file: PhantomData,
            _state: PhantomData,
            _not_copy: NotCopy,
        })
    }

    /// Fails if a write would give the process a copy of the page.
    ///
    /// # Errors
    ///
    /// [`EINVAL`] if [`Self::is_cow`] is true.
    ///
    pub fn into_not_cow(self) -> Result<VmaDesc<'a, T, NotCow>> {
        if self.is_cow() {
            return Err(EINVAL);
        }
        // INVARIANT: `is_cow()` was just checked to be false.
        Ok(self.into_state())
    }
}

impl<'a, T, S: Undecided> VmaDesc<'a, T, S> {
    /// The description.
    pub(super) fn desc(&self) -> &bindings::vm_area_desc {
        // SAFETY: By the type invariant the description is valid, and nobody else has access to it.
        unsafe { self.desc.as_ref() }
    }

    /// The description, to be changed.
    pub(super) fn desc_mut(&mut self) -> &mut bindings::vm_area_desc {
        // SAFETY: By the type invariant the description is valid, and nobody else has access to it.
        unsafe { self.desc.as_mut() }
    }

    /// The same description in another state.
    fn into_state<U>(self) -> VmaDesc<'a, T, U> {
        VmaDesc {
            desc: self.desc,
            _file: PhantomData,
            _state: PhantomData,
            _not_copy: NotCopy,
        }
    }

    /// The address space that the mapping will be in. Its mmap lock is held for writing.
    ///
    /// # Examples
    ///
    /// ```
    /// use kernel::mm::{
    ///     desc::VmaDesc,
    ///     Mm, //
    /// };
    ///
    /// /// Only the process that has opened the file may map it.
    /// fn check<T>(opener: &Mm, desc: &VmaDesc<'_, T>) -> Result {
    ///     if !core::ptr::eq(opener, desc.mm()) {
    ///         return Err(EINVAL);
    ///     }
    ///     Ok(())
    /// }
    /// # let _ = check::<u32>;
    /// ```
    pub fn mm(&self) -> &Mm {
        // SAFETY: The kernel calls `mmap_prepare` with the address space of the current process,
        // which exists at least until the operation returns. By then the description is gone.
        unsafe { Mm::from_raw(self.desc().mm) }
    }

    /// The first address.
    pub fn start(&self) -> usize {
        self.desc().start
    }

    /// The size in bytes, a multiple of the page size that is not zero, `vma_desc_size()`.
    pub fn size(&self) -> usize {
        self.desc().end.wrapping_sub(self.desc().start)
    }

    /// The size in pages, `vma_desc_pages()`.
    pub fn pages(&self) -> usize {
        self.size() >> PAGE_SHIFT
    }

    /// The offset of the first page from the start of the file. The process can choose any offset.
    pub fn pgoff(&self) -> Pgoff {
        Pgoff::new(self.desc().pgoff)
    }

    /// Whether a write will give the process a copy of the page, `vma_desc_is_cow_mapping()`: the
    /// mapping is private and may become writable.
    pub fn is_cow(&self) -> bool {
        is_cow_mapping(self.flags())
    }

    /// The flags that the VMA will have: the first word of the bitmap.
    fn flags(&self) -> vm_flags_t {
        self.desc().vma_flags.__vma_flags[0] as vm_flags_t
    }

    pub(super) fn update_flags(&mut self, set: vm_flags_t, clear: vm_flags_t) {
        let flags = &mut self.desc_mut().vma_flags.__vma_flags[0];
        *flags = (*flags & !(clear as c_ulong)) | set as c_ulong;
    }

    /// Refuses execution for as long as the VMA exists: clears VM_MAYEXEC.
    ///
    /// # Errors
    ///
    /// [`EPERM`] if the process has asked for an executable mapping. If this succeeds, `mprotect()`
    /// cannot make the mapping executable later, and fails with `EACCES`.
    pub fn deny_exec(&mut self) -> Result {
        self.deny(flags::EXEC, flags::MAYEXEC)
    }

    /// Refuses writing for as long as the VMA exists: clears VM_MAYWRITE.
    ///
    /// # Errors
    ///
    /// [`EPERM`] if the process has asked for a writable mapping. If this succeeds, `mprotect()`
    /// cannot make the mapping writable later, and fails with `EACCES`.
    pub fn deny_write(&mut self) -> Result {
        self.deny(flags::WRITE, flags::MAYWRITE)
    }

    fn deny(&mut self, right: vm_flags_t, may: vm_flags_t) -> Result {
        if self.flags() & right != 0 {
            return Err(EPERM);
        }
        self.update_flags(0, may);
        Ok(())
    }

    /// Refuses growth for as long as the VMA exists, VM_DONTEXPAND: `mremap()` fails with `EFAULT`.
    pub fn deny_expand(&mut self) {
        self.update_flags(flags::DONTEXPAND, 0);
    }

    /// Does not pass the mapping on to the children of the process, VM_DONTCOPY: after a fork they
    /// have no mapping at its addresses.
    ///
    /// The process can undo that with `MADV_DOFORK`, which fails with `EINVAL` if the VMA is one
    /// that the kernel calls special: one of page frames, one in which the driver inserts pages, or
    /// one with [`Self::deny_expand`].
    ///
    /// # Examples
    ///
    /// ```
    /// use kernel::mm::desc::VmaDesc;
    ///
    /// fn keep_from_children<T>(desc: &mut VmaDesc<'_, T>) {
    ///     // The process cannot undo this, as the VMA is special.
    ///     desc.deny_copy();
    ///     desc.deny_expand();
    /// }
    /// # let _ = keep_from_children::<u32>;
    /// ```
    pub fn deny_copy(&mut self) {
        self.update_flags(flags::DONTCOPY, 0);
    }

    /// Decides the operations and the private data, which is all that is left to decide.
    pub(super) fn ready(
        mut self,
        vm_ops: &'static bindings::vm_operations_struct,
        state: VmaState,
    ) -> VmaDesc<'a, T, Ready> {
        let desc = self.desc_mut();
        desc.vm_ops = vm_ops;
        desc.private_data = state.into_private_data();
        self.into_state()
    }
}
