// SPDX-License-Identifier: GPL-2.0

//! `/dev/simplen`: a region whose pages are allocated when they are first touched, and mapped one
//! by one, with a reference taken on each.

use crate::{
    abstractions::{
        iov_iter::zero_iter,
        miscdevice::MiscDevice,
        page_ref::{
            OncePage,
            PageRef, //
        },
        vm_fault::{
            Served,
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
    events::Events,
    region, //
};
use kernel::{
    alloc::{
        flags::{
            __GFP_HIGHMEM,
            __GFP_NOWARN, //
        },
        AllocError, //
    },
    fs::LocalFile,
    iov::{
        IovIterDest,
        IovIterSource, //
    },
    page::PAGE_SIZE,
    prelude::*,
    seq_file::SeqFile,
    sync::{
        Arc,
        ArcBorrow, //
    }, //
};

/// The device and its region.
pub(crate) struct Simplen {
    pages: KVVec<OncePage>,
    events: Arc<Events>,
}

impl Simplen {
    /// Makes a region of `pages` pages, none of which is allocated yet.
    pub(crate) fn new(pages: usize, events: Arc<Events>) -> Result<Arc<Self>> {
        let mut slots = KVVec::with_capacity(pages, GFP_KERNEL | __GFP_NOWARN)?;
        for _ in 0..pages {
            slots.push(OncePage::empty(), GFP_KERNEL)?;
        }
        let device = Self {
            pages: slots,
            events,
        };
        Ok(Arc::new(device, GFP_KERNEL)?)
    }

    /// The page in this place, allocated and zeroed if there is none yet.
    fn page(&self, slot: &OncePage) -> Result<PageRef, AllocError> {
        let flags = GFP_KERNEL | __GFP_HIGHMEM;
        slot.get_or_alloc(flags, || self.events.page_allocated())
    }
}

impl Drop for Simplen {
    fn drop(&mut self) {
        let mut freed = 0;
        for page in self.pages.iter_mut().filter_map(OncePage::take) {
            freed += usize::from(page.put());
        }
        self.events.pages_freed(freed);
    }
}

#[vtable]
impl MiscDevice for Simplen {
    const NAME: &'static CStr = c"simplen";
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
        region::mapped(vma.pgoff(), vma.pages(), device.pages.len())?;
        vma.deny_exec()?;
        Ok(vma.into_mixedmap(device.into()))
    }

    fn size(device: &Self) -> u64 {
        region::byte_offset(device.pages.len())
    }

    fn read_iter(
        device: &Self,
        _file: &LocalFile,
        pos: u64,
        to: &mut IovIterDest<'_>,
    ) -> Result<usize> {
        let range = region::reached(pos, to.len(), Self::size(device));
        region::copy_pieces(range, PAGE_SIZE, |page, bytes| {
            Ok(match device.pages[page].get() {
                Some(page) => page.copy_to_iter(bytes, to),
                // Never touched, so all zeros, and it stays so.
                None => zero_iter(bytes.len(), to),
            })
        })
    }

    fn write_iter(
        device: &Self,
        _file: &LocalFile,
        pos: u64,
        from: &mut IovIterSource<'_>,
    ) -> Result<usize> {
        let range = region::written(pos, from.len(), Self::size(device))?;
        region::copy_pieces(range, PAGE_SIZE, |page, bytes| {
            let page = device.page(&device.pages[page])?;
            Ok(page.copy_from_iter(bytes, from))
        })
    }

    fn show_fdinfo(device: &Self, to: &SeqFile) {
        region::show_fdinfo(to, "on demand", Self::size(device), device.events.pages());
    }
}

#[vtable]
impl VmOperations for Simplen {
    fn open(&self, vma: &Vma) {
        self.events.open(vma, region::byte_offset(vma.pgoff()));
    }

    fn close(&self, vma: &Vma) {
        self.events.close(vma, region::byte_offset(vma.pgoff()));
    }

    fn fault(&self, vmf: &VmFault) -> Result<Served, VmFaultError> {
        // mremap can grow a VMA past the region's end without asking.
        let slot = self.pages.get(vmf.pgoff()).ok_or(VmFaultError::SigBus)?;
        let page = self.page(slot)?;
        self.events.fault(vmf, &page);
        Ok(page.into())
    }
}
