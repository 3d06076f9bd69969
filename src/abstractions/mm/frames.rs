// SPDX-License-Identifier: GPL-2.0

//! Mappings of page frames, without references: VM_PFNMAP.
//!
//! They are mapped all at once, or when they are touched.
//!
//! C headers: [`include/linux/mm.h`](srctree/include/linux/mm.h), `remap_pfn_range()`,
//! `vmf_insert_pfn()`, [`include/linux/huge_mm.h`](srctree/include/linux/huge_mm.h),
//! `vmf_insert_pfn_pmd()`.

use super::{
    access,
    address_space::AddressSpace,
    fault::VmFault,
    folio::Folio,
    pfn::Pfn,
    pgoff::Pgoff,
    vm_operations::{
        self,
        file_data,
        VmOperations, //
    }, //
};
use crate::compat::helpers;
use core::marker::PhantomData;
use kernel::{
    bindings,
    page::PAGE_SHIFT,
    prelude::*, //
};

/// Page frames in a row that can be mapped into user space for the duration of `'a`.
///
/// # Invariants
///
/// For the duration of `'a` the frames are memory, cached, that user space may read and write at
/// any time.
///
/// # Examples
///
/// Frames come from what owns the memory:
///
/// ```
/// let memory = ContigPages::alloc(4)?;
/// let run: FrameRun<'_> = memory.frames_from(1).ok_or(EINVAL)?;
/// assert_eq!(run.count(), 3);
/// assert_eq!(run.take(2).map(|run| run.count()), Some(2));
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
    /// fn frame_of(page: &SharedPage) -> FrameRun<'_> {
    ///     // SAFETY: The page stays as long as it is borrowed, and nobody has a Rust reference to
    ///     // its bytes. The kernel maps it cached, as all memory.
    ///     unsafe { FrameRun::new(page.pfn(), 1) }
    /// }
    /// # let _ = frame_of;
    /// ```
    pub unsafe fn new(first: Pfn, count: usize) -> Self {
        // INVARIANT: As the caller promises.
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

    /// The first `count` of them, if there are as many.
    pub fn take(self, count: usize) -> Option<Self> {
        // INVARIANT: They are part of `self`.
        (count <= self.count).then_some(Self { count, ..self })
    }

    /// The number of the first frame.
    pub(super) fn first(&self) -> Pfn {
        self.first
    }
}

/// How the processor caches a mapping: [`Cached`], [`Uncached`] or [`WriteCombining`].
pub trait Caching: Protection + 'static {}

pub(super) use private::Protection;

/// As memory is cached.
pub struct Cached(());

/// Past all caches, each access by itself, `pgprot_noncached()`: for registers.
pub struct Uncached(());

/// Past all caches, but stores may be put together on their way, `pgprot_writecombine()`: for video
/// memory and the like.
pub struct WriteCombining(());

impl Caching for Cached {}
impl Caching for Uncached {}
impl Caching for WriteCombining {}

mod private {
    use super::helpers;
    use kernel::bindings::pgprot_t;

    pub trait Protection {
        /// The protection with this kind of caching.
        fn cached_so(prot: pgprot_t) -> pgprot_t;
    }

    impl Protection for super::Cached {
        fn cached_so(prot: pgprot_t) -> pgprot_t {
            prot
        }
    }

    impl Protection for super::Uncached {
        fn cached_so(prot: pgprot_t) -> pgprot_t {
            // SAFETY: Any protection has a variant that is not cached.
            unsafe { helpers::pgprot_noncached(prot) }
        }
    }

    impl Protection for super::WriteCombining {
        fn cached_so(prot: pgprot_t) -> pgprot_t {
            // SAFETY: Any protection has a variant that is not cached and combines writes.
            unsafe { helpers::pgprot_writecombine(prot) }
        }
    }
}

