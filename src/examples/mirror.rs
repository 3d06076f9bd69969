// SPDX-License-Identifier: GPL-2.0

//! simple_mirror: a ring buffer that is mapped twice in a row.
//!
//! `/dev/simple_mirror` is a region of `pages` pages. A mapping of it has twice that size, and both
//! halves show the same memory: what follows the region's last byte is its first. So a record that
//! wraps around the ring's end can be written and read in one piece.

use kernel::{
    fs::LocalFile,
    prelude::*,
    sync::{
        Arc,
        ArcBorrow, //
    }, //
};

#[path = "../abstractions/mod.rs"]
pub mod abstractions;

use abstractions::{
    miscdevice::{
        MiscDevice,
        MiscDeviceRegistration, //
    },
    pages_exact::PagesExact,
    pfnmap_access::{
        access_pfnmap,
        Access, //
    },
    remap_pfn_range::PageFrames,
    series::parameter,
    vm_operations::VmOperations,
    vma::{
        Vma,
        VmaNew,
        VmaReady, //
    }, //
};

module! {
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

/// The module: its device.
struct MirrorModule {
    _device: Pin<KBox<MiscDeviceRegistration<Mirror>>>,
}

impl kernel::Module for MirrorModule {
    fn init(_module: &'static ThisModule) -> Result<Self> {
        let pages = parameter(&module_parameters::pages);
        if !(1..=MAX_PAGES).contains(&pages) {
            pr_err!(
                "parameter pages is {}, but must be 1 to {}\n",
                pages,
                MAX_PAGES
            );
            return Err(EINVAL);
        }

        let mirror = Mirror {
            ring: PagesExact::new(pages)?,
        };
        let mirror = Arc::new(mirror, GFP_KERNEL)?;
        Ok(Self {
            _device: KBox::pin_init(MiscDeviceRegistration::register(mirror), GFP_KERNEL)?,
        })
    }
}

/// The device and its ring buffer.
struct Mirror {
    ring: PagesExact,
}

#[vtable]
impl MiscDevice for Mirror {
    const NAME: &'static CStr = c"simple_mirror";
    const MODE: u16 = 0o600;
    type File = Self;
    type Vma = Self;

    fn open(device: ArcBorrow<'_, Self>) -> Result<Arc<Self>> {
        Ok(device.into())
    }

    fn mmap<'a>(
        device: ArcBorrow<'_, Self>,
        _file: &LocalFile,
        vma: VmaNew<'a>,
    ) -> Result<VmaReady<'a, Self>> {
        let pages = device.ring.pages();
        // With less than both halves nothing would be mirrored.
        if vma.pgoff() != 0 || vma.pages() != 2 * pages {
            return Err(EINVAL);
        }
        // A write to a private mapping would copy the page in one half and not in the other. The
        // kernel refuses it, too: where it is to copy on write, a VMA's frames must be contiguous.
        if vma.is_cow() {
            return Err(EINVAL);
        }
        vma.deny_exec()?;

        let mut vma = vma.into_pfnmap(device.into());
        vma.remap_pfn_range(|mirror| &mirror.ring, 0..pages)?;
        vma.remap_pfn_range(|mirror| &mirror.ring, 0..pages)?;
        Ok(vma.finish())
    }
}

#[vtable]
impl VmOperations for Mirror {
    fn access(&self, vma: &Vma, address: usize, access: Access<'_>) -> Result<usize> {
        access_pfnmap(vma, address, access)
    }
}
