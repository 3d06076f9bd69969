// SPDX-License-Identifier: GPL-2.0

//! The memory of a PCI device that is bound to a driver, mapped into user space until it is
//! unbound.
//!
//! Who can map a device's registers can have the device do all that it can do. If it is a bus
//! master, that is to read and write the memory of others, where no IOMMU is in the way.
//!
//! Memory that a device shares with its driver by DMA is not offered here, as neither 7.2 nor 7.3
//! has a sound way to map it with `mmap_prepare`: `dma_mmap_attrs()` and its like take a `struct
//! vm_area_struct`, which there is none of yet; no `mmap_action` stands for them; and what they map
//! depends on the device (RAM, a pool's, or an IOMMU driver's pages, remapped or not, with a
//! caching of its own), which `dma_get_sgtable()` does not tell in full. What is missing is an
//! action `mmap_action_dma()` that has the kernel call `dma_mmap_attrs()` once the VMA is in place.
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

/// An address space for the files of a device that goes away with a PCI device: when that is
/// unbound from its driver.
///
/// It becomes that of a device by [`NumberedDevices::register`], and is revoked with it.
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
    // What is registered with the device when all that was is released already would stay for ever,
    // and an interrupt handler that is about to be released has a `Device<Bound>`. A `Device<Core>`
    // is there in the callbacks of the bus only.
    pdev: &'a Device<Core<'core>>,
    space: AddressSpace,
}

impl<'a, 'core> BoundSpace<'a, 'core> {
    /// Makes one for a device that is bound.
    ///
    /// The device is no bus master any more, `pci_clear_master()`, as firmware can have left it
    /// one: who has its registers mapped could have it write to any memory. A driver that wants it
    /// so calls [`Device::set_master`] after this.
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

    /// BAR `number` with registers for the driver and for user space: what the driver reaches them
    /// by, uncached, and their page frames. The BAR stays claimed until the device is unbound.
    ///
    /// # Errors
    ///
    /// - [`EINVAL`] if there is no such BAR, or it is not one of memory, or not of whole pages:
    ///   what else is in the first or last one may not be the device's.
    /// - Those of [`Device::iomap_region_sized`].
    pub fn registers<const SIZE: usize>(
        &self,
        number: u32,
        name: &'static CStr,
    ) -> Result<(Arc<DevresBar<SIZE>>, RevocableFrames<Uncached>)> {
        let frames = self.frames(number)?;
        let bar = self.pdev.iomap_region_sized::<SIZE>(number, name)?;
        let bar = Arc::new(bar.into_devres()?, GFP_KERNEL)?;
        // The driver can drop its own.
        devres::register(self.pdev.as_ref(), bar.clone(), GFP_KERNEL)?;
        Ok((bar, frames))
    }

    /// The page frames of BAR `number`, claimed here for user space alone
    /// (`pcim_request_region()`), until the device is unbound. If they are not [`Uncached`], the
    /// kernel is told so (`devm_arch_io_reserve_memtype_wc()`, `devm_memremap()`). On x86 they are
    /// uncached all the same where somebody has mapped them so before, and cached ones where the
    /// MTRRs say so, which is what firmware does with the addresses of PCI.
    ///
    /// # Errors
    ///
    /// - [`EINVAL`] as for [`Self::registers`].
    /// - [`EBUSY`] if they are claimed by somebody.
    /// - [`ENOMEM`] and others if they cannot be cached so, for one because they are mapped with
    ///   another kind of caching. They stay claimed then.
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
        // SAFETY: The range is the device's, and claimed.
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
        // SAFETY: These are the device's until it is unbound. The PCI core moves the BAR of a
        // device that is bound only where a bridge has no room for another one that is plugged in,
        // and then under every driver. They are claimed by who calls this before they are handed
        // out, so nobody is handed them with another caching. Before that is over, the address
        // space is revoked, if it ever became that of a device: nothing is mapped of it before. Who
        // has the right to open the device has the right to its registers, as the driver says.
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

    /// What the device that gets this address space is registered with.
    pub(super) fn into_parts(self) -> (&'a Device<Bound>, AddressSpace) {
        (self.pdev, self.space)
    }
}

/// An entry of a driver's table of devices, `PCI_DEVICE()`, where `kernel::pci::Vendor` does not
/// know the vendor.
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
    // SAFETY: The type is transparent.
    unsafe { core::mem::transmute::<bindings::pci_device_id, DeviceId>(id) }
}

pub(super) fn as_raw(pdev: &Device<Bound>) -> *mut bindings::pci_dev {
    // The type is transparent.
    core::ptr::from_ref(pdev).cast_mut().cast()
}

/// Insists that a device is bound to a driver of this module: what lasts until the device is
/// unbound is gone before the module is.
///
/// It is the kernel crate that unregisters the driver before that. A `driver::Registration` that is
/// forgotten breaks this, and with it everything: the C side calls the driver in a module that is
/// gone. `module_pci_driver!` keeps it where nobody gets hold of it.
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
        /// Tells the kernel how the range is cached, until the device is unbound.
        ///
        /// # Safety
        ///
        /// `dev` must be bound, and the range be its own, and claimed.
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
            // What nobody has reserved is uncached.
            Ok(())
        }
    }

    impl Reserve for WriteCombining {
        unsafe fn reserve(
            dev: *mut bindings::device,
            start: bindings::resource_size_t,
            size: usize,
        ) -> Result {
            // SAFETY: As the caller promises.
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
            // SAFETY: As the caller promises.
            from_err_ptr(unsafe { bindings::devm_memremap(dev, start, size, flags) })?;
            Ok(())
        }
    }
}
