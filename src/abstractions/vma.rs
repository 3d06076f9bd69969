// SPDX-License-Identifier: GPL-2.0

//! Virtual memory areas of a driver's mappings.
//!
//! There is a type for each degree of access, all of them for a `struct vm_area_struct`:
//!
//! - [`Vma`]: in a callback. It can be looked at.
//! - [`VmaNew`]: in the mmap handler, nothing decided yet.
//! - [`VmaPfnMap`]: in the mmap handler, to be filled with page frames. VM_PFNMAP.
//! - [`VmaReady`]: in the mmap handler, which returns it: all is decided.
//!
//! A [`VmaNew`] becomes one of the others by value, so no VMA can be two kinds at once.
//!
//! C header: [`include/linux/mm_types.h`](srctree/include/linux/mm_types.h).

use super::{
    remap_pfn_range::VmaPfnMap,
    vm_operations::VmOperations, //
};
use core::ops::Deref;
use kernel::{
    bindings,
    mm::virt::{
        self,
        flags,
        vm_flags_t, //
    },
    page::PAGE_SHIFT,
    prelude::*,
    sync::Arc,
    types::Opaque, //
};

/// A VMA that can be looked at.
///
/// [`virt::VmaRef`] also leads to the address space, which must then have users. A VMA whose
/// process is gone still has its close called, so a callback gets this type instead.
///
/// # Invariants
///
/// The VMA is valid, and its address, its offset, and those of its flags that are read here do not
/// change as long as this is borrowed.
#[repr(transparent)]
pub struct Vma(Opaque<bindings::vm_area_struct>);

impl Vma {
    /// Wraps a raw pointer.
    ///
    /// # Safety
    ///
    /// For the duration of `'a`, `vma` must be valid, and the caller must hold a lock that keeps
    /// others from changing it: the mmap lock or the VMA's, for reading or writing.
    pub(super) unsafe fn from_raw<'a>(vma: *const bindings::vm_area_struct) -> &'a Self {
        // SAFETY: The type is transparent; the rest is what the caller promises.
        unsafe { &*vma.cast() }
    }

    pub(super) fn as_ptr(&self) -> *mut bindings::vm_area_struct {
        self.0.get()
    }

    /// The first address, `vm_start`.
    pub fn start(&self) -> usize {
        // SAFETY: By the type invariant the VMA is valid and this field does not change.
        unsafe { (*self.as_ptr()).__bindgen_anon_1.__bindgen_anon_1.vm_start }
    }

    /// The size in bytes, a multiple of the page size that is not zero.
    pub fn size(&self) -> usize {
        // SAFETY: By the type invariant the VMA is valid and this field does not change.
        unsafe { (*self.as_ptr()).__bindgen_anon_1.__bindgen_anon_1.vm_end - self.start() }
    }

    /// The size in pages, `vma_pages()`.
    pub fn pages(&self) -> usize {
        self.size() >> PAGE_SHIFT
    }

    /// The offset of the first address, in pages, `vm_pgoff`.
    ///
    /// It counts from the start of the file, except where `remap_pfn_range()` filled a VMA
    /// for which [`Self::is_cow`] holds: the kernel keeps the PFN of the first page there.
    pub fn pgoff(&self) -> usize {
        // SAFETY: By the type invariant the VMA is valid and this field does not change.
        unsafe { (*self.as_ptr()).vm_pgoff }
    }

    /// The offset past the last page, in pages.
    pub fn pgoff_end(&self) -> usize {
        self.pgoff() + self.pages()
    }

    /// Whether single pages can be mapped, with a reference on each, VM_MIXEDMAP.
    pub(super) fn is_mixedmap(&self) -> bool {
        self.flags() & flags::MIXEDMAP != 0
    }

    /// Whether page frames can be mapped, with no references, VM_PFNMAP.
    pub(super) fn is_pfnmap(&self) -> bool {
        self.flags() & flags::PFNMAP != 0
    }

