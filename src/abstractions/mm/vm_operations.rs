// SPDX-License-Identifier: GPL-2.0

//! What all VMAs of a driver's have in common: they are opened and closed.
//!
//! C header: [`include/linux/mm.h`](srctree/include/linux/mm.h), `struct vm_operations_struct`.
//!
//! # Who keeps what is mapped
//!
//! The data that a VMA's operations work on is what its file refers to. It stays until the file is
//! released, and a driver maps only what it borrows from that data, or pages that have references
//! of their own. The VMA holds its file (`vm_file`), so none of this can go while the
//! VMA is there:
//!
//! - A copy of a VMA, made by fork, split or mremap, takes a reference on the file of its own
//!   (`get_file()`), while the VMA that it is a copy of has its own.
//! - VMAs are merged only if they have the same file, so they have the same data.
//! - When a VMA goes, its page tables are cleared and the TLBs flushed first, then its close
//!   operation runs, and then the reference on the file is given back (`unmap_region()` or
//!   `unmap_vmas()`, then `remove_vma()`). At exit the order is the same (`exit_mmap()`).
//! - If the action of a mapping fails, or its mapped operation, the kernel unmaps the new VMA in
//!   the same way (`mmap_action_finish()`). If that fails, too, the VMA stays, and so does its
//!   file.
//! - The file holds the module (`file_operations.owner`) until after it is released, so the module
//!   cannot be unloaded before the last VMA is gone.

use super::{
    pfn::Pfn,
    pgoff::Pgoff,
    vma::{
        vm_range,
        FirstPage,
        Vma, //
    }, //
};
use core::ptr;
use kernel::{
    bindings,
    prelude::*,
    sync::Arc,
    types::ForeignOwnable, //
};

/// The operations that every VMA has, implemented by what its open file refers to.
///
/// For each call of [`open`](Self::open) there is one of [`close`](Self::close). A VMA that the
/// kernel extends in place of making another one is opened once, as it is one VMA.
///
/// # Examples
///
/// ```
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
    /// How the operations get from a file to what it refers to. The default is that of the files of
    /// misc devices, and of all whose private data is what `into_foreign` of an `Arc<Self>`
    /// returned.
    const FILE_DATA: FileData<Self> = FileData::ARC;

    /// There is one more VMA: the first of a mapping (`mapped`), or a copy of one by fork, split or
    /// mremap (`open`).
    ///
    /// The mmap lock is held for writing. May sleep.
    fn open(&self, _vma: &Vma) {}

    /// A VMA goes. Nothing is mapped in it any more. `close`. The task can be any, and one that
    /// exits and has no file descriptors any more.
    ///
    /// The mmap lock is held, but only for reading where `munmap()` ends the VMA: other pages of
    /// the process can be touched at the same time. May sleep.
    fn close(&self, _vma: &Vma) {}
}

/// What the private data of a VMA is used for: two bits. Copies of the VMA inherit it.
#[derive(Clone, Copy)]
pub(super) struct VmaState(usize);

impl VmaState {
    /// Page frames are mapped, and a write gives the process a copy, so that `vm_pgoff` is the
    /// number of the first frame.
    const COW_FRAMES: usize = 1 << 0;
    /// The VMA, or the one that it was copied from, was mapped successfully, and opened. The kernel
    /// also calls close for a VMA whose mapping failed, and open for copies of such a VMA.
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
/// Files whose private data is another structure, which leads to it, as a `struct drm_file` does:
///
/// ```
/// use simple_mmap::mm::vm_operations::FileData;
///
/// struct Client {
///     id: u32,
///     buffer: Buffer,
/// }
///
/// struct Buffer(ARef<SharedPage>);
///
/// unsafe fn buffer_of(file: *const kernel::bindings::file) -> *const Buffer {
///     // SAFETY: By the promise for `FileData::new` the private data of the file is a `Client`.
///     unsafe { &raw const (*(*file).private_data.cast::<Client>()).buffer }
/// }
///
/// impl VmOperations for Buffer {
///     // SAFETY: It only computes where the buffer is in the client, which is valid as long as
///     // that.
///     const FILE_DATA: FileData<Self> = unsafe { FileData::new(buffer_of) };
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

