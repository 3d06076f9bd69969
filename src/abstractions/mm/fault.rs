// SPDX-License-Identifier: GPL-2.0

//! Page faults.
//!
//! C header: [`include/linux/mm.h`](srctree/include/linux/mm.h), `struct vm_fault`.

use super::{
    pgoff::Pgoff,
    virt::{
        flags,
        vm_flags_t, //
    },
    vma::{
        vm_flags,
        vm_range, //
    }, //
};
use crate::{
    alloc::AllocError,
    bindings,
    page::PAGE_SHIFT,
    types::Opaque, //
};

/// A page fault in a VMA.
///
/// # Invariants
///
/// The fault is valid, and the mmap lock or the VMA's lock is held for reading.
///
/// # Examples
///
/// ```
/// use kernel::mm::{
///     fault::{
///         VmFault,
///         VmFaultError, //
///     },
///     pgoff::Pgoff, //
/// };
///
/// fn is_first(vmf: &VmFault) -> Result<(), VmFaultError> {
///     if vmf.pgoff() > Pgoff::new(0) {
///         pr_info!("{:x} is beyond the first page\n", vmf.address());
///         return Err(VmFaultError::SigBus);
///     }
///     Ok(())
/// }
/// # let _ = is_first;
/// ```
#[repr(transparent)]
pub struct VmFault(Opaque<bindings::vm_fault>);

impl VmFault {
    /// Wraps a raw pointer.
    ///
    /// # Safety
    ///
    /// For the duration of `'a`, `vmf` must be valid, and the VMA be locked for reading.
    #[inline]
    pub(super) unsafe fn from_raw<'a>(vmf: *const bindings::vm_fault) -> &'a Self {
        // SAFETY: The type is transparent. By the safety requirements of this function, the fault
        // is valid, and its VMA is locked for reading.
        unsafe { &*vmf.cast() }
    }

    #[inline]
    pub(super) fn as_ptr(&self) -> *mut bindings::vm_fault {
        self.0.get()
    }

    #[inline]
    pub(super) fn vma(&self) -> *mut bindings::vm_area_struct {
        // SAFETY: By the type invariant the fault is valid; the field is constant.
        unsafe { (*self.0.get()).__bindgen_anon_1.vma }
    }

    /// The flags of the VMA.
    pub(super) fn vm_flags(&self) -> vm_flags_t {
        // SAFETY: By the type invariant the VMA is valid.
        unsafe { vm_flags(self.vma()) }
    }

    /// The file of the VMA.
    #[inline]
    pub(super) fn file(&self) -> *const bindings::file {
        // SAFETY: By the type invariant the VMA is valid; the field is constant.
        unsafe { (*self.vma()).vm_file }
    }

    /// The address of the page that was touched.
    #[inline]
    pub fn address(&self) -> usize {
        // SAFETY: By the type invariant the fault is valid; the field is constant.
        unsafe { (*self.0.get()).__bindgen_anon_1.address }
    }

    /// The offset of that page from the start of the file.
    #[inline]
    pub fn pgoff(&self) -> Pgoff {
        // SAFETY: By the type invariant the fault is valid; the field is constant.
        Pgoff::new(unsafe { (*self.0.get()).__bindgen_anon_1.pgoff })
    }

    /// Whether the process is about to write.
    pub(super) fn is_write(&self) -> bool {
        // SAFETY: By the type invariant the fault is valid; this flag is constant.
        let flags = unsafe { (*self.0.get()).flags };
        flags & bindings::fault_flag_FAULT_FLAG_WRITE != 0
    }

    /// Whether the process is about to write to a private VMA, and gets a copy of the page.
    pub(super) fn is_cow(&self) -> bool {
        self.is_write() && self.vm_flags() & flags::SHARED == 0
    }

    /// The offset of the first page in the aligned range of addresses around the touched page that
    /// one entry of a PMD maps. `None` if the range does not lie in the VMA, or if the process is
    /// about to write and such an entry is there already, which maps the range for reading.
    ///
    /// # Safety
    ///
    /// The fault must be one that a `huge_fault` operation is called for, with `PMD_ORDER`.
    pub(super) unsafe fn pmd_pgoff(&self) -> Option<Pgoff> {
        let size = 1usize << (bindings::PMD_ORDER as usize + PAGE_SHIFT);
        let first = self.address() & !(size - 1);
        // SAFETY: By the type invariant the VMA is valid and locked.
        let (start, end) = unsafe { vm_range(self.vma()) };
        if first < start || end - first < size {
            return None;
        }
        // SAFETY: By the type invariant the fault is valid, and in a `huge_fault` operation its
        // pointer to the PMD is valid, too.
        if self.is_write() && unsafe { bindings::vmf_pmd_trans_huge(self.as_ptr()) } {
            return None;
        }
        let before = (self.address() - first) >> PAGE_SHIFT;
        Some(Pgoff::new(self.pgoff().index() - before))
    }
}

/// Why a fault cannot be served.
///
/// # Examples
///
/// ```
/// use kernel::{
///     mm::{
///         fault::VmFaultError,
///         page::SharedPage,
///         pgoff::Pgoff, //
///     },
///     sync::aref::ARef, //
/// };
///
/// fn alloc(pgoff: Pgoff) -> Result<ARef<SharedPage>, VmFaultError> {
///     if pgoff.index() >= 16 {
///         return Err(VmFaultError::SigBus);
///     }
///     Ok(SharedPage::alloc(GFP_KERNEL)?)
/// }
/// # let _ = alloc;
/// ```
#[derive(Debug)]
pub enum VmFaultError {
    /// There is nothing at this address: the process gets a `SIGBUS`. `VM_FAULT_SIGBUS`.
    SigBus,
    /// There is no memory: the process touches the page again, without end if there never is any,
    /// and the kernel logs a line (`pagefault_out_of_memory()`). `VM_FAULT_OOM`.
    Oom,
}

impl VmFaultError {
    pub(super) fn into_raw(self) -> bindings::vm_fault_t {
        match self {
            Self::SigBus => bindings::vm_fault_reason_VM_FAULT_SIGBUS,
            Self::Oom => bindings::vm_fault_reason_VM_FAULT_OOM,
        }
    }
}

impl From<AllocError> for VmFaultError {
    fn from(_: AllocError) -> Self {
        Self::Oom
    }
}
