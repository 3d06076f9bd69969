// SPDX-License-Identifier: GPL-2.0

//! Mappings of page frames, without references: VM_PFNMAP.
//!
//! The frames are mapped all at once, or when a process touches them.
//!
//! C headers: [`include/linux/mm.h`](srctree/include/linux/mm.h), `remap_pfn_range()`,
//! `vmf_insert_pfn()`, [`include/linux/huge_mm.h`](srctree/include/linux/huge_mm.h),
//! `vmf_insert_pfn_pmd()`.

use super::{
    access,
    desc::{
        NotCow,
        Ready,
        Undecided,
        VmaDesc, //
    },
    fault::VmFault,
    folio::Folio,
    pfn::Pfn,
    pgoff::Pgoff,
    virt::flags,
    vm_operations::{
        self,
        file_data,
        VmOperations,
        VmaState, //
    }, //
};
use crate::{
    bindings,
    prelude::*, //
};
use core::marker::PhantomData;

/// Contiguous page frames that can be mapped into user space for the duration of `'a`.
///
/// # Invariants
///
/// For the duration of `'a` the frames are memory that the kernel maps cached, and that user space
/// may read and write at any time.
///
/// # Examples
///
/// ```
/// use kernel::mm::{
///     folio::Folio,
///     pfnmap::FrameRun,
///     pgoff::Pgoff, //
/// };
///
/// let folio = Folio::alloc(2, Pgoff::new(0))?;
/// let run: FrameRun<'_> = folio.frames();
/// assert_eq!(run.count(), 4);
/// assert_eq!(run.take(2).map(|run| run.count()), Some(2));
/// assert!(run.take(5).is_none());
/// # Ok::<(), Error>(())
/// ```
#[derive(Clone, Copy)]
pub struct FrameRun<'a> {
    first: Pfn,
    count: usize,
    _memory: PhantomData<&'a ()>,
}

impl<'a> FrameRun<'a> {
    /// The `count` frames from `first` on.
    ///
    /// # Safety
    ///
    /// For the duration of `'a`, they must be memory that user space may read and write at any
    /// time, and that the kernel maps cached.
    ///
    /// # Examples
    ///
    /// ```
    /// use kernel::mm::{
    ///     page::SharedPage,
    ///     pfnmap::FrameRun, //
    /// };
    ///
    /// fn frame_of(page: &SharedPage) -> FrameRun<'_> {
    ///     // SAFETY: The page stays as long as it is borrowed, and nobody has a Rust reference to
    ///     // its bytes. The kernel maps it cached, as all memory.
    ///     unsafe { FrameRun::new(page.pfn(), 1) }
    /// }
    /// # let _ = frame_of;
    /// ```
    pub unsafe fn new(first: Pfn, count: usize) -> Self {
        // INVARIANT: It holds by the safety requirements of this function.
        Self {
            first,
            count,
            _memory: PhantomData,
        }
    }

    /// How many frames there are.
    pub fn count(&self) -> usize {
        self.count
    }

    /// The first `count` frames, if there are that many.
    pub fn take(self, count: usize) -> Option<Self> {
        // INVARIANT: These frames are part of `self`, for which the invariant holds.
        (count <= self.count).then_some(Self { count, ..self })
    }

    /// The frames that follow the first `count`, if there are any.
    pub fn skip(self, count: usize) -> Option<Self> {
        // INVARIANT: These frames are part of `self`, for which the invariant holds.
        (count < self.count).then(|| Self {
            first: Pfn::new(self.first.as_raw() + count),
            count: self.count - count,
            ..self
        })
    }

    /// The number of the first frame.
    pub(super) fn first(&self) -> Pfn {
        self.first
    }
}

impl Folio {
    /// The folio's page frames.
    pub fn frames(&self) -> FrameRun<'_> {
        // SAFETY: The pages of a folio are contiguous, and stay as long as the folio is borrowed.
        // Nobody has a Rust reference to their bytes. The kernel maps them cached, as all memory.
        unsafe { FrameRun::new(self.pages()[0].pfn(), 1 << self.order()) }
    }
}

