// SPDX-License-Identifier: GPL-2.0

//! Mappings of pages with references, which are served when they are touched.
//!
//! C headers: [`include/linux/mm.h`](srctree/include/linux/mm.h), `struct vm_operations_struct`,
//! [`include/linux/huge_mm.h`](srctree/include/linux/huge_mm.h), `vmf_insert_folio_pmd()`.

use super::{
    fault::{
        VmFault,
        VmFaultError, //
    },
    folio::Folio,
    page::SharedPage,
    vm_operations::{
        self,
        file_data,
        VmOperations, //
    }, //
};
use crate::compat::helpers;
use core::marker::PhantomData;
use kernel::{
    bindings,
    pr_warn_once,
    prelude::*,
    sync::aref::ARef, //
};

/// A mapping of pages with references. Implemented by what the open file refers to.
///
/// The VMAs are ordinary ones: the kernel knows their pages, and keeps a reference on each while it
/// is mapped.
///
/// # Examples
///
/// One page, at offset 0 of the file:
///
/// ```
/// struct OnePage(ARef<SharedPage>);
///
/// impl VmOperations for OnePage {}
///
/// impl Pages for OnePage {
///     fn fault(&self, vmf: &VmFault) -> Result<ARef<SharedPage>, VmFaultError> {
///         if vmf.pgoff() != Pgoff::new(0) {
///             return Err(VmFaultError::SigBus);
///         }
///         Ok(self.0.clone())
///     }
/// }
/// # let _ = OnePage(SharedPage::alloc(GFP_KERNEL)?);
/// # Ok::<(), Error>(())
/// ```
pub trait Pages: VmOperations {
    /// A page was touched where nothing is mapped. Returns the page that belongs to the offset
    /// [`VmFault::pgoff`], with a reference for the kernel to take over.
    ///
    /// If the page is one of a larger [`Folio`], the kernel maps the whole folio where all of it
    /// fits, and one page otherwise, `finish_fault()`. So it must be the page that the folio has
    /// for this offset; otherwise the process gets a `SIGBUS`, and the kernel log a line.
    ///
    /// A fault can be asked for twice, and any number of calls can run at the same time, also for
    /// the same page. The mmap lock or the VMA's is held for reading. May sleep.
    ///
    /// # Errors
    ///
    /// [`VmFaultError`] says what becomes of the process.
    fn fault(&self, vmf: &VmFault) -> Result<ARef<SharedPage>, VmFaultError>;

    /// A fault is served with this page: the last call of [`Self::fault`] returned it. If `huge`,
    /// one entry of a PMD maps its whole folio, or what another thread has mapped there meanwhile
    /// does; otherwise the kernel is about to map the page, or
    /// to copy it if that is for a private write.
    ///
    /// Runs under the same conditions.
    fn served(&self, _vmf: &VmFault, _page: &SharedPage, _huge: bool) {}
}

/// Makes the table for the C side.
pub(super) struct Table<T>(PhantomData<T>);

// A VMA has this table if `VmaDesc::serve_pages` put it there, or it is a copy of one that has. It
// is neither VM_PFNMAP nor VM_MIXEDMAP: the kernel keeps references on all that is mapped in it.
impl<T: Pages> Table<T> {
    pub(super) const TABLE: bindings::vm_operations_struct = bindings::vm_operations_struct {
        open: Some(vm_operations::open::<T>),
        close: Some(vm_operations::close::<T>),
        mapped: Some(vm_operations::mapped::<T>),
        fault: Some(Self::fault),
        huge_fault: Some(Self::huge_fault),
        map_pages: Some(vm_operations::map_no_pages),
        ..pin_init::zeroed()
    };

