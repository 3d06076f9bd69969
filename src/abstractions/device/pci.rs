// SPDX-License-Identifier: GPL-2.0

//! The memory of a PCI device that is bound to a driver, mapped into user space until it is
//! unbound.
//!
//! A process that can map a device's registers can make the device do all that it is able to do. A
//! bus master can read and write any memory, unless an IOMMU prevents that.
//!
//! Memory that a device and its driver share by DMA is not offered here, because neither 7.2 nor
//! 7.3 has a sound way to map it from `mmap_prepare`. `dma_mmap_attrs()` and its like need a
//! `struct vm_area_struct`, and there is none yet. No `mmap_action` calls them. What they map
//! depends on the device: RAM, a pool's pages or those of an IOMMU driver, remapped or not, with a
//! caching of its own. `dma_get_sgtable()` does not tell all of that. What is missing is an action
//! `mmap_action_dma()` that has the kernel call `dma_mmap_attrs()` once the VMA is in place.
//!
//! C header: [`include/linux/pci.h`](srctree/include/linux/pci.h).

use crate::{
    compat::{
        helpers,
        series::DevresBar,
        this_module::this_module, //
    },
    mm::{
        address_space::AddressSpace,
        frames::{
            Cached,
            Caching,
            RevocableFrames,
            Uncached,
            WriteCombining, //
        },
        pfn::Pfn, //
    }, //
};
use kernel::{
    bindings,
    device::{
        Bound,
        Core, //
    },
    devres,
    error::{
        from_err_ptr,
        to_result, //
    },
    page::{
        PAGE_SHIFT,
        PAGE_SIZE, //
    },
    pci::{
        Device,
        DeviceId, //
    },
    prelude::*,
    str::CStr,
    sync::Arc, //
};

/// An address space for the files of a device that is gone once a PCI device is unbound from its
/// driver.
///
/// [`NumberedDevices::register`] gives the address space to a device, and revokes it when that is
/// gone.
///
/// [`NumberedDevices::register`]: super::numbered::NumberedDevices::register
///
/// # Examples
///
/// ```
/// use kernel::{
///     device::Core,
///     pci, //
/// };
///
/// fn probe(pdev: &pci::Device<Core<'_>>) -> Result {
///     let (_bar, frames) = BoundSpace::new(pdev)?.registers::<16>(0, c"example")?;
///     pr_info!("{} pages of registers\n", frames.count());
///     Ok(())
/// }
/// # let _ = probe;
/// ```
pub struct BoundSpace<'a, 'core> {
    // This must be a `Device<Core>`, which exists only in callbacks of the bus. An interrupt
    // handler has a `Device<Bound>` even while devres is releasing, and what is registered with
    // devres after it has released everything would never be released.
    pdev: &'a Device<Core<'core>>,
    space: AddressSpace,
}

impl<'a, 'core> BoundSpace<'a, 'core> {
    /// Makes an address space for a PCI device that is bound.
    ///
    /// The device is no longer a bus master after this (`pci_clear_master()`). Firmware can have
    /// left it one, and a process that has its registers mapped could then make it write to any
    /// memory. A driver that wants the device to be a bus master calls [`Device::set_master`] after
    /// this.
    ///
    /// # Errors
    ///
    /// - [`ENOMEM`] if there is no memory.
    /// - [`EINVAL`] if the device is bound to a driver of another module.
    pub fn new(pdev: &'a Device<Core<'core>>) -> Result<Self> {
        check_own(pdev)?;
        let space = AddressSpace::new()?;
        // SAFETY: The device is bound, and this is a callback of its bus.
        unsafe { bindings::pci_clear_master(as_raw(pdev)) };
        Ok(Self { pdev, space })
    }

