// SPDX-License-Identifier: GPL-2.0

//! The operations that all VMAs of a driver have: open and close.
//!
//! C header: [`include/linux/mm.h`](srctree/include/linux/mm.h), `struct vm_operations_struct`.
//!
//! # Why mapped memory stays valid
//!
//! The operations of a VMA work on what the VMA's file refers to: data that stays until the file is
//! released. A driver maps only memory that it borrows from this data, and pages that have
//! references of their own. The VMA holds its file (`vm_file`), so the data and the memory stay as
//! long as the VMA:
//!
//! - A copy of a VMA, made by fork, split or mremap, takes a reference of its own on the file
//!   (`get_file()`), while the VMA that is copied still has one.
//! - VMAs are merged only if they have the same file, so they have the same data.
//! - When the kernel removes a VMA, it first clears the page tables and flushes the TLBs, then
//!   calls the close operation, and then gives the reference on the file back (`unmap_region()` or
//!   `unmap_vmas()`, then `remove_vma()`). At exit the order is the same (`exit_mmap()`).
//! - If the action of a mapping or its mapped operation fails, the kernel also clears the page
//!   tables of the new VMA before it gives the reference on the file back (`do_munmap()`). If
//!   unmapping fails, both the VMA and its file stay.
//! - The file holds the module (`file_operations.owner`) until after the file is released, so the
//!   module cannot be unloaded before the last VMA is gone.

use super::{
    pfn::Pfn,
    pgoff::Pgoff,
    vma::{
        vm_range,
        FirstPage,
        Vma, //
    }, //
};
use crate::{
    bindings,
    prelude::*,
    sync::Arc,
    types::ForeignOwnable, //
};
use core::ptr;

/// The operations that every VMA has. They are implemented by what the VMA's file refers to.
///
/// For each call of [`open`](Self::open) there is one of [`close`](Self::close). If the kernel
/// extends a VMA instead of making another one, `open` is not called again.
///
/// # Examples
///
/// ```
/// use kernel::mm::{
///     vm_operations::VmOperations,
///     vma::Vma, //
/// };
///
/// struct Device;
///
/// impl VmOperations for Device {
///     fn open(&self, vma: &Vma) {
///         pr_info!("mapped at {:x}\n", vma.start());
///     }
/// }
/// # let _ = Device;
/// ```
pub trait VmOperations: Send + Sync + Sized + 'static {
    /// How to get from a file to the `Self` that it refers to. The default is right for all files
    /// whose private data is what `into_foreign` of an `Arc<Self>` returned, as that of the files
    /// of misc devices is.
    const FILE_DATA: FileData<Self> = FileData::ARC;

    /// There is a new VMA: the first one of a mapping (the C operation `mapped`), or a copy of a
    /// VMA that fork, a split or mremap has made (the C operation `open`).
    ///
    /// The mmap lock is held for writing. May sleep.
    fn open(&self, _vma: &Vma) {}

    /// A VMA is about to be freed, and nothing is mapped in it any more (the C operation `close`).
    /// The current task can be any task, also one that exits and has no file descriptors any more.
    ///
    /// The mmap lock is held for writing, except that `munmap()` may hold it for reading only: then
    /// other threads can touch other pages of the process at the same time. May sleep.
    fn close(&self, _vma: &Vma) {}
}

/// The private data of a VMA, of which two bits are used. A copy of the VMA inherits them.
#[derive(Clone, Copy)]
pub(super) struct VmaState(usize);

impl VmaState {
    /// Page frames are mapped, and a write gives the process a copy of the page, so `vm_pgoff` is
    /// the number of the first frame.
    const COW_FRAMES: usize = 1 << 0;
    /// The VMA, or the one that it was copied from, was mapped successfully, and `open` was called
    /// for it. Only for such VMAs is [`VmOperations::close`] called, also if the kernel calls the C
    /// operation close for a VMA whose mapping has failed.
    const OPENED: usize = 1 << 1;

    /// The state of a VMA that is to be mapped.
    pub(super) fn new(cow_frames: bool) -> Self {
        Self(if cow_frames { Self::COW_FRAMES } else { 0 })
    }

    pub(super) fn into_private_data(self) -> *mut c_void {
        ptr::without_provenance_mut(self.0)
    }

