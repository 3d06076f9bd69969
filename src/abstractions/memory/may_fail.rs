// SPDX-License-Identifier: GPL-2.0

//! Allocations that fail where others would make the OOM killer kill a process.
//!
//! A process that touches memory can be told that there is none. If somebody loads a driver with a
//! large region, no process should be killed for it.
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

/// The flags of all allocations that may fail.
pub(super) const GFP: bindings::gfp_t =
    bindings::GFP_KERNEL | helpers::__GFP_RETRY_MAYFAIL | bindings::__GFP_NOWARN;

/// Whether the kernel estimates that this many pages are available without swapping,
/// `si_mem_available()`.
pub(super) fn is_available(pages: usize) -> bool {
    // SAFETY: This function only reads counters.
    let available = unsafe { bindings::si_mem_available() };
    usize::try_from(available).is_ok_and(|available| pages <= available)
}

/// The allocator of `kvmalloc()`, with `__GFP_RETRY_MAYFAIL`. An allocation fails if that much
/// memory is not available, or if `kvmalloc()` fails.
///
/// The allocator ignores the flags that it is given, so it is not for general use: it does not zero
/// memory, and may sleep.
pub(super) struct KvmallocMayFail;

// SAFETY: All memory was allocated by `KVmalloc` or by `kvmalloc()`, and `KVmalloc` can free and
// reallocate both. A pointer is passed on to `KVmalloc` unchanged. The layouts are those of
// `KVmalloc`.
unsafe impl Allocator for KvmallocMayFail {
    const MIN_ALIGN: usize = KVmalloc::MIN_ALIGN;

    unsafe fn realloc(
        ptr: Option<NonNull<u8>>,
        layout: Layout,
        old_layout: Layout,
        flags: Flags,
        nid: NumaNode,
    ) -> Result<NonNull<[u8]>, AllocError> {
        // `KVmalloc` does what is not a new allocation: reallocating and freeing.
        if old_layout.size() != 0 || layout.size() == 0 {
            // SAFETY: By the safety requirements of this function, `ptr` is `None` or memory of
            // this allocator, and `KVmalloc` can free and reallocate such memory.
            return unsafe { KVmalloc::realloc(ptr, layout, old_layout, flags, nid) };
        }
        if layout.align() > Self::MIN_ALIGN || !is_available(layout.size() >> PAGE_SHIFT) {
            return Err(AllocError);
        }
        // SAFETY: This may be called for any size except 0, in a context that may sleep.
        let memory = unsafe { helpers::kvmalloc(layout.size(), GFP) };
        let memory = NonNull::new(memory.cast()).ok_or(AllocError)?;
        Ok(NonNull::slice_from_raw_parts(memory, layout.size()))
    }
}

/// A vector whose allocation may fail.
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
