// SPDX-License-Identifier: GPL-2.0

//! Mappings of page frames of devices, filled all at once: what a second `/dev/mem` needs.
//!
//! The frames have a kind of caching, and are checked once more when they are mapped. The names of
//! [`caching`](super::caching), [`pfnmap`](super::pfnmap) and [`revocable`](super::revocable) are
//! here, too.
//!
//! C header: [`include/linux/mm.h`](srctree/include/linux/mm.h), `io_remap_pfn_range()`.

pub use super::{
    caching::{
        Cached,
        Caching,
        Uncached,
        WriteCombining, //
    },
    pfnmap::{
        FrameRun,
        Frames, //
    },
    revocable::{
        DeviceFrames,
        RevocableFrames, //
    }, //
};

use super::{
    address_space::AddressSpace,
    desc::{
        New,
        NotCow,
        Ready,
        Undecided,
        VmaDesc, //
    },
    pfn::Pfn,
    pfnmap::AllAtOnce,
    pgoff::Pgoff,
    vm_operations::{
        self,
        VmOperations,
        VmaState, //
    }, //
};
use crate::compat::helpers;
use core::{
    marker::PhantomData,
    ops::Range, //
};
use kernel::{
    bindings,
    page::PAGE_SHIFT,
    prelude::*, //
};

/// A state in which frames with the caching `C` can be mapped. If a write can give the process a
/// copy of the page, that is [`Cached`] only, because the copy is RAM.
///
/// # Examples
///
/// ```
/// use simple_mmap::mm::frames::{
///     Allows,
///     Caching,
///     IoFrames,
///     Recheck, //
/// };
///
/// fn map<'a, T: VmOperations, S: Allows<C>, C: Caching, R: Recheck>(
///     mut desc: VmaDesc<'a, T, S>,
///     frames: IoFrames<'a, C, R>,
/// ) -> Result<VmaDesc<'a, T, Ready>> {
///     desc.deny_exec()?;
///     desc.io_remap_pfn_range(frames)
/// }
/// ```
pub trait Allows<C: Caching>: Undecided + private::Allows<C> {}
impl Allows<Cached> for New {}
impl<C: Caching> Allows<C> for NotCow {}

mod private {
    pub trait Allows<C> {}
    impl Allows<super::Cached> for super::New {}
    impl<C: super::Caching> Allows<C> for super::NotCow {}
}

/// Page frames of a device, for a file that has each frame at the offset that is the frame's
/// number. `R` checks the frames again once they are mapped.
///
/// # Invariants
///
/// User space may read and write the frames as long as [`Recheck::recheck`] of `R` succeeds for
/// them. When it begins to fail, the frames are unmapped from `space`.
///
/// # Examples
///
/// ```
/// use simple_mmap::{
///     device::physical::NotRam,
///     mm::frames::{
///         Cached,
///         IoFrames,
///         Uncached, //
///     }, //
/// };
///
/// fn both<'a>(
///     range: &PhysRange<'a>,
/// ) -> (IoFrames<'a, Cached, NotRam>, IoFrames<'a, Uncached, NotRam>) {
///     (range.cached(), range.uncached())
/// }
/// ```
pub struct IoFrames<'a, C, R> {
    space: &'a AddressSpace,
    first: Pfn,
    count: usize,
    _kind: PhantomData<fn() -> (C, R)>,
}

impl<'a, C: Caching, R> IoFrames<'a, C, R> {
    /// The `count` frames from `first` on.
    ///
    /// # Safety
    ///
    /// The type invariant must hold.
    pub(crate) unsafe fn new(space: &'a AddressSpace, first: Pfn, count: usize) -> Self {
        // INVARIANT: It holds by the safety requirements of this function.
        Self {
            space,
            first,
            count,
            _kind: PhantomData,
        }
    }

    pub(super) fn space(&self) -> &AddressSpace {
        self.space
    }

    pub(super) fn first(&self) -> Pfn {
        self.first
    }

    pub(super) fn count(&self) -> usize {
        self.count
    }
}

impl AddressSpace {
    /// Unmaps what VMAs have mapped at these offsets, `unmap_mapping_pages()`, except copies of
    /// pages that writes have given to processes.
    ///
    /// This is reliable for page frames only. A fault that began before this call can map a page
    /// with references after it, because the kernel makes the entry after the fault operation has
    /// returned.
    pub(crate) fn unmap(&self, range: Range<Pgoff>) {
        let count = range.end.index().saturating_sub(range.start.index());
        if count > 0 {
            // SAFETY: The address space is valid.
            unsafe {
                bindings::unmap_mapping_pages(self.as_ptr(), range.start.index(), count, false)
            };
        }
    }
}

