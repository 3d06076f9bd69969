// SPDX-License-Identifier: GPL-2.0

//! Allocations that fail where others would have the OOM killer end a process.
//!
//! A process that touches memory can be told that there is none. One that loads a driver with a
//! large region is not to have others killed for it.
//!
//! C header: [`include/linux/gfp_types.h`](srctree/include/linux/gfp_types.h),
//! `__GFP_RETRY_MAYFAIL`.

use crate::compat::helpers;
use core::{
    alloc::Layout,
    ptr::NonNull, //
};
use kernel::{
    alloc::{
        allocator::KVmalloc,
        AllocError,
        Allocator,
        Flags,
        NumaNode,
        Vec, //
    },
    bindings,
    page::PAGE_SHIFT, //
};

/// The flags of such an allocation.
pub(super) const GFP: bindings::gfp_t =
    bindings::GFP_KERNEL | helpers::__GFP_RETRY_MAYFAIL | bindings::__GFP_NOWARN;

/// Whether the machine can give so many pages away without taking them from others,
/// `si_mem_available()`.
pub(super) fn is_available(pages: usize) -> bool {
    // SAFETY: This reads counters.
    let available = unsafe { bindings::si_mem_available() };
    usize::try_from(available).is_ok_and(|available| pages <= available)
}

/// The allocator of `kvmalloc()`, with `__GFP_RETRY_MAYFAIL`: it fails if there is not as much
/// memory available, or it cannot be had.
///
/// It does not look at the flags that it is given, so it is not for others: memory is not zeroed,
/// and it may sleep.
pub(super) struct KvmallocMayFail;

// SAFETY: What is allocated is either what `KVmalloc` allocated, or memory of `kvmalloc()`, which
// is what `KVmalloc` frees and reallocates. A pointer is passed on to that as it is. Layouts are
// those of `KVmalloc`.
unsafe impl Allocator for KvmallocMayFail {
    const MIN_ALIGN: usize = KVmalloc::MIN_ALIGN;

    unsafe fn realloc(
        ptr: Option<NonNull<u8>>,
        layout: Layout,
        old_layout: Layout,
        flags: Flags,
        nid: NumaNode,
    ) -> Result<NonNull<[u8]>, AllocError> {
        // What was allocated before, or is to be freed.
        if old_layout.size() != 0 || layout.size() == 0 {
            // SAFETY: As the caller promises.
            return unsafe { KVmalloc::realloc(ptr, layout, old_layout, flags, nid) };
        }
        if layout.align() > Self::MIN_ALIGN || !is_available(layout.size() >> PAGE_SHIFT) {
            return Err(AllocError);
        }
        // SAFETY: Any size that is not zero may be asked for, in a context that may sleep.
        let memory = unsafe { helpers::kvmalloc(layout.size(), GFP) };
        let memory = NonNull::new(memory.cast()).ok_or(AllocError)?;
        Ok(NonNull::slice_from_raw_parts(memory, layout.size()))
    }
}

/// A vector that is allocated so.
pub(super) type MayFailVec<T> = Vec<T, KvmallocMayFail>;

/// A vector of `len` elements.
///
/// # Errors
///
/// [`AllocError`] if there is not enough memory.
pub(super) fn filled<T>(len: usize, element: impl Fn() -> T) -> Result<MayFailVec<T>, AllocError> {
    let mut vec = MayFailVec::with_capacity(len, kernel::alloc::flags::GFP_KERNEL)?;
    for _ in 0..len {
        vec.push_within_capacity(element())
            .map_err(|_| AllocError)?;
    }
    Ok(vec)
}
