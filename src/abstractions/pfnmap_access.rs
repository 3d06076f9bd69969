// SPDX-License-Identifier: GPL-2.0

//! Access to the page frames of a VM_PFNMAP VMA by a debugger.
//!
//! C header: [`include/linux/mm.h`](srctree/include/linux/mm.h), `follow_pfnmap_start()` and
//! `generic_access_phys()`.

use super::{
    helpers,
    vma::Vma, //
};
use core::cmp::min;
use kernel::{
    bindings,
    error::to_result,
    page::{
        PAGE_MASK,
        PAGE_SIZE, //
    },
    prelude::*, //
};

/// What is to be done with the memory of a process.
pub enum Access<'a> {
    /// Read it into this.
    Read(&'a mut [u8]),
    /// Write this to it.
    Write(&'a [u8]),
}

impl Access<'_> {
    /// How many bytes.
    fn size(&self) -> usize {
        match self {
            Self::Read(to) => to.len(),
            Self::Write(from) => from.len(),
        }
    }
}

/// Reads or writes memory of a VM_PFNMAP VMA from `address` on, up to the end of the page. Returns
/// how many bytes.
///
/// It goes to the page frame that the page tables have there. In a private VMA that can be the
/// process's own copy.
///
/// # Errors
///
/// [`EINVAL`] if nothing is mapped there, or it is to be written and the page tables do not let the
/// process write it.
pub fn access_pfnmap(vma: &Vma, address: usize, access: Access<'_>) -> Result<usize> {
    let offset = address & !PAGE_MASK;
    let len = min(access.size(), PAGE_SIZE - offset);
    let mut args = bindings::follow_pfnmap_args {
        vma: vma.as_ptr(),
        address: address as c_ulong,
        ..pin_init::zeroed()
    };

    // SAFETY: The VMA is valid, and locked by the caller of the access operation.
    to_result(unsafe { bindings::follow_pfnmap_start(&mut args) })?;
    // SAFETY: Any number may be asked for.
    let is_ram = unsafe { bindings::page_is_ram(args.pfn) } != 0;
    let refused = matches!(access, Access::Write(_)) && !args.writable;
    if is_ram && !refused {
        // SAFETY: The page frame is RAM. It cannot be freed before `follow_pfnmap_end()`, as the
        // page table is locked. The range is in the page, and what is there may change meanwhile.
        unsafe {
            match access {
                Access::Read(to) => helpers::simple_mmap_copy_from_pfn(
                    to.as_mut_ptr().cast(),
                    args.pfn,
                    offset,
                    len,
                ),
                Access::Write(from) => {
                    helpers::simple_mmap_copy_to_pfn(args.pfn, offset, from.as_ptr().cast(), len)
                }
            }
        };
        // SAFETY: This ends what was started above.
        unsafe { bindings::follow_pfnmap_end(&mut args) };
        return Ok(len);
    }
    // SAFETY: This ends what was started above.
    unsafe { bindings::follow_pfnmap_end(&mut args) };
    if refused {
        return Err(EINVAL);
    }

    let (buf, write) = match access {
        Access::Read(to) => (to.as_mut_ptr(), 0),
        Access::Write(from) => (from.as_ptr().cast_mut(), bindings::FOLL_WRITE as c_int),
    };
    // SAFETY: The VMA is valid and locked. The buffer has `len` bytes, and is only read from if
    // this is a write. The range ends with the page. The C function looks up what is mapped itself.
    let done = unsafe {
        bindings::generic_access_phys(vma.as_ptr(), address, buf.cast(), len as c_int, write)
    };
    to_result(done)?;
    Ok(done as usize)
}
