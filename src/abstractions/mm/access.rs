// SPDX-License-Identifier: GPL-2.0

//! Access to the page frames of a VM_PFNMAP VMA by a debugger.
//!
//! The C side's own `generic_access_phys()` is for device memory only. This code also handles RAM.
//!
//! C header: [`include/linux/mm.h`](srctree/include/linux/mm.h), `follow_pfnmap_start()`.

use crate::{
    bindings,
    error::to_result,
    mm::pfn::Pfn,
    page::{
        PAGE_MASK,
        PAGE_SIZE, //
    },
    prelude::*, //
};
use core::cmp::min;

/// An access to the memory of a process.
enum Access<'a> {
    /// Read the memory into this buffer.
    Read(&'a mut [u8]),
    /// Write these bytes to the memory.
    Write(&'a [u8]),
}

impl Access<'_> {
    /// The number of bytes to be read or written.
    fn size(&self) -> usize {
        match self {
            Self::Read(to) => to.len(),
            Self::Write(from) => from.len(),
        }
    }
}

/// The access operation of a VM_PFNMAP VMA.
///
/// The kernel calls it where it cannot take a reference on the page itself. The operation returns
/// how many bytes it read or wrote, at most those up to the end of the page, and the kernel calls
/// it again for the rest.
///
/// # Safety
///
/// `vma` must be a VM_PFNMAP VMA. The caller must hold the mmap lock for reading, and a reference
/// on the `mm_struct`. `buf` must be a buffer of `len` bytes that nobody else uses.
pub(super) unsafe extern "C" fn access(
    vma: *mut bindings::vm_area_struct,
    address: c_ulong,
    buf: *mut c_void,
    len: c_int,
    write: c_int,
) -> c_int {
    let (buf, len) = (buf.cast::<u8>(), len as usize);
    let access = if write != 0 {
        // SAFETY: The buffer is valid, and contains the bytes to be written.
        Access::Write(unsafe { core::slice::from_raw_parts(buf, len) })
    } else {
        // SAFETY: The buffer is valid.
        unsafe { buf.write_bytes(0, len) };
        // SAFETY: The buffer is valid, and initialized by now.
        Access::Read(unsafe { core::slice::from_raw_parts_mut(buf, len) })
    };
    // SAFETY: By the safety requirements of this function, `vma` is a VM_PFNMAP VMA, and the caller
    // holds the mmap lock and a reference on the `mm_struct`.
    match unsafe { access_pfnmap(vma, address, access) } {
        Ok(done) => done as c_int,
        Err(error) => error.to_errno(),
    }
}

/// Reads or writes the memory of a VM_PFNMAP VMA from `address` on, up to the end of the page.
/// Returns how many bytes it read or wrote.
///
/// It accesses the page frame that the page tables have at the address. In a private VMA that can
/// be the process's own copy of a page.
///
/// # Errors
///
/// - [`EFAULT`] if nothing is mapped there, and nothing would be if the process touched it, or if
///   the memory is broken.
/// - [`EINVAL`] for a write where the page tables do not let the process write.
/// - [`ENOMEM`] if the kernel has no address range free to map device memory.
///
/// # Safety
///
/// As for [`access`].
unsafe fn access_pfnmap(
    vma: *mut bindings::vm_area_struct,
    address: usize,
    mut access: Access<'_>,
) -> Result<usize> {
    let offset = address & !PAGE_MASK;
    let len = min(access.size(), PAGE_SIZE - offset);
    let write = matches!(access, Access::Write(_));
    loop {
        // SAFETY: By the safety requirements of this function, `vma` is a VM_PFNMAP VMA, and the
        // caller holds the mmap lock and a reference on the `mm_struct`.
        let found = unsafe { Followed::new_touched(vma, address, write) }?;
        let (pfn, prot) = (found.0.pfn, found.0.pgprot);
        if write && !found.0.writable {
            return Err(EINVAL);
        }
        // SAFETY: This function may be called with any number.
        if unsafe { bindings::page_is_ram(pfn) } != 0 {
            // Memory that is being added counts as RAM before it can be accessed. Broken memory
            // stays mapped if the kernel cannot handle a page of its kind.
            // SAFETY: This function may be called with any number.
            if !unsafe { bindings::pfn_is_accessible(pfn) } {
                return Err(EFAULT);
            }
            // SAFETY: The page frame is RAM, and cannot be freed while the page table is locked.
            // The range is in the page and in the buffer. Others may change what is in the page
            // meanwhile.
            unsafe {
                match &mut access {
                    Access::Read(to) => {
                        bindings::memcpy_from_pfn(to.as_mut_ptr().cast(), pfn, offset, len)
                    }
                    Access::Write(from) => {
                        bindings::memcpy_to_pfn(pfn, offset, from.as_ptr().cast(), len);
                        // A page whose entry is not special is the process's own copy. Its entry
                        // need not be dirty, for example if the page came back from swap.
                        if !found.0.special {
                            bindings::mark_pfn_dirty(pfn);
                        }
                    }
                }
            };
            return Ok(len);
        }

        // Device memory has to be mapped for the kernel, which can sleep, so the page table is
        // unlocked before. Meanwhile a write by the process can replace the frame by a copy in RAM,
        // and the frame can be unmapped.
        drop(found);
        let device = Remapped::new(pfn, prot)?;
        // SAFETY: By the safety requirements of this function, `vma` is a VM_PFNMAP VMA, and the
        // caller holds the mmap lock and a reference on the `mm_struct`.
        let again = unsafe { Followed::new_touched(vma, address, write) }?;
        if again.0.pfn == pfn
            && again.0.pgprot.pgprot == prot.pgprot
            && (again.0.writable || !write)
        {
            let device = device.0.wrapping_byte_add(offset);
            // Whoever takes device memory back has to unmap it, and waits for the lock of the page
            // table.
            // SAFETY: The page is mapped at this address, and the range is in it and in the buffer.
            unsafe {
                match &mut access {
                    Access::Read(to) => {
                        bindings::memcpy_fromio(to.as_mut_ptr().cast(), device, len)
                    }
                    Access::Write(from) => bindings::memcpy_toio(device, from.as_ptr().cast(), len),
                }
            };
            return Ok(len);
        }
    }
}

