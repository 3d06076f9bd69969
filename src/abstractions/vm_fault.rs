// SPDX-License-Identifier: GPL-2.0

//! Page faults.
//!
//! C header: [`include/linux/mm.h`](srctree/include/linux/mm.h), `struct vm_fault`.

use super::{
    helpers,
    page_ref::PageRef,
    pmd_folio::PmdFolio,
    vma::Vma, //
};
use core::{
    cmp::min,
    ops::{
        Deref,
        Range, //
    }, //
};
use kernel::{
    alloc::AllocError,
    bindings,
    page::PAGE_SHIFT,
    prelude::*,
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
    /// For the duration of `'a`, `vmf` must be valid, and the VMA be locked for reading.
    pub(super) unsafe fn from_raw<'a>(vmf: *const bindings::vm_fault) -> &'a Self {
        // SAFETY: The type is transparent; the rest is what the caller promises.
        unsafe { &*vmf.cast() }
    }

    pub(super) fn as_ptr(&self) -> *mut bindings::vm_fault {
        self.0.get()
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

    /// Whether the process is about to write.
    pub fn is_write(&self) -> bool {
        // SAFETY: By the type invariant the fault is valid; this flag is constant.
        let flags = unsafe { (*self.0.get()).flags };
        flags & bindings::fault_flag_FAULT_FLAG_WRITE != 0
    }

    /// Whether the process is about to write to a private VMA, and gets a copy of the page.
    pub fn is_cow(&self) -> bool {
        self.is_write() && !self.vma().is_shared()
    }

    /// The pages around the one that was touched, as offsets from the start of the file in pages:
    /// of the 2^`order` pages at naturally aligned addresses those that are in the VMA.
    #[inline]
    pub fn around(&self, order: u32) -> Range<usize> {
        let vma = self.vma();
        let pages = 1 << order;
        let before = (self.address() >> PAGE_SHIFT) & (pages - 1);
        let start = self.pgoff() - min(before, self.pgoff() - vma.pgoff());
        let end = self.pgoff() + min(pages - before, vma.pgoff_end() - self.pgoff());
        start..end
    }

    /// Maps pages in a row, `vm_insert_pages()`: the first at the offset `first` from the start of
    /// the file, in pages. The mapping takes a reference of its own on each.
    ///
    /// It ends where something is mapped already, but not before the page that was touched is
    /// mapped.
    ///
    /// # Errors
    ///
    /// - [`VmFaultError::Oom`] if there is no memory for page tables.
    /// - [`VmFaultError::SigBus`] if the row is not all in the VMA, the page that was touched is
    ///   not in the row, or the VMA is not made for it (see [`VmaNew::into_mixedmap`]).
    ///
    /// [`VmaNew::into_mixedmap`]: super::vma::VmaNew::into_mixedmap
    #[inline]
    pub fn insert_pages(&self, first: usize, pages: &[PageRef]) -> Result<NoPage, VmFaultError> {
        let vma = self.vma();
        let touched = self.pgoff().wrapping_sub(first);
        // The kernel would set the flag, but needs the mmap lock for that.
        if !vma.is_mixedmap() {
            return Err(VmFaultError::SigBus);
        }
        if first < vma.pgoff() || touched >= pages.len() || pages.len() > vma.pgoff_end() - first {
            return Err(VmFaultError::SigBus);
        }
        let address = self.address() - (touched << PAGE_SHIFT);
        // SAFETY: The pages are in the VMA, and it is VM_MIXEDMAP, see above.
        let inserted = unsafe { self.insert(address, pages) }?;
        if inserted <= touched {
            // SAFETY: As before; these are the last of the same pages.
            unsafe { self.insert(self.address(), &pages[touched..]) }?;
        }
        Ok(NoPage(()))
    }

    /// Maps pages from `address` on. Returns how many, before one was mapped already.
    ///
    /// # Safety
    ///
    /// They must all be in the VMA, which must be VM_MIXEDMAP.
    #[inline]
    unsafe fn insert(&self, address: usize, pages: &[PageRef]) -> Result<usize, VmFaultError> {
        let mut left = pages.len();
        // SAFETY: By the type invariant the VMA is locked. The caller promises that the addresses
        // are in it, and that it is VM_MIXEDMAP, so that this sets no flags. The array is only
        // read, and a `PageRef` is a pointer to a valid page.
        let ret = unsafe {
            bindings::vm_insert_pages(
                self.vma().as_ptr(),
                address,
                pages.as_ptr().cast_mut().cast(),
                &mut left,
            )
        };
        match ret {
            0 => Ok(pages.len()),
            _ if ret == EBUSY.to_errno() => Ok(pages.len() - left),
            _ if ret == ENOMEM.to_errno() => Err(VmFaultError::Oom),
            _ => Err(VmFaultError::SigBus),
        }
    }
}

/// A page fault where nothing is mapped yet in the range of addresses that one entry of a PMD
/// maps, or where such an entry does not allow the access.
///
/// # Invariants
///
/// The fault is valid, called from `huge_fault` for this order, and the mmap lock or the VMA's lock
/// is held for reading.
#[repr(transparent)]
pub struct VmHugeFault(VmFault);

impl VmHugeFault {
    /// Wraps a raw pointer.
    ///
    /// # Safety
    ///
    /// As for [`VmFault::from_raw`], in a call of `huge_fault` with `PMD_ORDER`.
    pub(super) unsafe fn from_raw<'a>(vmf: *const bindings::vm_fault) -> &'a Self {
        // SAFETY: The type is transparent; the rest is what the caller promises.
        unsafe { &*vmf.cast() }
    }

    /// The offset from the start of the file of the first page in the range, in pages; none if the
    /// range is not wholly in the VMA.
    pub fn first_pgoff(&self) -> Option<usize> {
        let range = self.around(helpers::simple_mmap_pmd_order);
        (range.len() == PmdFolio::PAGES).then_some(range.start)
    }

    /// Maps a folio to the range, `vmf_insert_folio_pmd()`. The mapping takes a reference of its
    /// own. That something else is mapped there meanwhile is as good: the process tries again.
    ///
    /// # Errors
    ///
    /// [`Fallback`] if that cannot be: the range is not wholly in the VMA, the VMA is not made for
    /// it (see [`VmaNew::into_hugepage`]), the process gets a copy and that is of a page, it writes
    /// to what is mapped for reading, or there is no memory for page tables.
    ///
    /// [`VmaNew::into_hugepage`]: super::vma::VmaNew::into_hugepage
    pub fn insert_folio(&self, folio: &PmdFolio) -> Result<NoPage, Fallback> {
        if self.first_pgoff().is_none() || self.vma().is_special() || self.is_cow() {
            return Err(Fallback);
        }
        self.insert(|vmf| {
            // SAFETY: By the type invariant this is a fault to be served in this way. The range is
            // in the VMA, the folio has the right order, and the kernel takes the mapping for one
            // of memory with references, as the VMA is not special.
            #[cfg(CONFIG_TRANSPARENT_HUGEPAGE)]
            unsafe {
                bindings::vmf_insert_folio_pmd(vmf, folio.as_ptr(), false)
            }
            #[cfg(not(CONFIG_TRANSPARENT_HUGEPAGE))]
            {
                let _ = (vmf, folio.as_ptr());
                bindings::vm_fault_reason_VM_FAULT_FALLBACK
            }
        })
    }

    /// Has the C side map something to the range, unless the process writes to what is mapped there
    /// for reading.
    ///
    /// It is not to be told that this is a write even if it is one. Then the kernel would warn if
    /// another thread's madvise has put a page table there since this fault began. The mapping is
    /// as writable as the VMA anyway, and the processor marks what is written to as dirty.
    pub(super) fn insert(
        &self,
        insert: impl FnOnce(*mut bindings::vm_fault) -> bindings::vm_fault_t,
    ) -> Result<NoPage, Fallback> {
        // SAFETY: By the type invariant the fault is valid, and so is the pointer to its PMD.
        if self.is_write() && unsafe { helpers::simple_mmap_vmf_pmd_is_huge(self.as_ptr()) } {
            return Err(Fallback);
        }
        if insert(self.as_ptr()) != bindings::vm_fault_reason_VM_FAULT_NOPAGE {
            return Err(Fallback);
        }
        Ok(NoPage(()))
    }
}

impl Deref for VmHugeFault {
    type Target = VmFault;

    fn deref(&self) -> &VmFault {
        &self.0
    }
}

/// Why a fault is not served with a folio: it is to be served with a page. `VM_FAULT_FALLBACK`.
pub struct Fallback;

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