/// Page frames of a device, found at their own numbers as offsets of the file, and checked again
/// by `R` once they are mapped.
///
/// # Invariants
///
/// User space may read and write the frames as long as `R` finds nothing against it. When it does,
/// they are unmapped from `space`.
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
    /// As the type invariant says.
    pub(crate) unsafe fn new(space: &'a AddressSpace, first: Pfn, count: usize) -> Self {
        // INVARIANT: As the caller promises.
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

/// Looks again at frames that have just been mapped: what was right when they were asked for may
/// not be so any more.
pub trait Recheck: 'static {
    /// Looks at the `count` frames from `first` on.
    ///
    /// # Errors
    ///
    /// Any has them unmapped, and fails the mapping.
    fn recheck(first: Pfn, count: usize) -> Result;
}

/// A mapping of page frames that are mapped when they are touched. Implemented by what the open
/// file refers to.
///
/// # Examples
///
/// A ring of frames that goes on forever:
///
/// ```
/// struct Ring(ContigPages);
///
/// impl VmOperations for Ring {}
///
/// impl Frames for Ring {
///     fn frames(&self, pgoff: Pgoff) -> Option<FrameRun<'_>> {
///         self.0.frames_from(pgoff.index().checked_rem(self.0.count())?)
///     }
/// }
/// # let _ = Ring(ContigPages::alloc(4)?);
/// # Ok::<(), Error>(())
/// ```
pub trait Frames: VmOperations {
    /// The frames that are mapped from the offset `pgoff` on, as many as there are in a row; none
    /// if there is nothing, and the process gets a `SIGBUS`. They have to be the same each time.
    ///
    /// Any number of calls can run at the same time. The mmap lock or the VMA's is held for
    /// reading. May sleep.
    fn frames(&self, pgoff: Pgoff) -> Option<FrameRun<'_>>;
}

/// Page frames of a device that can go away: of one that is bound to a driver, until it is unbound.
/// They are mapped when they are touched, and so that they can be taken back.
///
/// VFIO's `vfio_iommu_type1` keeps what it has entered of such a mapping into the IOMMU for another
/// device, as it does with any driver's: the kernel has no way to refuse that.
///
/// # Invariants
///
/// Until a call that revokes `space` has returned, the frames are the device's, user space may read
/// and write them, and they may be mapped with the caching `C` and no other.
///
/// # Examples
///
/// They come from what describes the device's memory:
///
/// ```
/// use simple_mmap::mm::frames::{
///     RevocableFrames,
///     Uncached, //
/// };
/// use kernel::{
///     device::Core,
///     pci, //
/// };
///
/// fn registers(pdev: &pci::Device<Core<'_>>) -> Result<RevocableFrames<Uncached>> {
///     let frames = BoundSpace::new(pdev)?.claim(0, c"registers")?;
///     pr_info!("{} pages of registers\n", frames.count());
///     Ok(frames)
/// }
/// # let _ = registers;
/// ```
pub struct RevocableFrames<C> {
    space: AddressSpace,
    first: Pfn,
    count: usize,
    _caching: PhantomData<fn() -> C>,
}

impl<C: Caching> RevocableFrames<C> {
    /// The `count` frames from `first` on.
    ///
    /// They can be mapped by files that have this address space, see
    /// [`AddressSpace::into_mapping`].
    ///
    /// # Safety
    ///
    /// As the type invariant says. Until a call of [`AddressSpace::revoke`] of `space` or a clone
    /// of it has returned, the frames must be a device's that user space may read and write, and
    /// nobody may map them with another kind of caching.
    ///
    /// # Examples
    ///
    /// ```
    /// use simple_mmap::mm::{
    ///     address_space::AddressSpace,
    ///     frames::{
    ///         RevocableFrames,
    ///         WriteCombining, //
    ///     }, //
    /// };
    ///
    /// /// The video memory, and what to revoke before it is given back.
    /// ///
    /// /// # Safety
    /// ///
    /// /// The frames must be video memory that is mapped so, until that is revoked.
    /// unsafe fn video(
    ///     first: Pfn,
    ///     count: usize,
    /// ) -> Result<(AddressSpace, RevocableFrames<WriteCombining>)> {
    ///     let space = AddressSpace::new()?;
    ///     // SAFETY: As the caller promises.
    ///     let frames = unsafe { RevocableFrames::new(space.clone(), first, count) };
    ///     Ok((space, frames))
    /// }
    /// # let _ = video;
    /// ```
    pub unsafe fn new(space: AddressSpace, first: Pfn, count: usize) -> Self {
        // INVARIANT: As the caller promises.
        Self {
            space,
            first,
            count,
            _caching: PhantomData,
        }
    }