    fn from_private_data(data: *mut c_void) -> Self {
        Self(data.addr())
    }

    fn is_opened(self) -> bool {
        self.0 & Self::OPENED != 0
    }

    fn vma(self, start: usize, end: usize, pgoff: usize) -> Vma {
        let first_page = if self.0 & Self::COW_FRAMES != 0 {
            FirstPage::Frame(Pfn::new(pgoff))
        } else {
            FirstPage::Offset(Pgoff::new(pgoff))
        };
        Vma::new(start, end, first_page)
    }
}

/// How to get from a file to the `T` that it refers to.
///
/// # Examples
///
/// For files whose private data is another structure that contains the `T` or points to it, as the
/// `struct drm_file` of a DRM file does:
///
/// ```
/// use kernel::mm::vm_operations::{
///     FileData,
///     VmOperations, //
/// };
///
/// struct Client {
///     id: u32,
///     buffer: Buffer,
/// }
///
/// struct Buffer(KVec<u8>);
///
/// /// # Safety
/// ///
/// /// The private data of the file must be a `Client`.
/// unsafe fn buffer_of(file: *const kernel::bindings::file) -> *const Buffer {
///     // SAFETY: By the safety requirements of this function, the private data is a `Client`.
///     unsafe { &raw const (*(*file).private_data.cast::<Client>()).buffer }
/// }
///
/// impl VmOperations for Buffer {
///     const FILE_DATA: FileData<Self> = {
///         // SAFETY: `buffer_of` only computes the address of the buffer in the client. The buffer
///         // is valid as long as the client.
///         unsafe { FileData::new(buffer_of) }
///     };
/// }
/// # let _ = |client: Client| (client.id, client.buffer.0);
/// ```
pub struct FileData<T>(Find<T>);

enum Find<T> {
    Arc,
    By(unsafe fn(*const bindings::file) -> *const T),
}

impl<T> FileData<T> {
    /// The private data of the file is what `into_foreign` of an `Arc<T>` returned, and the file
    /// owns that reference from when it is open until it is released.
    pub const ARC: Self = Self(Find::Arc);

    /// The `T` of a file is what the function `find` returns for the file.
    ///
    /// # Safety
    ///
    /// The caller decides which files are _fit_ for `T`. From when such a file is open until it is
    /// released, `find` may be called for it at any time, by any number of threads at once, also
    /// while the mmap lock or a VMA's lock is held. Each call for the same file must return the
    /// same pointer, to a valid `T` to which there are only shared references.
    ///
    /// Whoever calls [`file_data`], or makes the description of a mapping for a file, promises that
    /// this file is fit.
    pub const unsafe fn new(find: unsafe fn(*const bindings::file) -> *const T) -> Self {
        Self(Find::By(find))
    }

    /// Whether it is [`Self::ARC`].
    pub(crate) const fn is_arc(&self) -> bool {
        matches!(self.0, Find::Arc)
    }
}

/// Returns what a file refers to, as [`VmOperations::FILE_DATA`] finds it: the data that the
/// operations of its VMAs work on.
///
/// # Safety
///
/// The file must be held for the duration of `'a`, and be fit for `T`. With [`FileData::ARC`] a
/// file is fit if its private data is what `into_foreign` of an `Arc<T>` returned, and the file
/// owns that reference until it is released. Otherwise whoever called [`FileData::new`] decides
/// which files are fit.
///
/// # Examples
///
/// In an operation of a file, here its ioctl:
///
/// ```
/// use kernel::{
///     bindings,
///     mm::vm_operations::{
///         file_data,
///         VmOperations, //
///     }, //
/// };
///
/// struct Device(isize);
///
/// impl VmOperations for Device {}
///
/// /// # Safety
/// ///
/// /// The file must be open, and have this operation.
/// unsafe extern "C" fn ioctl(file: *mut bindings::file, _: c_uint, _: c_ulong) -> c_long {
///     // SAFETY: This is an operation of files whose `open` sets their private data to what
///     // `into_foreign` of an `Arc<Device>` returned, and whose `release` takes that back.
///     let device = unsafe { file_data::<Device>(file) };
///     device.0
/// }
/// # let _ = (ioctl, Device);
/// ```
#[inline]
pub unsafe fn file_data<'a, T: VmOperations>(file: *const bindings::file) -> &'a T {
    // The compiler knows the constant, so no branch is left of this.
    let data: *const T = match T::FILE_DATA.0 {
        // SAFETY: The file is held, and its private data, once set, stays until it is released.
        Find::Arc => unsafe { &raw const *Arc::<T>::borrow((*file).private_data) },
        // SAFETY: The file is fit for `T`, so `find` may be called for it.
        Find::By(find) => unsafe { find(file) },
    };
    // SAFETY: The file keeps the data valid for at least `'a`.
    unsafe { &*data }
}