    /// Whether the kernel keeps no references for what a PMD maps here, VM_PFNMAP or VM_MIXEDMAP.
    pub(super) fn is_special(&self) -> bool {
        self.flags() & (flags::PFNMAP | flags::MIXEDMAP) != 0
    }

    /// Whether others see what is written here, VM_SHARED.
    pub fn is_shared(&self) -> bool {
        self.flags() & flags::SHARED != 0
    }

    /// Whether a write gives the process a copy of the page, `is_cow_mapping()`: the VMA is private
    /// and may become writable.
    pub fn is_cow(&self) -> bool {
        self.flags() & (flags::SHARED | flags::MAYWRITE) == flags::MAYWRITE
    }

    /// The flags, `vm_flags`.
    fn flags(&self) -> vm_flags_t {
        // SAFETY: By the type invariant the VMA is valid and this field does not change.
        unsafe { (*self.as_ptr()).__bindgen_anon_2.vm_flags }
    }
}

/// A VMA in its mmap handler, of which nothing is decided yet.
///
/// # Invariants
///
/// Neither VM_PFNMAP nor VM_MIXEDMAP is set, nor any operations, and nothing is mapped in it.
pub struct VmaNew<'a>(&'a virt::VmaNew);

impl<'a> VmaNew<'a> {
    /// Wraps a raw pointer.
    ///
    /// # Safety
    ///
    /// For the duration of `'a`, `vma` must be undergoing its initial setup in an `f_op->mmap()`
    /// hook, which has not changed it so far.
    pub(super) unsafe fn from_raw(vma: *mut bindings::vm_area_struct) -> Self {
        // INVARIANT: The kernel sets none of the flags before it calls the hook.
        // SAFETY: The caller promises what the function requires.
        Self(unsafe { virt::VmaNew::from_raw(vma) })
    }

    /// Refuses execution for as long as the VMA exists.
    ///
    /// # Errors
    ///
    /// [`EPERM`] if the mapping is asked to be executable. Otherwise `mprotect()` cannot make it so
    /// any more, and fails with `EACCES`.
    pub fn deny_exec(&self) -> Result {
        self.0.try_clear_mayexec().map_err(|_| EPERM)
    }

    /// Refuses writing for as long as the VMA exists.
    ///
    /// # Errors
    ///
    /// [`EPERM`] if the mapping is asked to be writable. Otherwise `mprotect()` cannot make it so
    /// any more, and fails with `EACCES`.
    pub fn deny_write(&self) -> Result {
        self.0.try_clear_maywrite().map_err(|_| EPERM)
    }

    /// Refuses growth for as long as the VMA exists, VM_DONTEXPAND: `mremap()` fails with `EFAULT`.
    pub fn deny_expand(&self) {
        self.0.set_dontexpand();
    }