    /// How many frames there are.
    pub fn count(&self) -> usize {
        self.count
    }

    /// Whether the device is gone.
    pub(super) fn is_revoked(&self) -> bool {
        self.space.is_revoked()
    }

    /// Whether they are taken back when this address space is revoked.
    pub(super) fn are_in(&self, mapping: *mut bindings::address_space) -> bool {
        self.space.as_ptr() == mapping
    }

    /// The frame at an offset that a file shows them at from 0 on.
    fn get(&self, pgoff: Pgoff) -> Option<Pfn> {
        (pgoff.index() < self.count).then(|| Pfn::new(self.first.as_raw() + pgoff.index()))
    }
}

/// A mapping of page frames of a device that can go away. Implemented by what the open file refers
/// to.
///
/// # Examples
///
/// ```
/// use simple_mmap::mm::frames::{
///     RevocableFrames,
///     Uncached, //
/// };
///
/// struct Registers(RevocableFrames<Uncached>);
///
/// impl VmOperations for Registers {}
///
/// impl DeviceFrames for Registers {
///     type Caching = Uncached;
///
///     fn device_frames(&self) -> &RevocableFrames<Uncached> {
///         &self.0
///     }
/// }
///
/// fn mmap_prepare<'a>(
///     registers: &'a Registers,
///     mut desc: VmaDesc<'a, Registers>,
/// ) -> Result<VmaDesc<'a, Registers, Ready>> {
///     desc.deny_exec()?;
///     desc.into_not_cow()?.serve_device_frames(registers)
/// }
/// # let _ = (mmap_prepare, |registers: Registers| registers.0.count());
/// ```
pub trait DeviceFrames: VmOperations {
    /// How they are cached.
    type Caching: Caching;

    /// The frames, which the file shows from its offset 0 on. What lies beyond is a `SIGBUS`, as
    /// all is once the device is gone.
    ///
    /// The mmap lock or the VMA's is held for reading, and so is what keeps the device from going.
    fn device_frames(&self) -> &RevocableFrames<Self::Caching>;
}

/// Makes the tables for VMAs whose frames are mapped all at once, by an action. They have no fault
/// operation: what is not mapped, or no longer, is a `SIGBUS`.
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

/// The same with a check after the action.
pub(super) struct Rechecked<T, R>(PhantomData<(T, R)>);

impl<T: VmOperations, R: Recheck> Rechecked<T, R> {
    pub(super) const TABLE: bindings::vm_operations_struct = bindings::vm_operations_struct {
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
        // The address space knows the VMA, so what is revoked after this is unmapped, too. Only one
        // that Coda maps by this file is linked later, see `VmaDesc::io_remap_pfn_range`.
        let checked = space.with_valid(|| {
            if space.is_revoked() {
                return Err(ENODEV);
            }
            // The offset of the VMA is the number of its first frame, private or not.
            R::recheck(Pfn::new(pgoff), count)
        });
        if let Err(error) = checked {
            // The kernel is going to unmap the VMA, but that can fail, and then it stays.
            space.unmap(Pgoff::new(pgoff)..Pgoff::new(pgoff + count));
            return error.to_errno();
        }
        // SAFETY: As the caller promises.
        unsafe { vm_operations::mapped::<T>(start, end, pgoff, file, private_data) }
    }
}

