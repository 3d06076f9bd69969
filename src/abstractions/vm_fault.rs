// SPDX-License-Identifier: GPL-2.0

//! Page faults.
//!
//! C header: [`include/linux/mm.h`](srctree/include/linux/mm.h), `struct vm_fault`.

use super::{
    page_ref::PageRef,
    vma::Vma, //
};
use kernel::{
    alloc::AllocError,
    bindings,
    error::to_result,
    prelude::*,
    types::Opaque, //
};

/// A page fault in a VMA.
///
/// # Invariants
///
/// The fault is valid, the mmap lock or the VMA's lock is held for reading, and the VMA is
/// VM_MIXEDMAP.
#[repr(transparent)]
pub struct VmFault(Opaque<bindings::vm_fault>);

impl VmFault {
    /// Wraps a raw pointer.
    ///
    /// # Safety
    ///
    /// For the duration of `'a`, `vmf` must be valid, and the VMA be locked for reading. It must be
    /// VM_MIXEDMAP.
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

    /// Maps a page at [`Self::address`], `vm_insert_page()`. The mapping takes a reference of its
    /// own. That another fault has mapped one there meanwhile is as good.
    ///
    /// # Errors
    ///
    /// [`VmFaultError::Oom`] if there is no memory for page tables.
    pub fn insert_page(&self, page: &PageRef) -> Result<NoPage, VmFaultError> {
        // SAFETY: By the type invariant the VMA is locked, and VM_MIXEDMAP already, so that this
        // sets no flags. The address is in it. The page is valid, and of order 0.
        let ret =
            unsafe { bindings::vm_insert_page(self.vma().as_ptr(), self.address(), page.as_ptr()) };
        match to_result(ret) {
            Ok(()) => Ok(NoPage(())),
            Err(error) if error == EBUSY => Ok(NoPage(())),
            Err(error) if error == ENOMEM => Err(VmFaultError::Oom),
            Err(_) => Err(VmFaultError::SigBus),
        }
    }

    /// The offset of that page from the start of the file, in pages.
    pub fn pgoff(&self) -> usize {
        // SAFETY: By the type invariant the fault is valid; the field is constant.
        unsafe { (*self.0.get()).__bindgen_anon_1.pgoff }
    }
}

/// How a fault was served. [`PageRef`] and [`NoPage`] convert into it.
pub enum Served {
    /// With this page: the kernel maps it, and takes over the reference.
    Page(PageRef),
    /// By the fault operation, which mapped a page itself. `VM_FAULT_NOPAGE`.
    NoPage(NoPage),
}

impl From<PageRef> for Served {
    fn from(page: PageRef) -> Self {
        Self::Page(page)
    }
}

impl From<NoPage> for Served {
    fn from(done: NoPage) -> Self {
        Self::NoPage(done)
    }
}

/// Proof that a fault operation mapped a page itself.
pub struct NoPage(());

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
