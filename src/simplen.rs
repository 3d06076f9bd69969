// SPDX-License-Identifier: GPL-2.0

//! `/dev/simplen`: a region whose pages are allocated when they are first touched, and mapped one
//! by one, with a reference taken on each.

use crate::{
    abstractions::{
        miscdevice::MiscDevice,
        page_ref::{
            OncePage,
            PageRef, //
        },
        vm_fault::{
            VmFault,
            VmFaultError, //
        },
        vm_operations::VmOperations,
        vma::{
            Vma,
            VmaNew,
            VmaReady, //
        }, //
    },
    region,
    trace::Trace, //
};
use kernel::{
    alloc::flags::{
        __GFP_HIGHMEM,
        __GFP_NOWARN,
        __GFP_ZERO, //
    },
    prelude::*,
    sync::{
        Arc,
        ArcBorrow, //
    }, //
};

/// The device and its region.
pub(crate) struct Simplen {
    pages: KVVec<OncePage>,
    trace: Trace,
}

impl Simplen {
    /// Makes a region of `pages` pages, none of which is allocated yet.
    pub(crate) fn new(pages: usize, trace_level: u8) -> Result<Arc<Self>> {
        let mut slots = KVVec::with_capacity(pages, GFP_KERNEL | __GFP_NOWARN)?;
        for _ in 0..pages {
            slots.push(OncePage::empty(), GFP_KERNEL)?;
        }
        let device = Self {
            pages: slots,
            trace: Trace::new(Self::NAME, trace_level),
        };
        Ok(Arc::new(device, GFP_KERNEL)?)
    }
}

impl MiscDevice for Simplen {
    const NAME: &'static CStr = c"simplen";
    const MODE: u16 = 0o600;
    type Vma = Self;

    fn mmap<'a>(device: ArcBorrow<'_, Self>, vma: VmaNew<'a>) -> Result<VmaReady<'a, Self>> {
        region::range_of(&vma, device.pages.len())?;
        vma.deny_exec()?;
        Ok(vma.into_mixedmap(device.into()))
    }
}

#[vtable]
impl VmOperations for Simplen {
    fn open(&self, vma: &Vma) {
        self.trace.open(vma, region::byte_offset(vma.pgoff()));
    }

    fn close(&self, vma: &Vma) {
        self.trace.close(vma, region::byte_offset(vma.pgoff()));
    }

    fn fault(&self, vmf: &VmFault) -> Result<PageRef, VmFaultError> {
        // mremap can grow a VMA past the region's end without asking.
        let slot = self.pages.get(vmf.pgoff()).ok_or(VmFaultError::SigBus)?;
        let page = slot.get_or_alloc(GFP_KERNEL | __GFP_HIGHMEM | __GFP_ZERO)?;
        self.trace.fault(vmf, &page);
        Ok(page)
    }
}