/// The entry of the page tables at an address. The page table is locked until this is dropped.
///
/// # Invariants
///
/// `follow_pfnmap_start()` succeeded with these arguments.
struct Followed(bindings::follow_pfnmap_args);

impl Followed {
    /// # Safety
    ///
    /// As for [`access`].
    unsafe fn new(vma: *mut bindings::vm_area_struct, address: usize) -> Result<Self> {
        let mut args = bindings::follow_pfnmap_args {
            vma,
            address: address as c_ulong,
            ..pin_init::zeroed()
        };
        // SAFETY: The VMA is valid, and the mmap lock is held.
        to_result(unsafe { bindings::follow_pfnmap_start(&mut args) })?;
        // INVARIANT: `follow_pfnmap_start()` has just succeeded.
        Ok(Self(args))
    }

    /// Like [`Self::new`]; but if no page is mapped there yet, has one mapped first,
    /// `fixup_user_fault()`.
    ///
    /// # Safety
    ///
    /// As for [`access`].
    unsafe fn new_touched(
        vma: *mut bindings::vm_area_struct,
        address: usize,
        write: bool,
    ) -> Result<Self> {
        // SAFETY: By the safety requirements of this function, `vma` is a VM_PFNMAP VMA, and the
        // caller holds the mmap lock and a reference on the `mm_struct`.
        if let Ok(found) = unsafe { Self::new(vma, address) } {
            return Ok(found);
        }
        let flags = if write {
            bindings::fault_flag_FAULT_FLAG_WRITE
        } else {
            0
        };
        // SAFETY: The VMA is valid, and the caller holds the mmap lock and a reference on the
        // `mm_struct`. The null pointer keeps the lock from being released.
        to_result(unsafe {
            bindings::fixup_user_fault(
                (*vma).vm_mm,
                address as c_ulong,
                flags,
                core::ptr::null_mut(),
            )
        })?;
        // SAFETY: By the safety requirements of this function, `vma` is a VM_PFNMAP VMA, and the
        // caller holds the mmap lock and a reference on the `mm_struct`.
        unsafe { Self::new(vma, address) }
    }
}

impl Drop for Followed {
    fn drop(&mut self) {
        // SAFETY: By the type invariant this was started.
        unsafe { bindings::follow_pfnmap_end(&mut self.0) };
    }
}

/// A page of device memory, mapped for the kernel.
///
/// # Invariants
///
/// `ioremap_prot()` returned the address for one page.
struct Remapped(*mut c_void);

impl Remapped {
    fn new(pfn: usize, prot: bindings::pgprot_t) -> Result<Self> {
        let phys = Pfn::new(pfn).to_phys();
        // SAFETY: This may be called for any address that is not that of RAM.
        let addr = unsafe { bindings::ioremap_prot(phys, PAGE_SIZE, prot) };
        if addr.is_null() {
            return Err(ENOMEM);
        }
        // INVARIANT: `ioremap_prot()` returned this address.
        Ok(Self(addr))
    }
}

impl Drop for Remapped {
    fn drop(&mut self) {
        // SAFETY: By the type invariant it is mapped there.
        unsafe { bindings::iounmap(self.0) };
    }
}