    /// A function of one's own finds it.
    ///
    /// # Safety
    ///
    /// There must be files that are _fit_ for `T`, for which this holds from when they are open
    /// until they are released: `find` may be called any time, by any number of threads at once,
    /// also while the mmap lock or a VMA's is held, and returns each time a pointer to the same
    /// valid `T`, of which there are none but shared references.
    ///
    /// It is for whoever calls [`file_data`] or [`VmaDesc::from_raw`] to promise that a file is
    /// fit.
    ///
    /// [`VmaDesc::from_raw`]: super::desc::VmaDesc::from_raw
    pub const unsafe fn new(find: unsafe fn(*const bindings::file) -> *const T) -> Self {
        Self(Find::By(find))
    }

    /// Whether it is [`Self::ARC`].
    pub(crate) const fn is_arc(&self) -> bool {
        matches!(self.0, Find::Arc)
    }
}

/// What the operations of a VMA work on: what its file refers to. [`VmOperations::FILE_DATA`] says
/// how it is found.
///
/// # Safety
///
/// The file must be fit for `T`, as [`FileData`] has it, and held for the duration of `'a`: with
/// [`FileData::ARC`] its private data must be what `into_foreign` of an `Arc<T>` returned, whose
/// reference is the file's until it is released; otherwise it is for who made the [`FileData`] to
/// say what that takes.
///
/// # Examples
///
/// What a file can be asked, in an operation of its own:
///
/// ```
/// use kernel::bindings;
/// use simple_mmap::mm::vm_operations::file_data;
///
/// struct Device(isize);
///
/// impl VmOperations for Device {}
///
/// unsafe extern "C" fn ioctl(file: *mut bindings::file, _: c_uint, _: c_ulong) -> c_long {
///     // SAFETY: This is an operation of files whose `open` made their private data of an
///     // `Arc<Device>`, and whose `release` takes it back.
///     let device = unsafe { file_data::<Device>(file) };
///     device.0
/// }
/// # let _ = (ioctl, Device);
/// ```
#[inline]
pub unsafe fn file_data<'a, T: VmOperations>(file: *const bindings::file) -> &'a T {
    // The compiler knows the constant, so this is what one of the two is.
    let data: *const T = match T::FILE_DATA.0 {
        // SAFETY: The file is held, and its private data, once set, stays until it is released.
        Find::Arc => unsafe { &raw const *Arc::<T>::borrow((*file).private_data) },
        // SAFETY: The file is fit, so it may be asked for this.
        Find::By(find) => unsafe { find(file) },
    };
    // SAFETY: The file keeps the data valid for at least `'a`.
    unsafe { &*data }
}

// Each of the following is an operation of a VMA with operations for `T`: its file is one that is
// fit for `T`. `VmaDesc::from_raw` requires that of the file that is mapped, and a VMA whose file
// is another than that gets no operations.

/// The first VMA of a mapping.
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
    // SAFETY: The pointer is to a copy of the VMA's private data, which is ours to change.
    let private_data = unsafe { &mut *private_data };
    let state = VmaState::from_private_data(*private_data);
    *private_data = VmaState(state.0 | VmaState::OPENED).into_private_data();
    data.open(&state.vma(start, end, pgoff));
    0
}

/// A copy of a VMA.
///
/// # Safety
///
/// `vma` must be a fresh copy of a VMA with operations for `T`, and the mmap lock be held for
/// writing.
pub(super) unsafe extern "C" fn open<T: VmOperations>(vma: *mut bindings::vm_area_struct) {
    // SAFETY: The VMA is valid and locked.
    if let Some(opened) = unsafe { opened(vma) } {
        // SAFETY: The VMA, or the one that it is a copy of, holds its file.
        unsafe { file_data::<T>((*vma).vm_file) }.open(&opened);
    }
}

/// The end of a VMA.
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

/// The VMA, unless its mapping failed.
///
/// # Safety
///
/// `vma` must be valid, and not change until this returns.
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

/// Maps nothing, and leaves it to the fault operation, which may sleep.
///
/// This is there because without it the kernel does not call the fault operation under the VMA's
/// lock: it gives up that fault, and takes it again under the mmap lock (`vmf_can_call_fault()`).
/// Returning 0 from it is what `do_fault_around()` takes for "nothing was mapped".
///
/// # Safety
///
/// None is needed.
pub(super) unsafe extern "C" fn map_no_pages(
    _vmf: *mut bindings::vm_fault,
    _start: c_ulong,
    _end: c_ulong,
) -> bindings::vm_fault_t {
    0
}