// Each of the following functions is an operation of a VMA that has the operations for `T`. The
// VMA's file is fit for `T`: whoever makes the description of a mapping promises this of the file
// that is mapped, and no description is made if the VMA is to hold another file.

/// The operation `mapped`: the first VMA of a mapping is in place.
///
/// # Safety
///
/// To be called by `call_vma_mapped()` only, for a VMA with operations for `T`.
pub(super) unsafe extern "C" fn mapped<T: VmOperations>(
    start: c_ulong,
    end: c_ulong,
    pgoff: c_ulong,
    file: *const bindings::file,
    private_data: *mut *mut c_void,
) -> c_int {
    // SAFETY: The VMA holds its file.
    let data = unsafe { file_data::<T>(file) };
    // SAFETY: The pointer is to a copy of the VMA's private data, which this operation may change.
    let private_data = unsafe { &mut *private_data };
    let state = VmaState::from_private_data(*private_data);
    *private_data = VmaState(state.0 | VmaState::OPENED).into_private_data();
    data.open(&state.vma(start, end, pgoff));
    0
}

/// The operation `open`: a VMA was copied.
///
/// # Safety
///
/// `vma` must be a new copy of a VMA with operations for `T`, and the mmap lock must be held for
/// writing.
pub(super) unsafe extern "C" fn open<T: VmOperations>(vma: *mut bindings::vm_area_struct) {
    // SAFETY: The VMA is valid and locked.
    if let Some(opened) = unsafe { opened(vma) } {
        // SAFETY: The VMA, or the one that it is a copy of, holds its file.
        unsafe { file_data::<T>((*vma).vm_file) }.open(&opened);
    }
}

/// The operation `close`: a VMA is about to be freed.
///
/// # Safety
///
/// `vma` must be a VMA with operations for `T` that is about to be freed.
pub(super) unsafe extern "C" fn close<T: VmOperations>(vma: *mut bindings::vm_area_struct) {
    // SAFETY: The VMA is valid. It may still be in the tree of VMAs, or be known to the file's
    // address space, but nobody changes one that is being removed.
    if let Some(opened) = unsafe { opened(vma) } {
        // SAFETY: The VMA holds its file until after this.
        unsafe { file_data::<T>((*vma).vm_file) }.close(&opened);
    }
}

/// Returns a description of the VMA, or `None` if its mapping failed.
///
/// # Safety
///
/// `vma` must be valid, and must not change until this returns.
unsafe fn opened(vma: *const bindings::vm_area_struct) -> Option<Vma> {
    // SAFETY: The VMA is valid.
    let state = VmaState::from_private_data(unsafe { (*vma).vm_private_data });
    if !state.is_opened() {
        return None;
    }
    // SAFETY: The VMA is valid and does not change.
    let ((start, end), pgoff) = unsafe { (vm_range(vma), (*vma).vm_pgoff) };
    Some(state.vma(start, end, pgoff))
}

/// The operation `map_pages`, which maps nothing: so the kernel calls the fault operation, which
/// may sleep.
///
/// If a VMA has no such operation, the kernel does not call the fault operation under the VMA's
/// lock, but takes the fault again under the mmap lock (`vmf_can_call_fault()`). The return value 0
/// tells `do_fault_around()` that nothing was mapped.
///
/// # Safety
///
/// It may be called with any arguments, as it does not use them.
pub(super) unsafe extern "C" fn map_no_pages(
    _vmf: *mut bindings::vm_fault,
    _start: c_ulong,
    _end: c_ulong,
) -> bindings::vm_fault_t {
    0
}
