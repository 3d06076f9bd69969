// SPDX-License-Identifier: GPL-2.0

//! Pages that are contiguous in the kernel's address space only.
//!
//! C header: [`include/linux/vmalloc.h`](srctree/include/linux/vmalloc.h), `__vmalloc()`,
//! `vmalloc_to_page()`.

use super::{
    may_fail::{
        is_available,
        GFP, //
    },
    shared_bytes::SharedBytes, //
};
use crate::{
    compat::helpers,
    mm::{
        page::SharedPage,
        pgoff::Pgoff, //
    }, //
};
use core::ptr::NonNull;
use kernel::{
    alloc::{
        allocator::Vmalloc,
        AllocError, //
    },
    bindings,
    page::PAGE_SIZE,
    prelude::*, //
};

/// Pages that are contiguous in the kernel's address space, and anywhere in physical memory. They
/// are zeroed when allocated, as by `vmalloc_user()`. A large number can be allocated even if
/// memory is fragmented.
///
/// Each page has references of its own. When this is dropped, which may sleep, it gives its
/// references back. Pages that are still mapped, in a pipe or pinned stay until their last
/// reference is given back.
///
/// # Invariants
///
/// `addr` is what `__vmalloc()` returned for `count` pages, and is ours to free. There are no Rust
/// references to the memory except to atomics.
///
/// # Examples
///
/// ```
/// struct Buffer(VmallocPages);
///
/// impl VmOperations for Buffer {}
///
/// impl Pages for Buffer {
///     fn fault(&self, vmf: &VmFault) -> Result<ARef<SharedPage>, VmFaultError> {
///         Ok(self.0.page(vmf.pgoff()).ok_or(VmFaultError::SigBus)?.into())
///     }
/// }
///
/// let buffer = Buffer(VmallocPages::alloc(3)?);
/// assert_eq!(buffer.0.count(), 3);
/// assert!(buffer.0.page(Pgoff::new(3)).is_none());
///
/// // The page is the same memory.
/// buffer.0.bytes().write(2 * PAGE_SIZE, &[7])?;
/// let last: ARef<SharedPage> = buffer.0.page(Pgoff::new(2)).ok_or(EINVAL)?.into();
/// drop(buffer);
/// let mut byte = [0];
/// last.bytes().read(0, &mut byte)?;
/// assert_eq!(byte, [7]);
/// assert!(SharedPage::put(last));
/// assert!(VmallocPages::alloc(0).is_err());
/// assert!(VmallocPages::alloc(usize::MAX).is_err());
/// # Ok::<(), Error>(())
/// ```
pub struct VmallocPages {
    addr: NonNull<u8>,
    count: usize,
}

// SAFETY: Pages belong to no thread in particular.
unsafe impl Send for VmallocPages {}

// SAFETY: The methods that take `&self` compute addresses, and look pages up in page tables of the
// kernel that do not change.
unsafe impl Sync for VmallocPages {}

impl VmallocPages {
    /// Allocates `count` pages, at least one.
    ///
    /// # Errors
    ///
    /// [`AllocError`] if not that many pages are available. No process is killed to get them.
    pub fn alloc(count: usize) -> Result<Self, AllocError> {
        if count == 0 || !is_available(count) {
            return Err(AllocError);
        }
        let size = count.checked_mul(PAGE_SIZE).ok_or(AllocError)?;
        // SAFETY: The size is not zero, and this is process context, where allocating may sleep.
        let addr = unsafe { helpers::__vmalloc(size, GFP | bindings::__GFP_ZERO) };
        // INVARIANT: `__vmalloc()` has just returned `addr` for `count` pages.
        Ok(Self {
            addr: NonNull::new(addr.cast()).ok_or(AllocError)?,
            count,
        })
    }

    /// How many pages there are.
    pub fn count(&self) -> usize {
        self.count
    }

    /// The bytes of all pages.
    #[inline]
    pub fn bytes(&self) -> SharedBytes<'_, PAGE_SIZE> {
        // SAFETY: By the type invariant there is memory of at least a page at this address as long
        // as `self` is borrowed, with no Rust references to it except to atomics. It was zeroed,
        // and starts with a page.
        unsafe { SharedBytes::new(self.addr, self.count * PAGE_SIZE) }
    }

    /// The page at an offset from the first one, or `None` if there is no such page:
    /// `vmalloc_to_page()`.
    pub fn page(&self, pgoff: Pgoff) -> Option<&SharedPage> {
        if pgoff.index() >= self.count {
            return None;
        }
        // SAFETY: By the check above this address is in the memory.
        let addr = unsafe { self.addr.add(pgoff.index() * PAGE_SIZE) };
        // SAFETY: By the type invariant the memory comes from `__vmalloc()`, as that of `Vmalloc`
        // does, and it stays as long as `self` is borrowed.
        let page = unsafe { Vmalloc::to_page(addr) };
        // INVARIANT: This is a page of order 0 with references of its own. vm_area_alloc_pages()
        // splits what it allocates with a higher order. Without VM_ALLOW_HUGE_VMAP, which
        // __vmalloc() does not set, the kernel's own mapping has no larger pages either. vmalloc()
        // keeps a reference on each page in `vm_struct::pages`, and uses nothing else of the page.
        // vfree() gives this reference back (`put_page_testzero()` in
        // __free_contig_range_common()), and whoever gives the last one back frees the page, as
        // `SharedPage` does. There are no Rust references to its bytes except to atomics.
        // SAFETY: The memory holds a reference on the page, so the page is valid as long as `self`
        // is borrowed.
        Some(unsafe { &*page.as_ptr().cast() })
    }
}

impl Drop for VmallocPages {
    fn drop(&mut self) {
        // SAFETY: By the type invariant __vmalloc() allocated the memory, which is ours to free.
        // Nothing is borrowed from this value any more, so nobody uses the kernel's mapping, which
        // is removed. Pages that others hold stay, and a page that is known to be broken is not
        // allocated again (`__free_pages_prepare()`).
        unsafe { helpers::vfree(self.addr.as_ptr().cast()) };
    }
}
