// SPDX-License-Identifier: GPL-2.0

//! Page faults.
//!
//! C header: [`include/linux/mm.h`](srctree/include/linux/mm.h), `struct vm_fault`.

use super::vma::Vma;
use kernel::{
    alloc::AllocError,
    bindings,
    types::Opaque, //
};

/// A page fault in a VMA.
///
/// # Invariants
///
/// The fault is valid, and the mmap lock or the VMA's lock is held for reading.
#[repr(transparent)]
pub struct VmFault(Opaque<bindings::vm_fault>);

impl VmFault {
    /// Wraps a raw pointer.
    ///
    /// # Safety
    ///
    /// For the duration of `'a`, `vmf` must be valid, and the VMA must be locked for reading.
    pub(super) unsafe fn from_raw<'a>(vmf: *const bindings::vm_fault) -> &'a Self {
        // SAFETY: The type is transparent; the rest is what the caller promises.
        unsafe { &*vmf.cast() }
    }

    /// The VMA.
    pub fn vma(&self) -> &Vma {
        // SAFETY: By the type invariant the fault is valid, and so is its VMA, which is locked.
        unsafe { Vma::from_raw((*self.0.get()).__bindgen_anon_1.vma) }
    }

    /// The address of the page that was touched.
    pub fn address(&self) -> usize {
        // SAFETY: By the type invariant the fault is valid; the field is constant.
        unsafe { (*self.0.get()).__bindgen_anon_1.address }
    }

    /// The offset of that page from the start of the file, in pages.
    pub fn pgoff(&self) -> usize {
        // SAFETY: By the type invariant the fault is valid; the field is constant.
        unsafe { (*self.0.get()).__bindgen_anon_1.pgoff }
    }
}

/// Why a fault has no page.
pub enum VmFaultError {
    /// There is nothing at this address: the process gets a `SIGBUS`. `VM_FAULT_SIGBUS`.
    SigBus,
    /// There is no memory: the kernel makes some and has the process try again. `VM_FAULT_OOM`.
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
