// SPDX-License-Identifier: GPL-2.0

//! What differs in the `kernel` crate between the series of kernels.
//!
//! The build tells which series the kernel is of (`Makefile.driver`). There is a `cfg` for each
//! series that needs code of its own; the other code is for the newest series.

use kernel::{
    bindings,
    module_param::ModuleParamAccess,
    sync::barrier, //
};

/// The value of a module parameter.
///
/// # Examples
///
/// For `pages(&module_parameters::pages)`:
///
/// ```
/// # use kernel::module_param::ModuleParamAccess;
/// fn pages(given: &ModuleParamAccess<usize>) -> Result<usize> {
///     match parameter(given) {
///         0 => Err(EINVAL),
///         pages => Ok(pages),
///     }
/// }
/// # let _ = pages;
/// ```
pub fn parameter<T: Copy>(parameter: &ModuleParamAccess<T>) -> T {
    #[cfg(kernel_7_2)]
    let value = *parameter.value();
    #[cfg(not(kernel_7_2))]
    let value = parameter.value();

    value
}

/// For other processors, orders the stores before the call before those after it.
///
/// # Examples
///
/// ```
/// use kernel::sync::atomic::Relaxed;
///
/// let page = SharedPage::alloc(GFP_KERNEL)?;
/// let bytes = page.bytes();
/// bytes.word::<i64, 1>().store(7, Relaxed);
/// // Another processor that sees the 1 sees the 7, too.
/// smp_wmb();
/// bytes.word::<i64, 0>().store(1, Relaxed);
/// # Ok::<(), Error>(())
/// ```
#[inline(always)]
pub fn smp_wmb() {
    #[cfg(kernel_7_2)]
    barrier::smp_wmb();
    #[cfg(not(kernel_7_2))]
    barrier::smp_mb(barrier::Write);
}

/// What the `probe` of a PCI driver is given of the device's entry in the driver's table of
/// devices.
#[cfg(all(CONFIG_PCI, kernel_7_2))]
pub type IdInfo<'bound, T> = &'bound T;
/// What the `probe` of a PCI driver is given of the device's entry in the driver's table of
/// devices.
#[cfg(all(CONFIG_PCI, not(kernel_7_2)))]
pub type IdInfo<'bound, T> = Option<&'bound T>;

/// A mapping of a BAR for the driver, until the device is unbound.
#[cfg(all(CONFIG_PCI, kernel_7_2))]
pub type DevresBar<const SIZE: usize> = kernel::devres::Devres<kernel::pci::Bar<'static, SIZE>>;
#[cfg(all(CONFIG_PCI, not(kernel_7_2)))]
pub use kernel::pci::DevresBar;

/// Declares the table of the devices that a PCI driver supports.
///
/// # Examples
///
/// ```
/// use kernel::{
///     device::Core,
///     pci, //
/// };
///
/// struct Driver;
///
/// pci_devices!(DEVICE_IDS, [pci::DeviceId::from_id(pci::Vendor::REDHAT, 0x5)]);
///
/// impl pci::Driver for Driver {
///     type IdInfo = ();
///     type Data<'bound> = DevresBar<16>;
///     const ID_TABLE: pci::IdTable<()> = &DEVICE_IDS;
///
///     fn probe<'bound>(
///         pdev: &'bound pci::Device<Core<'_>>,
///         _info: IdInfo<'bound, ()>,
///     ) -> impl PinInit<DevresBar<16>, Error> + 'bound {
///         pdev.iomap_region_sized::<16>(0, c"example")?.into_devres()
///     }
/// }
/// # let _ = Driver;
/// ```
#[cfg(kernel_7_2)]
#[macro_export]
macro_rules! pci_devices {
    ($table:ident, [$($id:expr),* $(,)?]) => {
        ::kernel::macros::paste! {
            ::kernel::pci_device_table!($table, [<MODULE_ $table>], (), [$(($id, ())),*]);
        }
    };
}
/// Declares the table of the devices that a PCI driver supports.
#[cfg(not(kernel_7_2))]
#[macro_export]
macro_rules! pci_devices {
    ($table:ident, [$($id:expr),* $(,)?]) => {
        ::kernel::pci_device_table!($table, (), [$(($id, ())),*]);
    };
}
pub use pci_devices;

#[cfg(kernel_7_2)]
mod irqreturn {
    use super::bindings::*;

    pub(crate) const IRQ_NONE: irqreturn_t = irqreturn_IRQ_NONE;
    pub(crate) const IRQ_HANDLED: irqreturn_t = irqreturn_IRQ_HANDLED;
    pub(crate) const IRQ_WAKE_THREAD: irqreturn_t = irqreturn_IRQ_WAKE_THREAD;
}
#[cfg(not(kernel_7_2))]
mod irqreturn {
    use super::bindings::*;

    pub(crate) const IRQ_NONE: irqreturn_t = irqreturn::IRQ_NONE;
    pub(crate) const IRQ_HANDLED: irqreturn_t = irqreturn::IRQ_HANDLED;
    pub(crate) const IRQ_WAKE_THREAD: irqreturn_t = irqreturn::IRQ_WAKE_THREAD;
}
pub(crate) use irqreturn::*;
