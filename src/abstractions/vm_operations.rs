// SPDX-License-Identifier: GPL-2.0

//! The operations of a VMA.
//!
//! A driver implements [`VmOperations`] for the data that its mappings work on. The table for the
//! C side is made from that, and every VMA that has the table owns a reference on the data:
//!
//! | event | C side | reference |
//! |---|---|---|
//! | first mapping | the mmap handler succeeds | taken by the handler, moved into the VMA |
//! | fork, split, mremap | `vm_area_dup()`, then `open` | the copy takes its own |
//! | unmap, exit | `close`, after the page tables are cleared | given back |
//!
//! The kernel calls open for every copy that it will call close for, and removes no VMA that has a
//! close operation by merging it with another.
//!
//! C header: [`include/linux/mm.h`](srctree/include/linux/mm.h), `struct vm_operations_struct`.

use super::{
    helpers,
    pfnmap_access::Access,
    remap_pfn_range::PageFrames,
    vm_fault::{
        Fallback,
        NoPage,
        Served,
        VmFault,
        VmFaultError,
        VmHugeFault, //
    },
    vma::Vma,
    vmf_insert_pfn::{
        insert_pfn,
        insert_pfn_pmd, //
    }, //
};
use core::{
    cmp::min,
    marker::PhantomData, //
};
use kernel::{
    bindings,
    error::VTABLE_DEFAULT_ERROR,
    prelude::*,
    sync::{
        Arc,
        ArcBorrow, //
    },
    types::ForeignOwnable, //
};

/// The operations of a VMA, implemented by the data that they work on.
#[vtable]
pub trait VmOperations: Send + Sync + Sized + 'static {
    /// There is one more VMA: the first of a mapping, or a copy of one by fork, split or mremap.
    ///
    /// May sleep.
    fn open(&self, _vma: &Vma) {}

    /// A VMA goes. Nothing is mapped in it any more. Called once for each call of [`Self::open`].
    ///
    /// May sleep.
    fn close(&self, _vma: &Vma) {}

    /// A page that is not mapped was touched; returns the page to map there, or maps it itself.
    ///
    /// Any number of calls can run at the same time, also for the same page. May sleep. Without
    /// this operation the process gets a `SIGBUS`.
    fn fault(&self, _vmf: &VmFault) -> Result<Served, VmFaultError> {
        build_error!(VTABLE_DEFAULT_ERROR)
    }

    /// A page was touched where nothing is mapped in all the range that one entry of a PMD maps;
    /// maps a folio there, or leaves it to [`Self::fault`].
    ///
    /// Runs under the same conditions.
    fn huge_fault(&self, _vmf: &VmHugeFault) -> Result<NoPage, Fallback> {
        build_error!(VTABLE_DEFAULT_ERROR)
    }

    /// In the place of a fault operation: the page frames that are mapped when a page at the offset
    /// `pgoff` from the start of the file, in pages, is touched, and the index among them of the
    /// one to be mapped there. See [`VmaNew::into_pfnmap_on_demand`].
    ///
    /// Runs under the same conditions.
    ///
    /// [`VmaNew::into_pfnmap_on_demand`]: super::vma::VmaNew::into_pfnmap_on_demand
    fn page_frames(&self, _pgoff: usize) -> Option<(&dyn PageFrames, usize)> {
        build_error!(VTABLE_DEFAULT_ERROR)
    }

    /// A debugger, or whoever else looks into another process, reads or writes memory of the VMA
    /// from `address` on. Only called where the kernel cannot take a reference on the page itself,
    /// which is in a VM_PFNMAP VMA. Returns how many bytes it did.
    ///
    /// May sleep.
    fn access(&self, _vma: &Vma, _address: usize, _access: Access<'_>) -> Result<usize> {
        build_error!(VTABLE_DEFAULT_ERROR)
    }
}

/// Puts the operations of `T`, and `data` for them to work on, into a VMA.
///
/// # Safety
///
/// `vma` must be undergoing its initial setup in an `f_op->mmap()` hook that succeeds after this,
/// on a file that keeps the code of `T` in memory.
pub(super) unsafe fn install<T: VmOperations>(vma: *mut bindings::vm_area_struct, data: Arc<T>) {
    // SAFETY: During its setup nobody else has access to the VMA.
    unsafe {
        (*vma).vm_private_data = data.into_foreign();
        (*vma).vm_ops = &Table::<T>::TABLE;
    }
}

/// Makes the table for the C side.
struct Table<T>(PhantomData<T>);

// What the callbacks rely on, besides the contract of each with the C side: a VMA with this table
// went through `install`, or is a copy of one that did. So its private data is what `into_foreign`
// of an `Arc<T>` returned, and from open to close the VMA owns one reference of it.
impl<T: VmOperations> Table<T> {
    const HAS_FAULT: bool = {
        assert!(
            !(T::HAS_PAGE_FRAMES && (T::HAS_FAULT || T::HAS_HUGE_FAULT)),
            "page frames take the place of the fault operations"
        );
        T::HAS_FAULT || T::HAS_PAGE_FRAMES
    };

    const TABLE: bindings::vm_operations_struct = bindings::vm_operations_struct {
        open: Some(Self::open),
        close: Some(Self::close),
        fault: if Self::HAS_FAULT {
            Some(Self::fault)
        } else {
            None
        },
        huge_fault: if T::HAS_HUGE_FAULT || T::HAS_PAGE_FRAMES {
            Some(Self::huge_fault)
        } else {
            None
        },
        map_pages: if Self::HAS_FAULT {
            Some(Self::map_pages)
        } else {
            None
        },
        access: if T::HAS_ACCESS {
            Some(Self::access)
        } else {
            None
        },
        ..pin_init::zeroed()
    };

