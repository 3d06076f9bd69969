// SPDX-License-Identifier: GPL-2.0

//! Mapping page frames into a whole VMA at once.
//!
//! C header: [`include/linux/mm.h`](srctree/include/linux/mm.h), `remap_pfn_range()`.

use super::{
    helpers,
    vm_operations::VmOperations,
    vma::VmaReady, //
};
use core::ops::Range;
use kernel::{
    bindings,
    error::to_result,
    page::{
        PAGE_SHIFT,
        PAGE_SIZE, //
    },
    prelude::*, //
};

/// Memory whose page frames can be mapped into user space.
///
/// # Safety
///
/// As long as the value exists, the frames from [`Self::first_pfn`] on, [`Self::pages`] of
/// them, must be memory that user space may read and write at any time. Both numbers are constant.
pub unsafe trait PageFrames {
    /// The number of the first page frame.
    fn first_pfn(&self) -> usize;

    /// The number of page frames.
    fn pages(&self) -> usize;

    /// Whether they are to be reached past the caches, as `pgprot_noncached()` makes it.
    fn uncached(&self) -> bool {
        false
    }
}

/// A VMA in its mmap handler that is filled with page frames, from its start on. VM_PFNMAP.
///
/// The kernel keeps no count of who maps such a frame. That the memory stays as long as the VMA is
/// ensured by where it comes from: out of the data that the VMA holds a reference on.
pub struct VmaPfnMap<'a, T> {
    vma: VmaReady<'a, T>,
    /// How many pages of the VMA are filled.
    filled: usize,
}

impl<'a, T: VmOperations> VmaPfnMap<'a, T> {
    pub(super) fn new(vma: VmaReady<'a, T>) -> Self {
        // A fault would return a page with a reference, and that is not for VM_PFNMAP.
        const { assert!(!T::HAS_FAULT, "a VM_PFNMAP VMA has no fault operation") };
        Self { vma, filled: 0 }
    }

    /// Maps `pages` of the memory that `memory` finds in the VMA's data, where the last call left
    /// off.
    ///
    /// # Errors
    ///
    /// - [`EINVAL`] if the range is empty, exceeds the memory, or exceeds what is left of the VMA,
    ///   or if this range does not fill all of the VMA and either the VMA is private and may
    ///   become writable, or the memory is uncached.
    /// - [`ENOMEM`] if there is no memory for page tables.
    pub fn remap_pfn_range<M: PageFrames>(
        &mut self,
        memory: impl for<'d> FnOnce(&'d T) -> &'d M,
        pages: Range<usize>,
    ) -> Result {
        let memory = memory(self.vma.data());
        let left = self.vma.pages() - self.filled;
        if pages.is_empty() || pages.end > memory.pages() || pages.len() > left {
            return Err(EINVAL);
        }
        if memory.uncached() {
            // The caching is the VMA's, and the kernel keeps track of it for whole VMAs.
            if pages.len() != self.vma.pages() {
                return Err(EINVAL);
            }
            // SAFETY: The VMA is in its setup, where nobody else has access to this field, and this
            // adds nothing to what the mapping may do.
            unsafe {
                let prot = &mut (*self.vma.as_ptr()).vm_page_prot;
                *prot = helpers::simple_mmap_pgprot_noncached(*prot);
            }
        }
        // SAFETY:
        // - The VMA is in its setup, where the mmap lock is held for writing, and is marked as
        //   VM_PFNMAP and nothing else.
        // - The addresses lie in the VMA, and nothing is mapped there: we map from its start on.
        // - The frames are user space's to use as long as `memory` exists. It is borrowed from the
        //   VMA's data for any lifetime that the data may have, so it exists as long as the data
        //   does. If the mmap handler succeeds, the VMA owns a reference on the data until its
        //   close, and otherwise `VmaReady` unmaps the frames before it drops its reference.
        to_result(unsafe {
            bindings::remap_pfn_range(
                self.vma.as_ptr(),
                self.vma.start() + (self.filled << PAGE_SHIFT),
                memory.first_pfn() + pages.start,
                pages.len() * PAGE_SIZE,
                (*self.vma.as_ptr()).vm_page_prot,
            )
        })?;
        self.filled += pages.len();
        Ok(())
    }

    /// Ends the filling. Where it did not reach, a process that touches the VMA gets a `SIGBUS`.
    pub fn finish(self) -> VmaReady<'a, T> {
        self.vma
    }
}
