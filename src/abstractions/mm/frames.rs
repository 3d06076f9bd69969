// SPDX-License-Identifier: GPL-2.0

//! Mappings of page frames of devices.
//!
//! The frames have a kind of caching, and can be taken back: then they are unmapped.
//!
//! C headers: [`include/linux/mm.h`](srctree/include/linux/mm.h), `io_remap_pfn_range()`,
//! [`include/linux/pgtable.h`](srctree/include/linux/pgtable.h), `pgprot_noncached()`.

pub use super::pfnmap::{
    FrameRun,
    Frames, //
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
    fault::VmFault,
    pfn::Pfn,
    pfnmap::AllAtOnce,
    pgoff::Pgoff,
    vm_operations::{
        self,
        file_data,
        VmOperations,
        VmaState, //
    }, //
};
use crate::compat::helpers;
use core::marker::PhantomData;
use kernel::{
    bindings,
    page::PAGE_SHIFT,
    prelude::*, //
};

/// How the processor caches a mapping: [`Cached`], [`Uncached`] or [`WriteCombining`].
pub trait Caching: Protection + 'static {}

use private::Protection;

/// Cached, as RAM is.
pub struct Cached(());

/// Not cached, and each access is made on its own, `pgprot_noncached()`: for registers.
pub struct Uncached(());

/// Not cached, except that several stores may be combined on their way, `pgprot_writecombine()`:
/// for video memory and the like.
pub struct WriteCombining(());

impl Caching for Cached {}
impl Caching for Uncached {}
impl Caching for WriteCombining {}

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
    use super::helpers;
    use kernel::bindings::pgprot_t;

    pub trait Allows<C> {}
    impl Allows<super::Cached> for super::New {}
    impl<C: super::Caching> Allows<C> for super::NotCow {}

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

/// Page frames of a device that can go away, as when it is unbound from its driver. They are mapped
/// when a process touches them, and unmapped when the device goes.
///
/// If a process has made VFIO map such frames into the IOMMU for another device
/// (`vfio_iommu_type1`), that mapping stays when the device goes. This is so with any driver's
/// frames, and the kernel has no way to refuse it.
///
/// # Invariants
///
/// Until a call that revokes `space` has returned, the frames belong to the device, user space may
/// read and write them, and they may be mapped with the caching `C` and no other.
///
/// # Examples
///
/// The frames of a BAR of a PCI device:
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
    /// Files can map the frames if they have this address space, see
    /// [`AddressSpace::into_mapping`].
    ///
    /// # Safety
    ///
    /// Until a call of [`AddressSpace::revoke`] for `space`, or for a clone of it, has returned,
    /// the frames must belong to a device, user space must be allowed to read and write them, and
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
    /// /// Returns the video memory, and the address space to revoke before that is given back.
    /// ///
    /// /// # Safety
    /// ///
    /// /// Until the address space is revoked, the frames must be video memory, and nobody may map
    /// /// them other than write-combining.
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

    /// Whether the device is gone, which is when the address space is revoked.
    pub(super) fn is_revoked(&self) -> bool {
        self.space.is_revoked()
    }

    /// Whether the frames are unmapped when this address space is revoked.
    pub(super) fn are_in(&self, mapping: *mut bindings::address_space) -> bool {
        self.space.as_ptr() == mapping
    }

    /// The frame at an offset of a file that has the first frame at offset 0.
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
    /// The caching of the frames.
    type Caching: Caching;

    /// Returns the frames, which the file has from offset 0 on. A process gets a `SIGBUS` if it
    /// touches an offset beyond the last frame, or any offset once the device is gone.
    ///
    /// In a fault, the mmap lock or the VMA's lock is held for reading, and so is the lock that
    /// keeps the address space from being revoked.
    fn device_frames(&self) -> &RevocableFrames<Self::Caching>;
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
        // another file system (Coda), which calls the hook before it inserts the VMA
        // (`compat_vma_mmap()`).
        unsafe { helpers::mmap_action_ioremap_full(desc, frames.first().as_raw()) };
        let state = VmaState::new(self.is_cow());
        Ok(self.ready(&Rechecked::<T, R>::TABLE, state))
    }
}

impl<'a, T: DeviceFrames> VmaDesc<'a, T, NotCow> {
    /// Decides that the frames that [`DeviceFrames::device_frames`] returns are mapped when a
    /// process touches them, and unmapped when the device goes. VM_PFNMAP, and the flags that
    /// `remap_pfn_range()` sets with it.
    ///
    /// # Errors
    ///
    /// - [`EINVAL`] if not all of the mapping lies in the frames, or if the frames belong to
    ///   another device than the file.
    /// - [`ENODEV`] if the device is gone.
    pub fn serve_device_frames(mut self, file: &'a T) -> Result<VmaDesc<'a, T, Ready>> {
        let frames = file.device_frames();
        let end = self
            .pgoff()
            .index()
            .checked_add(self.pages())
            .ok_or(EINVAL)?;
        // SAFETY: The file is open, and its address space stays the same until it is released.
        if end > frames.count() || !frames.are_in(unsafe { (*self.desc().file).f_mapping }) {
            return Err(EINVAL);
        }
        if frames.is_revoked() {
            return Err(ENODEV);
        }
        let prot = T::Caching::cached_so(self.desc().page_prot);
        // As io_remap_pfn_range() does: device memory is not encrypted where RAM is.
        // SAFETY: Any protection has a variant that is not encrypted.
        self.desc_mut().page_prot = unsafe { helpers::pgprot_decrypted(prot) };
        Ok(self.vm_pfnmap(&Revocable::<T>::TABLE))
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
        // SAFETY: As the caller promises.
        unsafe { vm_operations::mapped::<T>(start, end, pgoff, file, private_data) }
    }
}

/// Makes the table of operations for VMAs whose frames are unmapped when the device goes.
struct Revocable<T>(PhantomData<T>);

// A VMA has this table if `VmaDesc::serve_device_frames` put it there, or if the VMA is a copy of
// one that has it. The VMA is VM_PFNMAP, a write does not give the process a copy of the page, and
// the VMA's protection has the caching of `T`, which mprotect() does not change
// (`vm_pgprot_modify()`).
impl<T: DeviceFrames> Revocable<T> {
    const TABLE: bindings::vm_operations_struct = bindings::vm_operations_struct {
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
        // SAFETY: The file is valid as above, and holds its address space until it is released.
        let (mapping, space) = unsafe {
            let mapping = (*fault.file()).f_mapping;
            (mapping, AddressSpace::borrow(mapping))
        };
        // Inserting an entry can allocate a page table, and so sleep, which is allowed under this
        // lock.
        space.with_valid(|| {
            let frames = data.device_frames();
            if space.is_revoked() || !frames.are_in(mapping) {
                return bindings::vm_fault_reason_VM_FAULT_SIGBUS;
            }
            let Some(pfn) = frames.get(fault.pgoff()) else {
                return bindings::vm_fault_reason_VM_FAULT_SIGBUS;
            };
            // SAFETY: The VMA is locked and VM_PFNMAP, and a write does not give the process a
            // copy. The address is in the VMA. User space may use the frame, with the caching that
            // the VMA has, until the address space is revoked. Revoking it waits for the lock that
            // is held here, and then unmaps the frame, because the address space's tree contains
            // the VMA.
            unsafe { bindings::vmf_insert_pfn(fault.vma(), fault.address(), pfn.as_raw()) }
        })
    }
}