/// A mapping whose page frames are mapped when a process touches them. Implemented by what the open
/// file refers to.
///
/// # Examples
///
/// A ring of frames, which the file repeats without end:
///
/// ```
/// use kernel::{
///     mm::{
///         folio::Folio,
///         pfnmap::{
///             FrameRun,
///             Frames, //
///         },
///         pgoff::Pgoff,
///         vm_operations::VmOperations, //
///     },
///     sync::aref::ARef, //
/// };
///
/// struct Ring(ARef<Folio>);
///
/// impl VmOperations for Ring {}
///
/// impl Frames for Ring {
///     fn frames(&self, pgoff: Pgoff) -> Option<FrameRun<'_>> {
///         let frames = self.0.frames();
///         frames.skip(pgoff.index().checked_rem(frames.count())?)
///     }
/// }
/// # let _ = Ring(Folio::alloc(2, Pgoff::new(0))?);
/// # Ok::<(), Error>(())
/// ```
pub trait Frames: VmOperations {
    /// Returns the frames from the offset `pgoff` on, as many as are contiguous. If there is none
    /// at this offset, returns `None`, and the process gets a `SIGBUS`. An offset must always have
    /// the same frame.
    ///
    /// Any number of calls can run at the same time, also for another process that reads the memory
    /// of this one, such as a debugger. The mmap lock or the VMA's lock is held for reading. May
    /// sleep, but must not take the mmap lock or access the memory of the process, as that can wait
    /// for a writer that waits for the lock that is held.
    fn frames(&self, pgoff: Pgoff) -> Option<FrameRun<'_>>;
}

impl<'a, T: VmOperations, S: Undecided> VmaDesc<'a, T, S> {
    /// Decides that all of the mapping is filled with these frames: the kernel calls
    /// `remap_pfn_range()` over the VMA's range, once the VMA is in place. VM_PFNMAP.
    ///
    /// # Errors
    ///
    /// [`EINVAL`] if there are not exactly as many frames as pages in the mapping.
    ///
    /// # Examples
    ///
    /// ```
    /// use kernel::{
    ///     mm::{
    ///         desc::{
    ///             Ready,
    ///             VmaDesc, //
    ///         },
    ///         folio::Folio,
    ///         pgoff::Pgoff,
    ///         vm_operations::VmOperations, //
    ///     },
    ///     sync::aref::ARef, //
    /// };
    ///
    /// struct Buffer(ARef<Folio>);
    ///
    /// impl VmOperations for Buffer {}
    ///
    /// fn mmap_prepare<'a>(
    ///     buffer: &'a Buffer,
    ///     mut desc: VmaDesc<'a, Buffer>,
    /// ) -> Result<VmaDesc<'a, Buffer, Ready>> {
    ///     desc.deny_exec()?;
    ///     let frames = buffer.0.frames().skip(desc.pgoff().index());
    ///     let frames = frames.and_then(|run| run.take(desc.pages()));
    ///     desc.remap_pfn_range(frames.ok_or(EINVAL)?)
    /// }
    /// # let _ = mmap_prepare;
    /// # let _ = Buffer(Folio::alloc(2, Pgoff::new(0))?);
    /// # Ok::<(), Error>(())
    /// ```
    pub fn remap_pfn_range(mut self, frames: FrameRun<'a>) -> Result<VmaDesc<'a, T, Ready>> {
        if frames.count() != self.pages() {
            return Err(EINVAL);
        }
        // SAFETY: The description is valid and has no action yet. The frames fill all of the VMA.
        // User space may use them for `'a`, so until the file is released, which the VMA holds.
        unsafe { bindings::mmap_action_remap_full(self.desc_mut(), frames.first().as_raw()) };
        let state = VmaState::new(self.is_cow());
        Ok(self.ready(&AllAtOnce::<T>::TABLE, state))
    }
}

impl<'a, T: Frames> VmaDesc<'a, T, NotCow> {
    /// Decides that the frames that [`Frames::frames`] returns are mapped when a process touches
    /// them. VM_PFNMAP, and the flags that `remap_pfn_range()` sets with it.
    ///
    /// # Examples
    ///
    /// ```
    /// use kernel::mm::{
    ///     desc::{
    ///         Ready,
    ///         VmaDesc, //
    ///     },
    ///     pages::Pages,
    ///     pfnmap::Frames, //
    /// };
    ///
    /// fn mmap_prepare<T: Pages + Frames>(desc: VmaDesc<'_, T>) -> Result<VmaDesc<'_, T, Ready>> {
    ///     if desc.is_cow() {
    ///         return Ok(desc.serve_pages());
    ///     }
    ///     Ok(desc.into_not_cow()?.serve_frames())
    /// }
    /// ```
    pub fn serve_frames(self) -> VmaDesc<'a, T, Ready> {
        self.vm_pfnmap(&OnDemand::<T>::TABLE)
    }
}