    /// Makes it a VMA to be filled with page frames at once. See [`VmaPfnMap`].
    ///
    /// `data` is what the VMA's operations work on.
    pub fn into_pfnmap<T: VmOperations>(self, data: Arc<T>) -> VmaPfnMap<'a, T> {
        VmaPfnMap::new(VmaReady::new(self.0, data))
    }

    /// Makes it a VMA whose page frames are mapped when they are touched, as
    /// [`VmOperations::page_frames`] finds them. VM_PFNMAP, and the flags that `remap_pfn_range()`
    /// sets with it.
    ///
    /// `data` is what the VMA's operations work on.
    ///
    /// # Errors
    ///
    /// [`EINVAL`] if a write would give the process a copy, see [`Vma::is_cow`].
    pub fn into_pfnmap_on_demand<T: VmOperations>(self, data: Arc<T>) -> Result<VmaReady<'a, T>> {
        const { assert!(T::HAS_PAGE_FRAMES, "there are no page frames to map") };
        if self.is_cow() {
            return Err(EINVAL);
        }
        let flags = flags::PFNMAP | flags::IO | flags::DONTEXPAND | flags::DONTDUMP;
        // SAFETY: During its setup nobody else has access to the VMA. By the type invariant
        // VM_MIXEDMAP is not set, and nothing can set it any more, as `self` is used up here.
        unsafe { (*self.as_ptr()).__bindgen_anon_2.vm_flags |= flags };
        Ok(VmaReady::new(self.0, data))
    }

    /// Makes it a VMA whose pages are served by [`VmOperations::fault`], VM_MIXEDMAP.
    ///
    /// The flag also keeps the kernel from making such a VMA larger in place of calling the mmap
    /// handler, when a further mapping follows it in memory and in the file.
    ///
    /// `data` is what the VMA's operations work on.
    pub fn into_mixedmap<T: VmOperations>(self, data: Arc<T>) -> VmaReady<'a, T> {
        self.0.set_mixedmap();
        VmaReady::new(self.0, data)
    }

    /// Makes it a VMA whose pages are served by [`VmOperations::huge_fault`], as folios, and where
    /// that falls back, by a page that [`VmOperations::fault`] returns. VM_HUGEPAGE.
    ///
    /// The flag asks for huge pages where the system is set to give them on request only. It also
    /// keeps the kernel from making the VMA larger, as described for [`Self::into_mixedmap`].
    ///
    /// `data` is what the VMA's operations work on.
    pub fn into_hugepage<T: VmOperations>(self, data: Arc<T>) -> VmaReady<'a, T> {
        // SAFETY: During its setup nobody else has access to the VMA, and the flag is no more than
        // an advice.
        unsafe { (*self.as_ptr()).__bindgen_anon_2.vm_flags |= flags::HUGEPAGE };
        VmaReady::new(self.0, data)
    }
}

impl Deref for VmaNew<'_> {
    type Target = Vma;

    fn deref(&self) -> &Vma {
        // SAFETY: A VMA in its setup is valid, and nobody else can change it.
        unsafe { Vma::from_raw(self.0.as_ptr()) }
    }
}

/// A VMA in its mmap handler, ready to be given its operations.
///
/// If the handler drops it, whatever was mapped in the VMA is unmapped before the data goes.
pub struct VmaReady<'a, T> {
    // The order matters: fields are dropped from first to last.
    undo: ZapOnDrop<'a>,
    data: Arc<T>,
}

/// Clears the page tables of a VMA whose mmap handler fails.
///
/// The kernel does so too, but only after the handler has returned and its data may be gone.
struct ZapOnDrop<'a>(&'a virt::VmaNew);

impl Drop for ZapOnDrop<'_> {
    fn drop(&mut self) {
        self.0
            .zap_vma_range(self.0.start(), self.0.end() - self.0.start());
    }
}

impl<'a, T: VmOperations> VmaReady<'a, T> {
    fn new(vma: &'a virt::VmaNew, data: Arc<T>) -> Self {
        Self {
            undo: ZapOnDrop(vma),
            data,
        }
    }

    /// The data that the VMA's operations are going to work on.
    pub(super) fn data(&self) -> &Arc<T> {
        &self.data
    }

    /// Gives the VMA its operations and the reference on their data, and runs the open operation,
    /// which the kernel does not run for the first mapping.
    ///
    /// # Safety
    ///
    /// The mmap handler must succeed after this: the kernel then calls the close operation, once,
    /// which gives the reference back. The VMA's file must keep the code of `T` in memory.
    pub(super) unsafe fn install(self) {
        self.data.open(&self);
        let vma = self.as_ptr();
        core::mem::forget(self.undo);
        // SAFETY: The VMA is in its setup; the rest is what the caller promises.
        unsafe { super::vm_operations::install(vma, self.data) };
    }
}

impl<T> Deref for VmaReady<'_, T> {
    type Target = Vma;

    fn deref(&self) -> &Vma {
        // SAFETY: A VMA in its setup is valid, and nobody else can change it.
        unsafe { Vma::from_raw(self.undo.0.as_ptr()) }
    }
}
