// SPDX-License-Identifier: GPL-2.0

//! simple_mirror: a ring buffer that is mapped twice in a row.
//!
//! `/dev/simple_mirror` is a region of `pages` pages. A mapping of it has twice that size, and both
//! halves show the same memory: what follows the region's last byte is its first. So a record that
//! wraps around the ring's end can be written and read in one piece.

use kernel::prelude::*;

use simple_mmap::prelude::*;

module_devices! {
    type: MirrorModule,
    name: "simple_mirror",
    authors: ["The simple developers"],
    description: "A ring buffer that is mapped twice in a row",
    license: "GPL v2",
    params: {
        pages: usize {
            default: 16,
            description: "Pages in the ring buffer",
        },
    },
}

/// The largest ring buffer, in pages.
const MAX_PAGES: usize = 512;

struct MirrorModule;

impl DeviceModule for MirrorModule {
    fn init(devices: &mut Devices) -> Result<Self> {
        let pages = parameter(&module_parameters::pages);
        if !(1..=MAX_PAGES).contains(&pages) {
            pr_err!(
                "parameter pages is {}, but must be 1 to {}\n",
                pages,
                MAX_PAGES
            );
            return Err(EINVAL);
        }
        let ring = ContigPages::alloc(pages)?;
        devices.add(Arc::new(Mirror { ring }, GFP_KERNEL)?)?;
        Ok(Self)
    }
}

/// The device and its ring buffer.
struct Mirror {
    ring: ContigPages,
}

#[vtable]
impl MiscDevice for Mirror {
    const NAME: &'static CStr = c"simple_mirror";
    const MODE: u16 = 0o600;
    type File = Self;

    fn mmap_prepare<'a>(
        mirror: &'a Self,
        mut desc: VmaDesc<'a, Self>,
    ) -> Result<VmaDesc<'a, Self, Ready>> {
        // With less than both halves nothing would be mirrored.
        if desc.pgoff() != Pgoff::new(0) || desc.pages() != 2 * mirror.ring.count() {
            return Err(EINVAL);
        }
        desc.deny_exec()?;
        // A write to a private mapping would copy the page in one half and not in the other.
        Ok(desc.into_not_cow()?.serve_frames())
    }
}

impl VmOperations for Mirror {}

impl Frames for Mirror {
    fn frames(&self, pgoff: Pgoff) -> Option<FrameRun<'_>> {
        let page = pgoff.index().checked_rem(self.ring.count())?;
        self.ring.frames_from(page)
    }
}