    /// # Safety
    ///
    /// `vmf` must be a fault in a VMA with this table.
    unsafe extern "C" fn fault(vmf: *mut bindings::vm_fault) -> bindings::vm_fault_t {
        // SAFETY: The fault is valid until we return, and the VMA is locked for reading.
        let fault = unsafe { VmFault::from_raw(vmf) };
        // SAFETY: The VMA holds its file.
        let data = unsafe { file_data::<T>(fault.file()) };
        let page = match data.fault(fault) {
            Ok(page) => page,
            Err(error) => return error.into_raw(),
        };
        if page.is_compound() {
            if !page.serves(fault.pgoff()) {
                return misplaced(page);
            }
            // An entry of a PMD is not to map a folio with a broken page, which is marked as such
            // when it is asked about, nor one whose pages have to be seen to be touched. Without
            // huge pages there is none anyway.
            if cfg!(CONFIG_TRANSPARENT_HUGEPAGE)
                && page.folio().is_pmd_mappable()
                && Self::needs_single_pages(fault)
            {
                page.folio().set_pte_mapped();
            }
        }
        data.served(fault, &page, false);
        // SAFETY: This field is where the C side takes over the reference from. It maps the page,
        // and of a large folio the others, each at its place in the folio: by the check above that
        // is where they belong.
        unsafe { (*vmf).page = ARef::into_raw(page).as_ptr().cast() };
        0
    }

    /// # Safety
    ///
    /// `vmf` must be a fault in a VMA with this table, for an entry of this order.
    unsafe extern "C" fn huge_fault(
        vmf: *mut bindings::vm_fault,
        order: c_uint,
    ) -> bindings::vm_fault_t {
        if order != Folio::MAX_ORDER {
            return bindings::vm_fault_reason_VM_FAULT_FALLBACK;
        }
        // SAFETY: The fault is valid until we return, and the VMA is locked for reading.
        let fault = unsafe { VmFault::from_raw(vmf) };
        // SAFETY: The VMA holds its file.
        let data = unsafe { file_data::<T>(fault.file()) };
        // SAFETY: This is such an operation, for this order.
        match unsafe { Self::insert_folio_pmd(data, fault) } {
            Some(()) => bindings::vm_fault_reason_VM_FAULT_NOPAGE,
            None => bindings::vm_fault_reason_VM_FAULT_FALLBACK,
        }
    }

    /// Whether every page is to have an entry of its own: with userfaultfd each has to be seen to
    /// be touched. PAGEMAP_SCAN would take all pages that an entry of a PMD maps for one.
    fn needs_single_pages(fault: &VmFault) -> bool {
        // SAFETY: The VMA is valid, and what is asked for does not change while it is locked.
        unsafe { helpers::userfaultfd_armed(fault.vma()) }
    }

    /// Serves a fault with a folio, if that can be: `vmf_insert_folio_pmd()`.
    ///
    /// # Safety
    ///
    /// The fault must be one of a `huge_fault` operation for `PMD_ORDER`.
    unsafe fn insert_folio_pmd(data: &T, fault: &VmFault) -> Option<()> {
        // SAFETY: As the caller promises.
        let first = unsafe { fault.pmd_pgoff() }?;
        // A private write is to get a copy of one page.
        if fault.is_cow() || Self::needs_single_pages(fault) {
            return None;
        }
        let page = data.fault(fault).ok()?;
        let folio = page.folio();
        if !page.serves(fault.pgoff())
            || first.index() % (1 << Folio::MAX_ORDER) != 0
            || !folio.is_pmd_mappable()
        {
            return None;
        }
        // The C side is not told that this is a write even if it is one. Then it would warn if
        // another thread's madvise has put a page table there since this fault began. The mapping
        // is as writable as the VMA anyway, and the processor marks what is written to as dirty.
        // SAFETY: This is a fault of a `huge_fault` operation. The range is in the VMA, and the
        // folio is the one that belongs there: its index is a multiple of its size, as is the
        // offset of the range, and they have the touched page in common. The VMA is not special,
        // and the C side takes a reference of its own.
        #[cfg(CONFIG_TRANSPARENT_HUGEPAGE)]
        let ret = unsafe { bindings::vmf_insert_folio_pmd(fault.as_ptr(), folio.as_ptr(), false) };
        #[cfg(not(CONFIG_TRANSPARENT_HUGEPAGE))]
        let ret = bindings::vm_fault_reason_VM_FAULT_FALLBACK;
        // Also if something else was mapped there meanwhile: the process tries again.
        if ret != bindings::vm_fault_reason_VM_FAULT_NOPAGE {
            return None;
        }
        data.served(fault, &page, true);
        Some(())
    }
}

/// A driver returned a page that the kernel would map elsewhere.
#[cold]
fn misplaced(_page: ARef<SharedPage>) -> bindings::vm_fault_t {
    pr_warn_once!("a fault was served with a page whose folio has it for another offset\n");
    bindings::vm_fault_reason_VM_FAULT_SIGBUS
}
