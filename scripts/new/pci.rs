// SPDX-License-Identifier: GPL-2.0

//! new_driver: the registers of a PCI device, mapped until it is unbound. The device is QEMU's edu,
//! of which the guest has two.

use kernel::{
    device::Core,
    pci,
    prelude::*, //
};
use simple_mmap::prelude::*;

kernel::module_pci_driver! {
    type: Driver,
    name: "new_driver",
    authors: ["The simple developers"],
    description: "The registers of a PCI device, mapped",
    license: "GPL v2",
}

// The vendor and the device.
pci_devices!(DEVICE_IDS, [device_id(0x1234, 0x11e8)]);

/// The devices are /dev/new_driver0, /dev/new_driver1 and so on.
static DEVICES: NumberedDevices = NumberedDevices::new();

/// The size of BAR 0 in bytes.
const BAR_SIZE: usize = 1 << 20;

struct Driver;

impl pci::Driver for Driver {
    type IdInfo = ();
    type Data<'bound> = Arc<Registers>;
    const ID_TABLE: pci::IdTable<()> = &DEVICE_IDS;

    fn probe<'bound>(
        pdev: &'bound pci::Device<Core<'_>>,
        _info: IdInfo<'bound, ()>,
    ) -> impl PinInit<Arc<Registers>, Error> + 'bound {
        pdev.enable_device_mem()?;
        let space = BoundSpace::new(pdev)?;
        let (bar, frames) = space.registers(0, c"new_driver")?;
        let registers = Arc::new(Registers { _bar: bar, frames }, GFP_KERNEL)?;
        DEVICES.register(space, registers.clone())?;
        Ok(registers)
    }
}

/// The registers of a device.
struct Registers {
    /// For the driver's own accesses.
    _bar: Arc<DevresBar<BAR_SIZE>>,
    /// For those of user programs.
    frames: RevocableFrames<Uncached>,
}

#[vtable]
impl MiscDevice for Registers {
    const NAME: &'static CStr = c"new_driver";
    const MODE: u16 = 0o600;
    type File = Self;

    fn mmap_prepare<'a>(
        registers: &'a Self,
        mut desc: VmaDesc<'a, Self>,
    ) -> Result<VmaDesc<'a, Self, Ready>> {
        desc.deny_exec()?;
        // A private mapping, which would get copies of the registers in memory, is refused.
        desc.into_not_cow()?.serve_device_frames(registers)
    }
}

impl VmOperations for Registers {}

impl DeviceFrames for Registers {
    type Caching = Uncached;

    fn device_frames(&self) -> &RevocableFrames<Uncached> {
        &self.frames
    }
}
