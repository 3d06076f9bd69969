// SPDX-License-Identifier: GPL-2.0

//! new_driver: a buffer of contiguous memory, mapped a whole VMA at once.

use kernel::prelude::*;
use simple_mmap::prelude::*;

module_devices! {
    type: Driver,
    name: "new_driver",
    authors: ["The simple developers"],
    description: "A buffer of contiguous memory",
    license: "GPL v2",
}

/// The size of the buffer in pages.
const PAGES: usize = 16;

struct Driver;

impl DeviceModule for Driver {
    fn init(devices: &mut Devices) -> Result<Self> {
        let memory = ContigPages::alloc(PAGES)?;
        devices.add(Arc::new(Buffer { memory }, GFP_KERNEL)?)?;
        Ok(Self)
    }
}

/// The device and its buffer.
struct Buffer {
    memory: ContigPages,
}

#[vtable]
impl MiscDevice for Buffer {
    const NAME: &'static CStr = c"new_driver";
    const MODE: u16 = 0o600;
    type File = Self;

    /// Asks for `remap_pfn_range()` over the VMA's range. The kernel calls it when it has put the
    /// VMA in place.
    fn mmap_prepare<'a>(
        buffer: &'a Self,
        desc: VmaDesc<'a, Self>,
    ) -> Result<VmaDesc<'a, Self, Ready>> {
        let frames = buffer.memory.frames_from(desc.pgoff().index());
        // A mapping that exceeds the buffer is refused.
        let frames = frames.and_then(|frames| frames.take(desc.pages()));
        desc.remap_pfn_range(frames.ok_or(EINVAL)?)
    }
}

impl VmOperations for Buffer {}