    /// BAR `number`, whose registers the driver and user space share: a mapping for the driver,
    /// uncached, and the page frames. The BAR stays claimed until the device is unbound.
    ///
    /// # Errors
    ///
    /// - [`EINVAL`] if there is no such BAR, if it is not a memory BAR, or if it is not made of
    ///   whole pages: the rest of its first or last page may belong to another device.
    /// - Those of [`Device::iomap_region_sized`].
    pub fn registers<const SIZE: usize>(
        &self,
        number: u32,
        name: &'static CStr,
    ) -> Result<(Arc<DevresBar<SIZE>>, RevocableFrames<Uncached>)> {
        let frames = self.frames(number)?;
        let bar = self.pdev.iomap_region_sized::<SIZE>(number, name)?;
        let bar = Arc::new(bar.into_devres()?, GFP_KERNEL)?;
        // The BAR must stay claimed even if the driver drops its reference.
        devres::register(self.pdev.as_ref(), bar.clone(), GFP_KERNEL)?;
        Ok((bar, frames))
    }

    /// The page frames of BAR `number`, which is claimed for user space alone until the device is
    /// unbound (`pcim_request_region()`). If the caching `C` is not [`Uncached`], this tells the
    /// kernel so (`devm_arch_io_reserve_memtype_wc()`, `devm_memremap()`). On x86 the frames are
    /// uncached all the same if somebody has mapped them uncached before. Frames to be [`Cached`]
    /// are also uncached if the MTRRs say so, and that is how firmware sets them for PCI addresses.
    ///
    /// # Errors
    ///
    /// - [`EINVAL`] as for [`Self::registers`].
    /// - [`EBUSY`] if somebody has claimed the BAR.
    /// - [`ENOMEM`] and others if the frames cannot have this caching, for example because they are
    ///   mapped with another kind of caching. The BAR stays claimed then.
    ///
    /// # Examples
    ///
    /// ```
    /// use simple_mmap::{
    ///     device::pci::BarCaching,
    ///     mm::frames::WriteCombining, //
    /// };
    ///
    /// fn memory<C: BarCaching>(space: &BoundSpace<'_, '_>) -> Result<RevocableFrames<C>> {
    ///     space.claim(2, c"example")
    /// }
    ///
    /// fn video(space: &BoundSpace<'_, '_>) -> Result<RevocableFrames<WriteCombining>> {
    ///     memory(space)
    /// }
    /// # let _ = video;
    /// ```
    pub fn claim<C: BarCaching>(
        &self,
        number: u32,
        name: &'static CStr,
    ) -> Result<RevocableFrames<C>> {
        let frames = self.frames(number)?;
        // SAFETY: The device is bound, and the number is that of one of its BARs.
        to_result(unsafe {
            bindings::pcim_request_region(self.as_raw(), number as c_int, name.as_char_ptr())
        })?;
        // SAFETY: The device is bound.
        let dev = unsafe { &raw mut (*self.as_raw()).dev };
        // SAFETY: The range belongs to the device, and is claimed.
        unsafe {
            C::reserve(
                dev,
                self.pdev.resource_start(number)?,
                frames.count() * PAGE_SIZE,
            )
        }?;
        Ok(frames)
    }

    fn frames<C: Caching>(&self, number: u32) -> Result<RevocableFrames<C>> {
        if number >= bindings::PCI_STD_NUM_BARS {
            return Err(EINVAL);
        }
        // SAFETY: The device is bound, and the number is that of one of its BARs.
        if !unsafe { helpers::pci_bar_is_memory(self.as_raw(), number as c_int) } {
            return Err(EINVAL);
        }
        let (start, len) = (
            self.pdev.resource_start(number)?,
            self.pdev.resource_len(number)?,
        );
        let mask = PAGE_SIZE as u64 - 1;
        if len == 0 || (start | len) & mask != 0 {
            return Err(EINVAL);
        }
        // SAFETY: The frames belong to the device until it is unbound. (The PCI core moves the BAR
        // of a bound device only if a bridge has no room for another device that is plugged in, and
        // then does so with any driver.) The callers claim the BAR before they hand the frames out,
        // so the frames are handed out with one kind of caching only. Before the claim ends, the
        // address space is revoked, if it ever became that of a device; if it did not, nothing maps
        // the frames. The driver decides that whoever may open the device may access its registers.
        Ok(unsafe {
            RevocableFrames::new(
                self.space.clone(),
                Pfn::containing(start),
                (len >> PAGE_SHIFT) as usize,
            )
        })
    }