impl<'a, T: VmOperations> VmaDesc<'a, T, NotCow> {
    /// Decides that these operations map page frames when a process touches them.
    pub(super) fn vm_pfnmap(
        mut self,
        vm_ops: &'static bindings::vm_operations_struct,
    ) -> VmaDesc<'a, T, Ready> {
        self.update_flags(
            flags::PFNMAP | flags::IO | flags::DONTEXPAND | flags::DONTDUMP,
            0,
        );
        self.ready(vm_ops, VmaState::new(false))
    }
}

/// Makes the table of operations for VMAs whose frames are mapped all at once, by an mmap action.
/// There is no fault operation: a process that touches a page that is not mapped, or not any more,
/// gets a `SIGBUS`.
pub(super) struct AllAtOnce<T>(PhantomData<T>);

impl<T: VmOperations> AllAtOnce<T> {
    pub(super) const TABLE: bindings::vm_operations_struct = bindings::vm_operations_struct {
        open: Some(vm_operations::open::<T>),
        close: Some(vm_operations::close::<T>),
        mapped: Some(vm_operations::mapped::<T>),
        access: Some(access::access),
        ..pin_init::zeroed()
    };
}

/// Makes the table of operations for VMAs whose frames are mapped when a process touches them.
struct OnDemand<T>(PhantomData<T>);

// A VMA has this table if `VmaDesc::serve_frames` put it there, or if the VMA is a copy of one that
// has it. The VMA is VM_PFNMAP, and a write does not give the process a copy of the page.
impl<T: Frames> OnDemand<T> {
    const TABLE: bindings::vm_operations_struct = bindings::vm_operations_struct {
        fault: Some(Self::fault),
        huge_fault: Some(Self::huge_fault),
        map_pages: Some(vm_operations::map_no_pages),
        ..AllAtOnce::<T>::TABLE
    };

    /// # Safety
    ///
    /// `vmf` must be a fault in a VMA with this table.
    unsafe extern "C" fn fault(vmf: *mut bindings::vm_fault) -> bindings::vm_fault_t {
        // SAFETY: The fault is valid until we return, and the VMA is locked for reading.
        let fault = unsafe { VmFault::from_raw(vmf) };
        // SAFETY: The VMA holds its file.
        let data = unsafe { file_data::<T>(fault.file()) };
        let Some(run) = data.frames(fault.pgoff()).and_then(|run| run.take(1)) else {
            return bindings::vm_fault_reason_VM_FAULT_SIGBUS;
        };
        // SAFETY: The VMA is locked and VM_PFNMAP, and a write does not give the process a copy.
        // The address is in the VMA. User space may use the frame as long as the data exist that it
        // is borrowed from: those of the VMA's file.
        unsafe { bindings::vmf_insert_pfn(fault.vma(), fault.address(), run.first().as_raw()) }
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
        let run = unsafe { fault.pmd_pgoff() }
            .and_then(|first| data.frames(first))
            .and_then(|run| run.take(1 << Folio::MAX_ORDER))
            .filter(|run| run.first().as_raw() % (1 << Folio::MAX_ORDER) == 0);
        let Some(run) = run else {
            return bindings::vm_fault_reason_VM_FAULT_FALLBACK;
        };
        // The C side is told that this is a read even if it is a write: `insert_folio_pmd` in
        // pages.rs says why. Not all architectures can mark an entry of a PMD as special.
        // SAFETY: As in `fault`, for all frames of the run. Their range of addresses is in the VMA,
        // and the number of the first frame is a multiple of their count. The entry is marked as
        // special, so that nobody takes references on the frames (`gup_fast_pmd_leaf()`).
        #[cfg(all(CONFIG_TRANSPARENT_HUGEPAGE, CONFIG_ARCH_SUPPORTS_PMD_PFNMAP))]
        let ret = unsafe { bindings::vmf_insert_pfn_pmd(vmf, run.first().as_raw(), false) };
        #[cfg(not(all(CONFIG_TRANSPARENT_HUGEPAGE, CONFIG_ARCH_SUPPORTS_PMD_PFNMAP)))]
        let (ret, _) = (bindings::vm_fault_reason_VM_FAULT_FALLBACK, run);
        match ret {
            bindings::vm_fault_reason_VM_FAULT_NOPAGE => ret,
            _ => bindings::vm_fault_reason_VM_FAULT_FALLBACK,
        }
    }
}
