// SPDX-License-Identifier: GPL-2.0

//! `/dev/simplen`: a region whose pages are allocated when they are first touched, and mapped when
//! a process touches them, with a reference taken on each.

use crate::{
    events::Events,
    region::{
        self,
        Region, //
    }, //
};
use core::ops::Range;
use kernel::prelude::*;
use simple_mmap::prelude::*;

/// The device and its region.
#[pin_data]
pub(crate) struct Simplen {
    #[pin]
    region: FolioRegion<Events>,
    /// Whether folios are larger than a page.
    has_large_folios: bool,
    events: Arc<Events>,
}

impl Simplen {
    /// Makes a region of `pages` pages. None of them is allocated yet: they will be allocated, and
    /// mapped, in folios of 2^`order` pages.
    pub(crate) fn new(pages: usize, order: u32, events: Arc<Events>) -> Result<Arc<Self>> {
        let device = try_pin_init!(Self {
            region <- FolioRegion::new(pages, order, events.clone()),
            has_large_folios: order > 0,
            events,
        });
        Arc::pin_init(device, GFP_KERNEL).inspect_err(|_| {
            pr_err!("simplen: no memory for a table of {pages} pages in folios of order {order}\n");
        })
    }
}

impl Simplen {
    /// Allocates the page at this offset, unless another thread has just done so, and returns it.
    #[cold]
    fn first_touch(&self, pgoff: Pgoff) -> Result<&SharedPage, VmFaultError> {
        // mremap() can grow a VMA past the region's end without asking the driver.
        if pgoff.index() >= self.region.pages() {
            return Err(VmFaultError::SigBus);
        }
        Ok(self.region.get_or_alloc(pgoff)?)
    }
}

#[vtable]
impl MiscDevice for Simplen {
    const NAME: &'static CStr = c"simplen";
    const MODE: u16 = 0o600;
    type File = Self;

    fn mmap_prepare<'a>(
        device: &'a Self,
        mut desc: VmaDesc<'a, Self>,
    ) -> Result<VmaDesc<'a, Self, Ready>> {
        region::check_mapped(desc.pgoff(), desc.pages(), device.region.pages())?;
        desc.deny_exec()?;
        Ok(desc.serve_pages())
    }

    fn size(&self) -> u64 {
        Region::size(self)
    }

    fn wants_hugepages(&self) -> bool {
        self.has_large_folios
    }

    fn read_iter(kiocb: Kiocb<'_, Arc<Self>>, to: &mut IovIterDest<'_>) -> Result<usize> {
        region::read(kiocb, to)
    }

    fn write_iter(kiocb: Kiocb<'_, Arc<Self>>, from: &mut IovIterSource<'_>) -> Result<usize> {
        region::write(kiocb, from)
    }

    fn show_fdinfo(device: &Self, to: &SeqFile) {
        region::show_fdinfo(device, to);
    }
}

impl Pages for Simplen {
    #[inline]
    fn fault(&self, vmf: &VmFault) -> Result<ARef<SharedPage>, VmFaultError> {
        let page = match self.region.page(vmf.pgoff()) {
            Some(page) => page,
            None => self.first_touch(vmf.pgoff())?,
        };
        // The kernel takes over this reference.
        Ok(page.into())
    }

    #[inline]
    fn served(&self, vmf: &VmFault, page: &SharedPage, huge: bool) {
        self.events.fault(vmf, page, huge);
    }
}

impl VmOperations for Simplen {
    fn open(&self, vma: &Vma) {
        region::open(self, vma);
    }

    fn close(&self, vma: &Vma) {
        region::close(self, vma);
    }
}

impl Region for Simplen {
    const MODE: &'static str = "on demand";
    const PIECE_SIZE: usize = PAGE_SIZE;

    fn size(&self) -> u64 {
        Pgoff::new(self.region.pages()).to_bytes()
    }

    fn events(&self) -> &Events {
        &self.events
    }

    /// Returns the offset in bytes, because the page may not be allocated yet.
    fn phys(&self, page: FirstPage) -> PhysAddr {
        match page {
            FirstPage::Offset(pgoff) => pgoff.to_bytes(),
            FirstPage::Frame(pfn) => pfn.to_phys(),
        }
    }

    fn read_piece(
        &self,
        number: usize,
        bytes: Range<usize>,
        to: &mut IovIterDest<'_>,
    ) -> Result<usize> {
        Ok(match self.region.page(Pgoff::new(number)) {
            Some(page) if page.is_hwpoisoned() => return Err(EIO),
            Some(page) => page.bytes().copy_to_iter(bytes, to)?,
            // The page is not allocated: it reads as zeros, and reading does not allocate it.
            None => zero_iter(bytes.len(), to),
        })
    }

    fn write_piece(
        &self,
        number: usize,
        bytes: Range<usize>,
        from: &mut IovIterSource<'_>,
    ) -> Result<usize> {
        let page = self.region.get_or_alloc(Pgoff::new(number))?;
        if page.is_hwpoisoned() {
            return Err(EIO);
        }
        page.bytes().copy_from_iter(bytes, from)
    }
}
