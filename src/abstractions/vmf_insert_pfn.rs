// SPDX-License-Identifier: GPL-2.0

//! Mapping page frames when they are touched.
//!
//! [`VmaPfnMap`] maps the frames of a VMA at once, one by one. Here a fault maps them, and as many
//! at once as one entry of a PMD maps where they are contiguous and in the right place.
//!
//! C headers: [`include/linux/mm.h`](srctree/include/linux/mm.h), `vmf_insert_pfn()`,
//! [`include/linux/huge_mm.h`](srctree/include/linux/huge_mm.h), `vmf_insert_pfn_pmd()`.
//!
//! [`VmaPfnMap`]: super::remap_pfn_range::VmaPfnMap

use super::{
    pmd_folio::PmdFolio,
    vm_fault::{
        Fallback,
        NoPage,
        VmFault,
        VmFaultError,
        VmHugeFault, //
    },
    vm_operations::VmOperations, //
};
use kernel::bindings;

/// Whether a fault in this VMA can map frames: the kernel would not know what is a frame and what
/// is a copy in a VMA where a write gives the process a copy.
fn takes_frames(vmf: &VmFault) -> bool {
    vmf.vma().is_pfnmap() && !vmf.vma().is_cow()
}

/// The number of the first of `count` frames that the data has for the offset `pgoff`, if it has as
/// many in a row there.
fn first_pfn<T: VmOperations>(data: &T, pgoff: usize, count: usize) -> Option<usize> {
    let (frames, index) = data.page_frames(pgoff)?;
    let left = frames.pages().checked_sub(index)?;
    // The caching is the VMA's, and it is set up for frames that are cached.
    (left >= count && !frames.uncached()).then(|| frames.first_pfn() + index)
}

/// Serves a fault with a frame.
pub(super) fn insert_pfn<T: VmOperations>(
    data: &T,
    vmf: &VmFault,
) -> Result<bindings::vm_fault_t, VmFaultError> {
    if !takes_frames(vmf) {
        return Err(VmFaultError::SigBus);
    }
    let pfn = first_pfn(data, vmf.pgoff(), 1).ok_or(VmFaultError::SigBus)?;
    // SAFETY: The VMA is locked, VM_PFNMAP, and gives no copies. The address is in it. The frame is
    // user space's to use as long as what it comes from exists, which is borrowed from the data for
    // as long as that is, and on the data the VMA owns a reference until its close.
    Ok(unsafe { bindings::vmf_insert_pfn(vmf.vma().as_ptr(), vmf.address(), pfn) })
}

/// Serves a fault with as many frames as one entry of a PMD maps.
pub(super) fn insert_pfn_pmd<T: VmOperations>(
    data: &T,
    vmf: &VmHugeFault,
) -> Result<NoPage, Fallback> {
    if !takes_frames(vmf) {
        return Err(Fallback);
    }
    let pgoff = vmf.first_pgoff().ok_or(Fallback)?;
    let pfn = first_pfn(data, pgoff, PmdFolio::PAGES).ok_or(Fallback)?;
    if pfn % PmdFolio::PAGES != 0 {
        return Err(Fallback);
    }
    vmf.insert(|vmf| {
        // SAFETY: As in `insert_pfn`, for all the frames. The whole range is in the VMA, and the
        // first frame's number is a multiple of how many there are. The fault is one to be served
        // this way.
        #[cfg(CONFIG_TRANSPARENT_HUGEPAGE)]
        unsafe {
            bindings::vmf_insert_pfn_pmd(vmf, pfn, false)
        }
        #[cfg(not(CONFIG_TRANSPARENT_HUGEPAGE))]
        {
            let _ = vmf;
            bindings::vm_fault_reason_VM_FAULT_FALLBACK
        }
    })
}