    /// # Safety
    ///
    /// `vma` must be a fresh copy of a VMA with this table, and the mmap lock be held for writing.
    unsafe extern "C" fn open(vma: *mut bindings::vm_area_struct) {
        // SAFETY: The VMA it was copied from owns a reference, and cannot be closed meanwhile.
        let data = unsafe { Arc::<T>::borrow((*vma).vm_private_data) };
        // The copy of the pointer becomes a reference of its own.
        core::mem::forget(Arc::from(data));
        // SAFETY: The VMA is valid, and the mmap lock is held.
        data.open(unsafe { Vma::from_raw(vma) });
    }

    /// # Safety
    ///
    /// `vma` must be a VMA with this table that is about to be freed.
    unsafe extern "C" fn close(vma: *mut bindings::vm_area_struct) {
        // SAFETY: The reference is the VMA's, which is called close on once and not used after it.
        let data = unsafe { Arc::<T>::from_foreign((*vma).vm_private_data) };
        // SAFETY: The VMA is valid, and no longer known to anybody else.
        data.close(unsafe { Vma::from_raw(vma) });
    }

    /// # Safety
    ///
    /// `vmf` must be a fault in a VMA with this table.
    unsafe extern "C" fn fault(vmf: *mut bindings::vm_fault) -> bindings::vm_fault_t {
        // SAFETY: The fault is valid until we return, and the VMA is locked for reading.
        let fault = unsafe { VmFault::from_raw(vmf) };
        // SAFETY: The VMA owns a reference, and cannot be closed while it is locked.
        let data: ArcBorrow<'_, T> =
            unsafe { Arc::<T>::borrow((*fault.vma().as_ptr()).vm_private_data) };
        if T::HAS_PAGE_FRAMES {
            return insert_pfn(&*data, fault).unwrap_or_else(VmFaultError::into_raw);
        }
        match data.fault(fault) {
            Ok(Served::NoPage(_)) => bindings::vm_fault_reason_VM_FAULT_NOPAGE,
            Ok(Served::Page(page)) => {
                // SAFETY: This field is where the C side takes over the reference from. It keeps
                // references in this VMA: those that are VM_PFNMAP are for a `T` without `fault`.
                unsafe { (*vmf).page = page.into_raw() };
                0
            }
            Err(error) => error.into_raw(),
        }
    }

    /// # Safety
    ///
    /// `vmf` must be a fault in a VMA with this table, for an entry of this order.
    unsafe extern "C" fn huge_fault(
        vmf: *mut bindings::vm_fault,
        order: c_uint,
    ) -> bindings::vm_fault_t {
        if order != helpers::simple_mmap_pmd_order {
            return bindings::vm_fault_reason_VM_FAULT_FALLBACK;
        }
        // SAFETY: The fault is valid until we return, for this order, and the VMA is locked for
        // reading.
        let fault = unsafe { VmHugeFault::from_raw(vmf) };
        // SAFETY: The VMA owns a reference, and cannot be closed while it is locked.
        let data = unsafe { Arc::<T>::borrow((*fault.vma().as_ptr()).vm_private_data) };
        let served = if T::HAS_PAGE_FRAMES {
            insert_pfn_pmd(&*data, fault)
        } else {
            data.huge_fault(fault)
        };
        match served {
            Ok(NoPage { .. }) => bindings::vm_fault_reason_VM_FAULT_NOPAGE,
            Err(Fallback) => bindings::vm_fault_reason_VM_FAULT_FALLBACK,
        }
    }

    /// Maps nothing, and leaves it to the fault operation, which can map several pages too, and may
    /// sleep. It is there because without it the kernel does not call the fault operation under the
    /// VMA's lock: it gives up that fault, and takes it again under the mmap lock.
    ///
    /// # Safety
    ///
    /// None is needed.
    unsafe extern "C" fn map_pages(
        _vmf: *mut bindings::vm_fault,
        _start: c_ulong,
        _end: c_ulong,
    ) -> bindings::vm_fault_t {
        0
    }

    /// # Safety
    ///
    /// `vma` must be a VMA with this table, the mmap lock be held for reading, and `buf` be `len`
    /// bytes that are ours.
    unsafe extern "C" fn access(
        vma: *mut bindings::vm_area_struct,
        address: c_ulong,
        buf: *mut c_void,
        len: c_int,
        write: c_int,
    ) -> c_int {
        // SAFETY: The VMA is valid, and the mmap lock is held.
        let vma = unsafe { Vma::from_raw(vma) };
        // SAFETY: The VMA owns a reference, and cannot be closed while it is locked.
        let data = unsafe { Arc::<T>::borrow((*vma.as_ptr()).vm_private_data) };
        let (buf, len) = (buf.cast::<u8>(), len as usize);
        let access = if write != 0 {
            // SAFETY: The bytes are ours, and initialized as somebody wants them written.
            Access::Write(unsafe { core::slice::from_raw_parts(buf, len) })
        } else {
            // SAFETY: The bytes are ours.
            unsafe { buf.write_bytes(0, len) };
            // SAFETY: The bytes are ours, and initialized by now.
            Access::Read(unsafe { core::slice::from_raw_parts_mut(buf, len) })
        };
        match data.access(vma, address, access) {
            // The C side goes on behind what was done, whatever is there.
            Ok(done) => min(done, len) as c_int,
            Err(error) => error.to_errno(),
        }
    }
}
