// SPDX-License-Identifier: GPL-2.0

//! simple_page: the smallest driver that serves pages. Every open file has a page of its own.

use kernel::prelude::*;
use simple_mmap::prelude::*;

module_devices! {
    type: Device,
    name: "simple_page",
    authors: ["The simple developers"],
    description: "A page for each open file",
    license: "GPL v2",
}

struct Device;

impl DeviceModule for Device {
    fn init(devices: &mut Devices) -> Result<Self> {
        devices.add(Arc::new(Self, GFP_KERNEL)?)?;
        Ok(Self)
    }
}

#[vtable]
impl MiscDevice for Device {
    const NAME: &'static CStr = c"simple_page";
    const MODE: u16 = 0o600;
    type File = Page;

    fn mmap_prepare<'a>(_: &'a Page, desc: VmaDesc<'a, Page>) -> Result<VmaDesc<'a, Page, Ready>> {
        Ok(desc.serve_pages())
    }
}

struct Page(ARef<SharedPage>);

impl OpenFile<Device> for Page {
    fn open(_: ArcBorrow<'_, Device>, _: &Opening<'_, Device>) -> Result<Arc<Self>> {
        Ok(Arc::new(Self(SharedPage::alloc(GFP_KERNEL)?), GFP_KERNEL)?)
    }
}

impl VmOperations for Page {}

impl Pages for Page {
    fn fault(&self, vmf: &VmFault) -> Result<ARef<SharedPage>, VmFaultError> {
        if vmf.pgoff() != Pgoff::new(0) {
            return Err(VmFaultError::SigBus);
        }
        Ok(self.0.clone())
    }
}
