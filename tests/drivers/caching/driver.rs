// SPDX-License-Identifier: GPL-2.0

//! caching: maps BAR 0 of QEMU's edu device with the kind of caching that a parameter chooses.

use kernel::{
    device::Core,
    pci,
    prelude::*, //
};

use simple_mmap::{
    device::pci::BarCaching,
    mm::frames::{
        Cached,
        WriteCombining, //
    },
    prelude::*, //
};

kernel::module_pci_driver! {
    type: Driver,
    name: "caching",
    authors: ["The simple developers"],
    description: "A BAR, mapped with any kind of caching",
    license: "GPL v2",
    params: {
        kind: u8 {
            default: 0,
            description: "0: uncached, 1: write-combining, 2: cached",
        },
    },
}

pci_devices!(DEVICE_IDS, [device_id(0x1234, 0x11e8)]);

static DEVICES: NumberedDevices = NumberedDevices::new();

struct Driver;

impl pci::Driver for Driver {
    type IdInfo = ();
    type Data<'bound> = ();
    const ID_TABLE: pci::IdTable<()> = &DEVICE_IDS;

    fn probe<'bound>(
        pdev: &'bound pci::Device<Core<'_>>,
        _info: IdInfo<'bound, ()>,
    ) -> impl PinInit<(), Error> + 'bound {
        pdev.enable_device_mem()?;
        match parameter(&module_parameters::kind) {
            0 => Bar::<Uncached>::register(pdev),
            1 => Bar::<WriteCombining>::register(pdev),
            2 => Bar::<Cached>::register(pdev),
            _ => Err(EINVAL),
        }
    }
}

struct Bar<C>(RevocableFrames<C>);

impl<C: BarCaching> Bar<C> {
    fn register(pdev: &pci::Device<Core<'_>>) -> Result {
        let space = BoundSpace::new(pdev)?;
        let bar = Self(space.claim(0, c"caching")?);
        DEVICES.register(space, Arc::new(bar, GFP_KERNEL)?)?;
        Ok(())
    }
}

#[vtable]
impl<C: BarCaching> MiscDevice for Bar<C> {
    const NAME: &'static CStr = c"caching";
    const MODE: u16 = 0o600;
    type File = Self;

    fn mmap_prepare<'a>(
        bar: &'a Self,
        mut desc: VmaDesc<'a, Self>,
    ) -> Result<VmaDesc<'a, Self, Ready>> {
        desc.deny_exec()?;
        desc.into_not_cow()?.serve_device_frames(bar)
    }
}

impl<C: BarCaching> VmOperations for Bar<C> {}

impl<C: BarCaching> DeviceFrames for Bar<C> {
    type Caching = C;

    fn device_frames(&self) -> &RevocableFrames<C> {
        &self.0
    }
}
