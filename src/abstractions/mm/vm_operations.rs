// SPDX-License-Identifier: GPL-2.0

//! What all VMAs of a driver's have in common: they are opened and closed.
//!
//! C header: [`include/linux/mm.h`](srctree/include/linux/mm.h), `struct vm_operations_struct`.
//!
//! # Who keeps what is mapped
//!
//! The data that a VMA's operations work on is the private data of its file. It is dropped when the
//! file is released, and a driver maps only what it borrows from that data, or pages that have
//! references of their own. The VMA holds its file (`vm_file`), so none of this can go while the
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
pub trait VmOperations: Send + Sync + 'static {
    /// There is one more VMA: the first of a mapping (`mapped`), or a copy of one by fork, split or
    /// mremap (`open`).
    ///
    /// The mmap lock is held for writing. May sleep.
    fn open(&self, _vma: &Vma) {}

    /// A VMA goes. Nothing is mapped in it any more. `close`.
    ///
    /// The mmap lock is held for writing, unless the process is exiting. May sleep.
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

/// What the operations of a VMA work on: the private data of its file.
///
/// # Safety
///
/// For the duration of `'a`, `file` must be held, and its private data be what `into_foreign` of an
/// `Arc<T>` returned.
#[inline]
pub(crate) unsafe fn file_data<'a, T: 'static>(file: *const bindings::file) -> &'a T {
    // SAFETY: The file is held, and its private data, once set, stays until it is released.
    let data = unsafe { Arc::<T>::borrow((*file).private_data) };
    let data: *const T = &raw const *data;
    // SAFETY: The file owns a reference on the data for at least `'a`.
    unsafe { &*data }
}

// Each of the following is an operation of a VMA with operations for `T`: its file is one whose
// private data is what `into_foreign` of an `Arc<T>` returned. `VmaDesc::from_raw` requires that
// of the file that is mapped, and a VMA whose file is another than that gets no operations.

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
        // SAFETY: The VMA holds its file.
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