/// Checks frames once more after they were mapped, because the answer can have changed since the
/// mapping was asked for.
pub trait Recheck: 'static {
    /// Checks the `count` frames from `first` on.
    ///
    /// # Errors
    ///
    /// On any error the frames are unmapped, and the mapping fails.
    fn recheck(first: Pfn, count: usize) -> Result;
}

impl<'a, T: VmOperations, S: Undecided> VmaDesc<'a, T, S> {
    /// Decides that all of the mapping is filled with these frames of a device: once the VMA is in
    /// place, the kernel calls `io_remap_pfn_range()` over the VMA's range, and then `R` checks the
    /// frames again. VM_PFNMAP.
    ///
    /// # Errors
    ///
    /// [`EINVAL`] if there are not exactly as many frames as pages in the mapping, or if the frames
    /// could not be found in order to unmap them: the address space of the file is not theirs, or
    /// the mapping's offset is not the number of the first frame.
    ///
    /// # Examples
    ///
    /// ```
    /// fn mmap_prepare<'a, T: VmOperations>(
    ///     raw_io: &'a RawIo,
    ///     desc: VmaDesc<'a, T>,
    /// ) -> Result<VmaDesc<'a, T, Ready>> {
    ///     let first = Pfn::new(desc.pgoff().index());
    ///     let range = PhysRange::new(raw_io, first, desc.pages())?;
    ///     if range.is_uncached() {
    ///         desc.into_not_cow()?.io_remap_pfn_range(range.uncached())
    ///     } else {
    ///         desc.io_remap_pfn_range(range.cached())
    ///     }
    /// }
    /// ```
    pub fn io_remap_pfn_range<C: Caching, R: Recheck>(
        mut self,
        frames: IoFrames<'a, C, R>,
    ) -> Result<VmaDesc<'a, T, Ready>>
    where
        S: Allows<C>,
    {
        // SAFETY: The file is open, and its address space stays the same until it is released.
        let space = unsafe { (*self.desc().file).f_mapping };
        if frames.count() != self.pages()
            || frames.first().as_raw() != self.pgoff().index()
            || frames.space().as_ptr() != space
        {
            return Err(EINVAL);
        }
        let desc = self.desc_mut();
        desc.page_prot = C::cached_so(desc.page_prot);
        // SAFETY: The description is valid and has no action yet. The frames fill all of the VMA.
        // User space may use them as long as `R::recheck` succeeds, and when it begins to fail,
        // they are unmapped: the tree of the file's address space contains the VMA before the
        // frames are mapped. There is one exception, which the description does not tell: a VMA of
        // another file system (Coda), which calls `mmap_prepare` before it inserts the VMA
        // (`compat_vma_mmap()`).
        unsafe { helpers::mmap_action_ioremap_full(desc, frames.first().as_raw()) };
        let state = VmaState::new(self.is_cow());
        Ok(self.ready(&Rechecked::<T, R>::TABLE, state))
    }
}

/// Makes the table of operations for VMAs like those of [`AllAtOnce`] whose frames `R` checks after
/// the action.
struct Rechecked<T, R>(PhantomData<(T, R)>);

impl<T: VmOperations, R: Recheck> Rechecked<T, R> {
    const TABLE: bindings::vm_operations_struct = bindings::vm_operations_struct {
        mapped: Some(Self::mapped),
        ..AllAtOnce::<T>::TABLE
    };

    /// # Safety
    ///
    /// To be called by `call_vma_mapped()` only, for a VMA with this table.
    unsafe extern "C" fn mapped(
        start: c_ulong,
        end: c_ulong,
        pgoff: c_ulong,
        file: *const bindings::file,
        private_data: *mut *mut c_void,
    ) -> c_int {
        let count = (end - start) >> PAGE_SHIFT;
        // SAFETY: The VMA holds its file, and the file its address space.
        let space = unsafe { AddressSpace::borrow((*file).f_mapping) };
        // The address space's tree (`i_mmap`) contains the VMA by now, so if the frames are revoked
        // after this check, they are unmapped from the VMA, too. The one exception is a VMA that
        // Coda makes for this file: it is inserted later, see `VmaDesc::io_remap_pfn_range`.
        let checked = space.with_valid(|| {
            if space.is_revoked() {
                return Err(ENODEV);
            }
            // The offset of the VMA is the number of its first frame, private or not.
            R::recheck(Pfn::new(pgoff), count)
        });
        if let Err(error) = checked {
            // The kernel is going to unmap the VMA, but that can fail, and the VMA would stay.
            space.unmap(Pgoff::new(pgoff)..Pgoff::new(pgoff + count));
            return error.to_errno();
        }
        // SAFETY: By the safety requirements of this function, `call_vma_mapped()` has called it,
        // for a VMA with this table, and so with operations for `T`.
        unsafe { vm_operations::mapped::<T>(start, end, pgoff, file, private_data) }
    }
}