    fn as_raw(&self) -> *mut bindings::pci_dev {
        as_raw(self.pdev)
    }

    /// The PCI device, and the address space for the files of the misc device that is registered
    /// for it.
    pub(super) fn into_parts(self) -> (&'a Device<Bound>, AddressSpace) {
        (self.pdev, self.space)
    }
}

/// An entry of a driver's table of PCI devices, `PCI_DEVICE()`, for a vendor that
/// `kernel::pci::Vendor` does not have.
///
/// # Examples
///
/// ```
/// use kernel::pci;
///
/// const EDU: pci::DeviceId = device_id(0x1234, 0x11e8);
/// # let _ = EDU;
/// ```
pub const fn device_id(vendor: u16, device: u16) -> DeviceId {
    let any = bindings::PCI_ANY_ID as u32;
    let id = bindings::pci_device_id {
        vendor: vendor as u32,
        device: device as u32,
        subvendor: any,
        subdevice: any,
        class: 0,
        class_mask: 0,
        driver_data: 0,
        override_only: 0,
    };
    // SAFETY: `DeviceId` is a transparent wrapper of this type.
    unsafe { core::mem::transmute::<bindings::pci_device_id, DeviceId>(id) }
}

pub(super) fn as_raw(pdev: &Device<Bound>) -> *mut bindings::pci_dev {
    // `Device` is a transparent wrapper of the C type.
    core::ptr::from_ref(pdev).cast_mut().cast()
}

/// Fails if the device is not bound to a driver of this module. If it is, what lasts until the
/// device is unbound is gone before the module is unloaded.
///
/// This relies on the `kernel` crate to unregister the driver before that. If a
/// `driver::Registration` were forgotten, the C side would call a driver in a module that is gone.
/// `module_pci_driver!` does not let a driver get hold of its registration.
pub(super) fn check_own(pdev: &Device<Bound>) -> Result {
    // SAFETY: The device is bound, so it has a driver, which stays until it is unbound.
    let owner = unsafe { (*(*as_raw(pdev)).dev.driver).owner };
    if owner != this_module() {
        return Err(EINVAL);
    }
    Ok(())
}

/// A kind of caching that [`BoundSpace::claim`] can have a BAR mapped with.
pub trait BarCaching: Caching + private::Reserve {}

impl BarCaching for Cached {}
impl BarCaching for Uncached {}
impl BarCaching for WriteCombining {}

mod private {
    use super::*;

    pub trait Reserve {
        /// Tells the kernel which caching the range has, until the device is unbound.
        ///
        /// # Safety
        ///
        /// `dev` must be bound, and the range must belong to it and be claimed.
        unsafe fn reserve(
            dev: *mut bindings::device,
            start: bindings::resource_size_t,
            size: usize,
        ) -> Result;
    }

    impl Reserve for Uncached {
        unsafe fn reserve(
            _dev: *mut bindings::device,
            _start: bindings::resource_size_t,
            _size: usize,
        ) -> Result {
            // A range is uncached unless it is reserved otherwise.
            Ok(())
        }
    }

    impl Reserve for WriteCombining {
        unsafe fn reserve(
            dev: *mut bindings::device,
            start: bindings::resource_size_t,
            size: usize,
        ) -> Result {
            // SAFETY: By the safety requirements of this function, the device is bound, and the
            // range belongs to it and is claimed.
            to_result(unsafe {
                bindings::devm_arch_io_reserve_memtype_wc(
                    dev,
                    start,
                    size as bindings::resource_size_t,
                )
            })
        }
    }

    impl Reserve for Cached {
        unsafe fn reserve(
            dev: *mut bindings::device,
            start: bindings::resource_size_t,
            size: usize,
        ) -> Result {
            let flags = bindings::MEMREMAP_WB as c_ulong;
            // SAFETY: By the safety requirements of this function, the device is bound, and the
            // range belongs to it and is claimed.
            from_err_ptr(unsafe { bindings::devm_memremap(dev, start, size, flags) })?;
            Ok(())
        }
    }
}