/// Makes the table for VMAs whose frames are mapped when they are touched.
pub(super) struct OnDemand<T>(PhantomData<T>);

// A VMA has this table if `VmaDesc::serve_frames` put it there, or it is a copy of one that has. It
// is VM_PFNMAP, and a write does not give the process a copy.
impl<T: Frames> OnDemand<T> {
    pub(super) const TABLE: bindings::vm_operations_struct = bindings::vm_operations_struct {
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
        // SAFETY: The VMA is locked, VM_PFNMAP, and gives no copies. The address is in it. The
        // frame is user space's to use as long as what it is borrowed from exists, which is the
        // data of the VMA's file.
        unsafe { bindings::vmf_insert_pfn(fault.vma(), fault.address(), run.first().as_raw()) }
    }

    /// # Safety
    ///
    /// `vmf` must be a fault in a VMA with this table, for an entry of this order.
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
        // SAFETY: This is such an operation, for this order.
        let run = unsafe { fault.pmd_pgoff() }
            .and_then(|first| data.frames(first))
            .and_then(|run| run.take(1 << Folio::MAX_ORDER))
            .filter(|run| run.first().as_raw() % (1 << Folio::MAX_ORDER) == 0);
        let Some(run) = run else {
            return bindings::vm_fault_reason_VM_FAULT_FALLBACK;
        };
        // Why the C side is not told of a write: see `Pages`, where it is the same. SAFETY: As in
        // `fault`, for all the frames. Their range of addresses is in the VMA, and the number of
        // the first is a multiple of how many there are.
        #[cfg(CONFIG_TRANSPARENT_HUGEPAGE)]
        let ret = unsafe { bindings::vmf_insert_pfn_pmd(vmf, run.first().as_raw(), false) };
        #[cfg(not(CONFIG_TRANSPARENT_HUGEPAGE))]
        let (ret, _) = (bindings::vm_fault_reason_VM_FAULT_FALLBACK, run);
        match ret {
            bindings::vm_fault_reason_VM_FAULT_NOPAGE => ret,
            _ => bindings::vm_fault_reason_VM_FAULT_FALLBACK,
        }
    }
}

/// Makes the table for VMAs whose frames can be taken back.
pub(super) struct Revocable<T>(PhantomData<T>);

// A VMA has this table if `VmaDesc::serve_device_frames` put it there, or it is a copy of one that
// has. It is VM_PFNMAP, a write does not give the process a copy, and its protection has the
// caching that `T` says: changes of the rights keep that (`vm_pgprot_modify()`).
impl<T: DeviceFrames> Revocable<T> {
    pub(super) const TABLE: bindings::vm_operations_struct = bindings::vm_operations_struct {
        fault: Some(Self::fault),
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
        // SAFETY: As above; the file holds its address space until it is released.
        let (mapping, space) = unsafe {
            let mapping = (*fault.file()).f_mapping;
            (mapping, AddressSpace::borrow(mapping))
        };
        // Inserting an entry can allocate a page table, and sleep, which this lock permits.
        space.with_valid(|| {
            let frames = data.device_frames();
            if space.is_revoked() || !frames.are_in(mapping) {
                return bindings::vm_fault_reason_VM_FAULT_SIGBUS;
            }
            let Some(pfn) = frames.get(fault.pgoff()) else {
                return bindings::vm_fault_reason_VM_FAULT_SIGBUS;
            };
            // SAFETY: The VMA is locked, VM_PFNMAP, and gives no copies. The address is in it. The
            // frame is user space's to use, with the caching that the VMA has, until the address
            // space is revoked. That waits for the lock that is held here, and unmaps it then, as
            // the address space knows the VMA.
            unsafe { bindings::vmf_insert_pfn(fault.vma(), fault.address(), pfn.as_raw()) }
        })
    }
}
