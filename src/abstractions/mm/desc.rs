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
    frames::{
        self,
        AllAtOnce,
        Cached,
        Caching,
        DeviceFrames,
        FrameRun,
        Frames,
        IoFrames,
        OnDemand,
        Protection,
        Recheck,
        Rechecked, //
    },
    pages::{
        self,
        Pages, //
    },
    pgoff::Pgoff,
    vm_operations::{
        VmOperations,
        VmaState, //
    },
    vma::is_cow_mapping, //
};
use crate::compat::helpers;
use core::{
    marker::PhantomData,
    ptr::NonNull, //
};
use kernel::{
    bindings,
    mm::virt::{
        flags,
        vm_flags_t, //
    },
    page::PAGE_SHIFT,
    prelude::*, //
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
/// struct Buffer(ContigPages);
///
/// impl VmOperations for Buffer {}
///
/// fn mmap_prepare<'a>(
///     buffer: &'a Buffer,
///     mut desc: VmaDesc<'a, Buffer>,
/// ) -> Result<VmaDesc<'a, Buffer, Ready>> {
///     desc.deny_exec()?;
///     desc.deny_expand();
///     pr_info!("{} bytes from {:x} on\n", desc.size(), desc.start());
///     let frames = buffer.0.frames_from(desc.pgoff().index());
///     let frames = frames.and_then(|run| run.take(desc.pages()));
///     desc.remap_pfn_range(frames.ok_or(EINVAL)?)
/// }
/// # let _ = mmap_prepare;
/// # let _ = Buffer(ContigPages::alloc(1)?);
/// # Ok::<(), Error>(())
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
/// use simple_mmap::mm::desc::{
///     New,
///     Undecided, //
/// };
///
/// fn read_only<T: VmOperations, S: Undecided>(desc: &mut VmaDesc<'_, T, S>) -> Result {
///     desc.deny_write()?;
///     desc.deny_exec()
/// }
///
/// fn new<T: VmOperations>(mut desc: VmaDesc<'_, T, New>) -> Result<VmaDesc<'_, T, NotCow>> {
///     read_only(&mut desc)?;
///     desc.into_not_cow()
/// }
/// ```
pub trait Undecided: private::Sealed {}
impl Undecided for New {}
impl Undecided for NotCow {}

/// A state in which frames with the caching `C` can be mapped. If a write can give the process a
/// copy of the page, that is [`Cached`] only, because the copy is RAM.
///
/// # Examples
///
/// ```
/// use simple_mmap::mm::{
///     desc::Allows,
///     frames::{
///         Caching,
///         IoFrames,
///         Recheck, //
///     }, //
/// };
///
/// fn map<'a, T: VmOperations, S: Allows<C>, C: Caching, R: Recheck>(
///     mut desc: VmaDesc<'a, T, S>,
///     frames: IoFrames<'a, C, R>,
/// ) -> Result<VmaDesc<'a, T, Ready>> {
///     desc.deny_exec()?;
///     desc.io_remap_pfn_range(frames)
/// }
/// ```
pub trait Allows<C: Caching>: Undecided + private::Allows<C> {}
impl Allows<Cached> for New {}
impl<C: Caching> Allows<C> for NotCow {}

mod private {
    pub trait Allows<C> {}
    impl Allows<super::Cached> for super::New {}
    impl<C: super::Caching> Allows<C> for super::NotCow {}

    pub trait Sealed {}
    impl Sealed for super::New {}
    impl Sealed for super::NotCow {}
}

impl<'a, T: VmOperations> VmaDesc<'a, T> {
    /// Wraps a raw pointer, in the mmap handler of a file that is not one of a [`MiscDevice`]: for
    /// example one of a character device, of debugfs, or of DRM.
    ///
    /// The handler must return 0 if the description reaches the state [`Ready`], and otherwise an
    /// error.
    ///
    /// [`MiscDevice`]: crate::device::miscdevice::MiscDevice
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
    ///   may use `desc`. All of that must be gone when the hook returns.
    /// - The file `desc->file` must be fit for `T`, as [`FileData`] defines it, from before this
    ///   call until the file is released: see [`file_data`].
    /// - `'a` must not last longer than until the file is released.
    /// - The address space of the file, `f_mapping`, must be valid, and stay the same, until the
    ///   file is released. If it is that of an [`AddressSpace`], it must be what
    ///   [`AddressSpace::into_mapping`] returned, and the file must own that reference until then.
    /// - The file must hold the module that this code is in until after the file is released, as it
    ///   does if the owner of the file's operations is [`this_module`].
    ///
    /// If the operations have `FOP_UNSIGNED_OFFSET`, the handler is called for offsets up to the
    /// largest one. In debugfs, the handler is called only for files that
    /// `debugfs_create_file_unsafe()` made.
    ///
    /// [`FileData`]: super::vm_operations::FileData
    /// [`file_data`]: super::vm_operations::file_data
    /// [`AddressSpace`]: super::address_space::AddressSpace
    /// [`AddressSpace::into_mapping`]: super::address_space::AddressSpace::into_mapping
    /// [`this_module`]: crate::compat::this_module::this_module
    ///
    /// # Examples
    ///
    /// The operations of files that each have a page of their own, for `__register_chrdev()` and
    /// the like:
    ///
    /// ```
    /// use kernel::{
    ///     bindings,
    ///     types::ForeignOwnable, //
    /// };
    /// use simple_mmap::{
    ///     compat::this_module::this_module,
    ///     mm::vm_operations::file_data, //
    /// };
    ///
    /// struct Page(ARef<SharedPage>);
    ///
    /// impl VmOperations for Page {}
    ///
    /// impl Pages for Page {
    ///     fn fault(&self, _vmf: &VmFault) -> Result<ARef<SharedPage>, VmFaultError> {
    ///         Ok(self.0.clone())
    ///     }
    /// }
    ///
    /// const FOPS: bindings::file_operations = bindings::file_operations {
    ///     owner: this_module(),
    ///     open: Some(open),
    ///     release: Some(release),
    ///     mmap_prepare: Some(mmap_prepare),
    ///     fop_flags: bindings::FOP_UNSIGNED_OFFSET,
    ///     ..pin_init::zeroed()
    /// };
    ///
    /// unsafe extern "C" fn open(_: *mut bindings::inode, file: *mut bindings::file) -> c_int {
    ///     let page = SharedPage::alloc(GFP_KERNEL)
    ///         .map_err(Error::from)
    ///         .and_then(|page| Ok(Arc::new(Page(page), GFP_KERNEL)?));
    ///     match page {
    ///         Ok(page) => {
    ///             // SAFETY: A file that is being opened is ours.
    ///             unsafe { (*file).private_data = page.into_foreign() };
    ///             0
    ///         }
    ///         Err(error) => error.to_errno(),
    ///     }
    /// }
    ///
    /// unsafe extern "C" fn release(_: *mut bindings::inode, file: *mut bindings::file) -> c_int {
    ///     // SAFETY: The reference is the file's, which is released once.
    ///     drop(unsafe { Arc::<Page>::from_foreign((*file).private_data) });
    ///     0
    /// }
    ///
    /// unsafe extern "C" fn mmap_prepare(desc: *mut bindings::vm_area_desc) -> c_int {
    ///     // SAFETY: The file is open, and its private data is what `open` set it to.
    ///     let page = unsafe { file_data::<Page>((*desc).file) };
    ///     // SAFETY: This is the hook, and nothing else uses the description. Until the file is
    ///     // released it has the data that `open` gave it, and the address space of its inode. The
    ///     // module is the owner of its operations.
    ///     let desc = unsafe { VmaDesc::<'_, Page>::from_raw(desc) };
    ///     match desc.map(VmaDesc::serve_pages) {
    ///         Ok(_ready) => {
    ///             pr_info!("mapped {:p}\n", page);
    ///             0
    ///         }
    ///         Err(error) => error.to_errno(),
    ///     }
    /// }
    /// # let _ = FOPS;
    /// ```
    pub unsafe fn from_raw(desc: *mut bindings::vm_area_desc) -> Result<Self> {
        // SAFETY: The hook is called with a valid description.
        if unsafe { (*desc).file != (*desc).vm_file } {
            return Err(EINVAL);
        }
        // INVARIANT: The VMA will hold the file, as just checked. The kernel calls the hook with
        // its dummy operations, no action, and neither VM_PFNMAP nor VM_MIXEDMAP.
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
    /// # Examples
    ///
    /// ```
    /// fn mmap_prepare<T: Pages + Frames>(desc: VmaDesc<'_, T>) -> Result<VmaDesc<'_, T, Ready>> {
    ///     if desc.is_cow() {
    ///         return Ok(desc.serve_pages());
    ///     }
    ///     Ok(desc.into_not_cow()?.serve_frames())
    /// }
    /// ```
    pub fn into_not_cow(self) -> Result<VmaDesc<'a, T, NotCow>> {
        if self.is_cow() {
            return Err(EINVAL);
        }
        // INVARIANT: It was just checked.
        Ok(self.into_state())
    }
}

impl<'a, T: VmOperations, S: Undecided> VmaDesc<'a, T, S> {
    /// The description.
    fn desc(&self) -> &bindings::vm_area_desc {
        // SAFETY: By the type invariant the description is valid, and nobody else has access to it.
        unsafe { self.desc.as_ref() }
    }

    /// The description, to be changed.
    fn desc_mut(&mut self) -> &mut bindings::vm_area_desc {
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

    fn update_flags(&mut self, set: vm_flags_t, clear: vm_flags_t) {
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
    /// that the kernel calls special: one of page frames, or one with [`Self::deny_expand`].
    ///
    /// # Examples
    ///
    /// ```
    /// fn mmap_prepare<T: Pages>(mut desc: VmaDesc<'_, T>) -> VmaDesc<'_, T, Ready> {
    ///     // The process cannot undo this, as the VMA is special.
    ///     desc.deny_copy();
    ///     desc.deny_expand();
    ///     desc.serve_pages()
    /// }
    /// ```
    pub fn deny_copy(&mut self) {
        self.update_flags(flags::DONTCOPY, 0);
    }

    /// Decides the operations and the private data, which is all that is left to decide.
    fn ready(
        mut self,
        vm_ops: &'static bindings::vm_operations_struct,
        state: VmaState,
    ) -> VmaDesc<'a, T, Ready> {
        let desc = self.desc_mut();
        desc.vm_ops = vm_ops;
        desc.private_data = state.into_private_data();
        self.into_state()
    }

    /// Decides that [`Pages::fault`] serves the pages of the mapping when a process touches them.
    pub fn serve_pages(self) -> VmaDesc<'a, T, Ready>
    where
        T: Pages,
    {
        self.ready(&pages::Table::<T>::TABLE, VmaState::new(false))
    }

    /// Decides that all of the mapping is filled with these frames: the kernel calls
    /// `remap_pfn_range()` over the VMA's range, once the VMA is in place. VM_PFNMAP.
    ///
    /// # Errors
    ///
    /// [`EINVAL`] if there are not exactly as many frames as pages in the mapping.
    pub fn remap_pfn_range(mut self, frames: FrameRun<'a>) -> Result<VmaDesc<'a, T, Ready>> {
        if frames.count() != self.pages() {
            return Err(EINVAL);
        }
        // SAFETY: The description is valid and has no action yet. The frames fill all of the VMA.
        // User space may use them for `'a`, so until the file is released, which the VMA holds.
        unsafe { helpers::mmap_action_remap_full(self.desc_mut(), frames.first().as_raw()) };
        let state = VmaState::new(self.is_cow());
        Ok(self.ready(&AllAtOnce::<T>::TABLE, state))
    }

    /// Decides that all of the mapping is filled with these frames of a device: once the VMA is in
    /// place, the kernel calls `io_remap_pfn_range()` over the VMA's range, and then `R` checks the
    /// frames again. VM_PFNMAP.
    ///
    /// # Errors
    ///
    /// [`EINVAL`] if there are not exactly as many frames as pages in the mapping, or if the frames
    /// could not be found in order to unmap them: the address space of the file is not theirs, or
    /// the mapping's offset is not the number of the first frame.
    ///
    /// # Examples
    ///
    /// ```
    /// fn mmap_prepare<'a, T: VmOperations>(
    ///     raw_io: &'a RawIo,
    ///     desc: VmaDesc<'a, T>,
    /// ) -> Result<VmaDesc<'a, T, Ready>> {
    ///     let first = Pfn::new(desc.pgoff().index());
    ///     let range = PhysRange::new(raw_io, first, desc.pages())?;
    ///     if range.is_uncached() {
    ///         desc.into_not_cow()?.io_remap_pfn_range(range.uncached())
    ///     } else {
    ///         desc.io_remap_pfn_range(range.cached())
    ///     }
    /// }
    /// ```
    pub fn io_remap_pfn_range<C: Caching, R: Recheck>(
        mut self,
        frames: IoFrames<'a, C, R>,
    ) -> Result<VmaDesc<'a, T, Ready>>
    where
        S: Allows<C>,
    {
        // SAFETY: The file is open, and its address space stays the same until it is released.
        let space = unsafe { (*self.desc().file).f_mapping };
        if frames.count() != self.pages()
            || frames.first().as_raw() != self.pgoff().index()
            || frames.space().as_ptr() != space
        {
            return Err(EINVAL);
        }
        let desc = self.desc_mut();
        desc.page_prot = C::cached_so(desc.page_prot);
        // SAFETY: The description is valid and has no action yet. The frames fill all of the VMA.
        // User space may use them as long as `R::recheck` succeeds, and when it begins to fail,
        // they are unmapped: the tree of the file's address space contains the VMA before the
        // frames are mapped. There is one exception, which the description does not tell: a VMA of
        // another file system (Coda), which calls the hook before it inserts the VMA
        // (`compat_vma_mmap()`).
        unsafe { helpers::mmap_action_ioremap_full(desc, frames.first().as_raw()) };
        let state = VmaState::new(self.is_cow());
        Ok(self.ready(&Rechecked::<T, R>::TABLE, state))
    }
}

impl<'a, T: Frames> VmaDesc<'a, T, NotCow> {
    /// Decides that the frames that [`Frames::frames`] returns are mapped when a process touches
    /// them. VM_PFNMAP, and the flags that `remap_pfn_range()` sets with it.
    pub fn serve_frames(self) -> VmaDesc<'a, T, Ready> {
        self.vm_pfnmap(&OnDemand::<T>::TABLE)
    }
}

impl<'a, T: DeviceFrames> VmaDesc<'a, T, NotCow> {
    /// Decides that the frames that [`DeviceFrames::device_frames`] returns are mapped when a
    /// process touches them, and unmapped when the device goes. VM_PFNMAP, and the flags that
    /// `remap_pfn_range()` sets with it.
    ///
    /// # Errors
    ///
    /// - [`EINVAL`] if not all of the mapping lies in the frames, or if the frames belong to
    ///   another device than the file.
    /// - [`ENODEV`] if the device is gone.
    pub fn serve_device_frames(mut self, file: &'a T) -> Result<VmaDesc<'a, T, Ready>> {
        let frames = file.device_frames();
        let end = self
            .pgoff()
            .index()
            .checked_add(self.pages())
            .ok_or(EINVAL)?;
        // SAFETY: The file is open, and its address space stays the same until it is released.
        if end > frames.count() || !frames.are_in(unsafe { (*self.desc().file).f_mapping }) {
            return Err(EINVAL);
        }
        if frames.is_revoked() {
            return Err(ENODEV);
        }
        let prot = T::Caching::cached_so(self.desc().page_prot);
        // As io_remap_pfn_range() does: device memory is not encrypted where RAM is.
        // SAFETY: Any protection has a variant that is not encrypted.
        self.desc_mut().page_prot = unsafe { helpers::pgprot_decrypted(prot) };
        Ok(self.vm_pfnmap(&frames::Revocable::<T>::TABLE))
    }
}

impl<'a, T: VmOperations> VmaDesc<'a, T, NotCow> {
    /// Decides that these operations map page frames when a process touches them.
    fn vm_pfnmap(
        mut self,
        vm_ops: &'static bindings::vm_operations_struct,
    ) -> VmaDesc<'a, T, Ready> {
        self.update_flags(
            flags::PFNMAP | flags::IO | flags::DONTEXPAND | flags::DONTDUMP,
            0,
        );
        self.ready(vm_ops, VmaState::new(false))
    }
}
