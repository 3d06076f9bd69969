// SPDX-License-Identifier: GPL-2.0

//! Mappings of pages with references. A page is mapped when a process touches it.
//!
//! C headers: [`include/linux/mm.h`](srctree/include/linux/mm.h), `struct vm_operations_struct`,
//! [`include/linux/huge_mm.h`](srctree/include/linux/huge_mm.h), `vmf_insert_folio_pmd()`.

use super::{
    desc::{
        Ready,
        Undecided,
        VmaDesc, //
    },
    fault::{
        VmFault,
        VmFaultError, //
    },
    folio::Folio,
    page::SharedPage,
    vm_operations::{
        self,
        file_data,
        VmOperations,
        VmaState, //
    }, //
};
use crate::{
    bindings,
    pr_warn_once,
    prelude::*,
    sync::aref::ARef, //
};
use core::marker::PhantomData;

/// A mapping of pages with references. Implemented by what the open file refers to.
///
/// The kernel treats the VMAs as ordinary ones: it knows their pages, and holds a reference on each
/// page while the page is mapped.
///
/// # Examples
///
/// One page, at offset 0 of the file:
///
/// ```
/// use kernel::{
///     mm::{
///         fault::{
///             VmFault,
///             VmFaultError, //
///         },
///         page::SharedPage,
///         pages::Pages,
///         pgoff::Pgoff,
///         vm_operations::VmOperations, //
///     },
///     sync::aref::ARef, //
/// };
///
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
    /// A process touches a page that is not mapped. Returns the page that belongs to the offset
    /// [`VmFault::pgoff`], with a reference that the kernel takes over.
    ///
    /// If the page belongs to a larger [`Folio`], the kernel maps the whole folio if all of it fits
    /// into the VMA, the page table and the size of the file, and otherwise maps that page alone
    /// (`finish_fault()`). So the page must be the one that the folio has for this offset. If it is
    /// not, the process gets a `SIGBUS`, and the kernel log a line.
    ///
    /// This can be called twice for one fault, and any number of calls can run at the same time,
    /// also for the same page. The mmap lock or the VMA's lock is held for reading. May sleep, but
    /// must not take the mmap lock or access the memory of the process, as that can wait for a
    /// writer that waits for the lock that is held.
    ///
    /// # Errors
    ///
    /// [`VmFaultError`] says what happens to the process.
    fn fault(&self, vmf: &VmFault) -> Result<ARef<SharedPage>, VmFaultError>;

    /// A fault is served with this page, which the last call of [`Self::fault`] returned. If
    /// `huge`, one entry of a PMD now maps the whole folio of the page, or another thread has
    /// mapped something there in the meantime. Otherwise the kernel is about to map the page, or to
    /// copy it for a write to a private mapping.
    ///
    /// This is called under the same conditions as [`Self::fault`].
    fn served(&self, _vmf: &VmFault, _page: &SharedPage, _huge: bool) {}
}

impl<'a, T: VmOperations, S: Undecided> VmaDesc<'a, T, S> {
    /// Decides that [`Pages::fault`] serves the pages of the mapping when a process touches them.
    pub fn serve_pages(self) -> VmaDesc<'a, T, Ready>
    where
        T: Pages,
    {
        self.ready(&Table::<T>::TABLE, VmaState::new(false))
    }
}

/// Makes the table of operations for VMAs whose pages `T` serves.
struct Table<T>(PhantomData<T>);

// A VMA has this table if `VmaDesc::serve_pages` put it there, or it is a copy of one that has. It
// is neither VM_PFNMAP nor VM_MIXEDMAP: the kernel keeps references on all that is mapped in it.
impl<T: Pages> Table<T> {
    const TABLE: bindings::vm_operations_struct = bindings::vm_operations_struct {
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
            // `finish_fault()` must not use one entry of a PMD for a folio with a poisoned page,
            // which `is_pmd_mappable` has then marked as such, nor where each page needs an entry
            // of its own. A kernel without huge pages never does so.
            if cfg!(CONFIG_TRANSPARENT_HUGEPAGE)
                && page.folio().is_pmd_mappable()
                && Self::needs_single_pages(fault)
            {
                page.folio().set_pte_mapped();
            }
        }
        data.served(fault, &page, false);
        // SAFETY: The C side takes the reference over from this field. It maps the page and, if the
        // folio is large, the folio's other pages at the offsets that follow from their places in
        // the folio. By the check above, the pages belong at these offsets.
        unsafe { (*vmf).page = ARef::into_raw(page).as_ptr().cast() };
        0
    }

    /// # Safety
    ///
    /// `vmf` must be a fault in a VMA with this table, and `order` that of the entry to be made.
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
        // SAFETY: This is a `huge_fault` operation, and the order is `PMD_ORDER`.
        match unsafe { Self::insert_folio_pmd(data, fault) } {
            Some(()) => bindings::vm_fault_reason_VM_FAULT_NOPAGE,
            None => bindings::vm_fault_reason_VM_FAULT_FALLBACK,
        }
    }

    /// Whether every page needs an entry of its own, which is so with userfaultfd: it watches
    /// single pages, and PAGEMAP_SCAN reports the same of all pages that one entry of a PMD maps.
    fn needs_single_pages(fault: &VmFault) -> bool {
        // SAFETY: The VMA is valid, and the flags that the helper reads do not change while it is
        // locked.
        unsafe { bindings::userfaultfd_armed(fault.vma()) }
    }

    /// Maps a folio by one entry of a PMD, `vmf_insert_folio_pmd()`, and so serves a fault. Returns
    /// `None` if that is not possible.
    ///
    /// # Safety
    ///
    /// The fault must be one that a `huge_fault` operation is called for, with `PMD_ORDER`.
    unsafe fn insert_folio_pmd(data: &T, fault: &VmFault) -> Option<()> {
        // SAFETY: By the safety requirements of this function, a `huge_fault` operation is called
        // for the fault, with `PMD_ORDER`.
        let first = unsafe { fault.pmd_pgoff() }?;
        // A write to a private mapping gets a copy of one page only.
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
        // The C side is told that this is a read even if it is a write. For a write it would warn
        // if another thread's madvise() had put a page table there since this fault began. The
        // entry becomes as writable as the VMA all the same, and the processor, or a later fault,
        // marks what is written to as dirty.
        // SAFETY: This is a fault of a `huge_fault` operation. The range is in the VMA, and the
        // folio belongs at that range: the folio's index is a multiple of its size, the range's
        // offset is one, too, and both contain the page that was touched. The VMA is neither
        // VM_PFNMAP nor VM_MIXEDMAP, and the C side takes a reference of its own.
        #[cfg(CONFIG_TRANSPARENT_HUGEPAGE)]
        let ret = unsafe { bindings::vmf_insert_folio_pmd(fault.as_ptr(), folio.as_ptr(), false) };
        #[cfg(not(CONFIG_TRANSPARENT_HUGEPAGE))]
        let ret = bindings::vm_fault_reason_VM_FAULT_FALLBACK;
        // VM_FAULT_NOPAGE is also what is returned if another thread has mapped something there:
        // then the process touches the page again.
        if ret != bindings::vm_fault_reason_VM_FAULT_NOPAGE {
            return None;
        }
        data.served(fault, &page, true);
        Some(())
    }
}

/// Refuses a page that a driver returned for one offset, while the page's folio has it for another.
#[cold]
fn misplaced(_page: ARef<SharedPage>) -> bindings::vm_fault_t {
    pr_warn_once!("a fault was served with a page whose folio has it for another offset\n");
    bindings::vm_fault_reason_VM_FAULT_SIGBUS
}
