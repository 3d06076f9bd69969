// SPDX-License-Identifier: GPL-2.0

//! Mappings of page frames that can be taken back: those of a device that can go away.
//!
//! The frames are mapped when a process touches them. When the device goes, they are unmapped, and
//! a process that touches them after that gets a `SIGBUS`.
//!
//! C headers: [`include/linux/mm.h`](srctree/include/linux/mm.h), `vmf_insert_pfn()`,
//! `unmap_mapping_pages()`.

use super::{
    address_space::AddressSpace,
    caching::{
        Caching,
        Protection, //
    },
    desc::{
        NotCow,
        Ready,
        VmaDesc, //
    },
    fault::VmFault,
    pfn::Pfn,
    pfnmap::AllAtOnce,
    pgoff::Pgoff,
    vm_operations::{
        self,
        file_data,
        VmOperations, //
    }, //
};
use crate::{
    bindings,
    prelude::*, //
};
use core::marker::PhantomData;

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
/// Registers that a device has claimed with devres:
///
/// ```
/// use kernel::{
///     device::{
///         Bound,
///         Device, //
///     },
///     devres,
///     mm::{
///         address_space::AddressSpace,
///         caching::Uncached,
///         pfn::Pfn,
///         revocable::RevocableFrames, //
///     }, //
/// };
///
/// /// Revokes the address space when it is dropped.
/// struct Revocation(AddressSpace);
///
/// impl Drop for Revocation {
///     fn drop(&mut self) {
///         self.0.revoke();
///     }
/// }
///
/// /// # Safety
/// ///
/// /// The frames must be registers that `dev` has claimed with devres, and that nobody maps other
/// /// than uncached. This must be called in a callback of the bus, such as `probe`, because devres
/// /// may never release what is registered while it releases.
/// unsafe fn registers(
///     dev: &Device<Bound>,
///     first: Pfn,
///     count: usize,
/// ) -> Result<RevocableFrames<Uncached>> {
///     let space = AddressSpace::new()?;
///     // Devres releases what is registered last first: this before the claim.
///     devres::register(dev, Revocation(space.clone()), GFP_KERNEL)?;
///     // SAFETY: By the safety requirements of this function, the frames are registers that
///     // nobody maps other than uncached. Devres releases the claim after it has revoked `space`.
///     Ok(unsafe { RevocableFrames::new(space, first, count) })
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
    /// use kernel::mm::{
    ///     address_space::AddressSpace,
    ///     caching::WriteCombining,
    ///     pfn::Pfn,
    ///     revocable::RevocableFrames, //
    /// };
    ///
    /// let space = AddressSpace::new()?;
    /// // SAFETY: Any promise holds for no frames.
    /// let none: RevocableFrames<WriteCombining> =
    ///     unsafe { RevocableFrames::new(space.clone(), Pfn::new(0), 0) };
    /// assert_eq!(none.count(), 0);
    /// assert!(!none.address_space().is_revoked());
    /// space.revoke();
    /// assert!(none.address_space().is_revoked());
    /// # Ok::<(), Error>(())
    /// ```
    pub unsafe fn new(space: AddressSpace, first: Pfn, count: usize) -> Self {
        // INVARIANT: It holds by the safety requirements of this function.
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

    /// The address space that files must have in order to map the frames. It is revoked when the
    /// device goes.
    pub fn address_space(&self) -> &AddressSpace {
        &self.space
    }

    /// Whether the frames are unmapped when this address space is revoked.
    fn are_in(&self, mapping: *mut bindings::address_space) -> bool {
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
/// use kernel::mm::{
///     caching::Uncached,
///     desc::{
///         Ready,
///         VmaDesc, //
///     },
///     revocable::{
///         DeviceFrames,
///         RevocableFrames, //
///     },
///     vm_operations::VmOperations, //
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
    /// In a fault, the mmap lock or the VMA's lock is held for reading. As in `Pages::fault`, do
    /// not take the mmap lock, and do not access the memory of the process.
    fn device_frames(&self) -> &RevocableFrames<Self::Caching>;
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
        if frames.space.is_revoked() {
            return Err(ENODEV);
        }
        self.desc_mut().page_prot = T::Caching::cached_so(self.desc().page_prot);
        Ok(self.vm_pfnmap(&Revocable::<T>::TABLE))
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
        // The driver is called before the lock is taken, so that it can revoke an address space.
        let frames = data.device_frames();
        // Inserting an entry can allocate a page table, and so sleep, which is allowed under this
        // lock.
        space.with_valid(|| {
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
            // the VMA. Any protection has a variant that is not encrypted.
            unsafe {
                // As io_remap_pfn_range() does: device memory is not encrypted where RAM is. The
                // VMA's protection does not say so on arm64, where mprotect() would forget it.
                let prot = bindings::pgprot_decrypted((*fault.vma()).vm_page_prot);
                bindings::vmf_insert_pfn_prot(fault.vma(), fault.address(), pfn.as_raw(), prot)
            }
        })
    }
}
