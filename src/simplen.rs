// SPDX-License-Identifier: GPL-2.0

//! `/dev/simplen`: a region whose pages are allocated when they are first touched, and mapped when
//! a process touches them, with a reference taken on each.
//!
//! A fault maps the pages around the touched one too, as far as they are allocated already. With
//! huge pages, memory is allocated as folios of PMD size where it can be had, and a fault maps one
//! of them as a whole where it fits into the VMA.

use crate::{
    abstractions::{
        iov_iter::zero_iter,
        miscdevice::MiscDevice,
        page_ref::{
            OncePage,
            PageRef, //
        },
        pmd_folio::{
            OncePmdFolio,
            PmdFolio, //
        },
        vm_fault::{
            Fallback,
            NoPage,
            Served,
            VmFault,
            VmFaultError,
            VmHugeFault, //
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
    /// What as many of the pages as a folio has are taken from, in order; none without huge pages.
    folios: KVVec<OncePmdFolio>,
    /// A fault maps up to 2^this pages. In a VMA for folios the kernel takes them one by one.
    around_order: u32,
    events: Arc<Events>,
}

impl Simplen {
    /// Makes a region of `pages` pages, none of which is allocated yet. A fault maps a folio if
    /// `huge`, or up to 2^`around_order` pages.
    pub(crate) fn new(
        pages: usize,
        around_order: u32,
        huge: bool,
        events: Arc<Events>,
    ) -> Result<Arc<Self>> {
        let folios = if huge { pages / PmdFolio::PAGES } else { 0 };
        let device = Self {
            pages: filled(pages, OncePage::empty)?,
            folios: filled(folios, OncePmdFolio::undecided)?,
            around_order: if folios > 0 { 0 } else { around_order },
            events,
        };
        Ok(Arc::new(device, GFP_KERNEL)?)
    }

    /// The page with this number, if it is allocated.
    fn page_if_allocated(&self, number: usize) -> Option<&PageRef> {
        let place = &self.pages[number];
        place.get().or_else(|| {
            let folio = self.folios.get(number / PmdFolio::PAGES)?.get()?;
            Some(place.get_or_set(folio.page(number)).0)
        })
    }

    /// The page with this number, allocated and zeroed if it is not yet.
    #[inline]
    fn page(&self, number: usize) -> Result<&PageRef, AllocError> {
        match self.pages[number].get() {
            Some(page) => Ok(page),
            None => self.alloc_page(number),
        }
    }

    #[cold]
    fn alloc_page(&self, number: usize) -> Result<&PageRef, AllocError> {
        let place = &self.pages[number];
        if let Some(folio) = self.folio(number / PmdFolio::PAGES) {
            return Ok(place.get_or_set(folio.page(number)).0);
        }
        let (page, is_new) = place.get_or_set(PageRef::alloc(GFP_KERNEL | __GFP_HIGHMEM)?);
        if is_new {
            self.events.pages_allocated(1);
        }
        Ok(page)
    }

    /// Maps the page that was touched, and those around it, as far as they are allocated already.
    // Not inlined: a fault that maps one page is not to save the registers that this needs.
    #[inline(never)]
    fn insert_around(&self, vmf: &VmFault) -> Result<NoPage, VmFaultError> {
        let around = vmf.around(self.around_order);
        let (first, row) = OncePage::row(&self.pages, around, vmf.pgoff());
        vmf.insert_pages(first, row)
    }

    /// The folio with this number, allocated and zeroed if it is not yet; none if there is to be
    /// none, or none could be had when it was first asked for.
    fn folio(&self, number: usize) -> Option<&PmdFolio> {
        self.folios.get(number)?.get_or_alloc(|is_there| {
            if is_there {
                self.events.pages_allocated(PmdFolio::PAGES);
            } else {
                self.events.huge_fallback();
            }
        })
    }
}

/// A vector with `len` elements.
fn filled<T>(len: usize, element: impl Fn() -> T) -> Result<KVVec<T>, AllocError> {
    let mut vec = KVVec::with_capacity(len, GFP_KERNEL | __GFP_NOWARN)?;
    for _ in 0..len {
        vec.push(element(), GFP_KERNEL)?;
    }
    Ok(vec)
}

impl Drop for Simplen {
    fn drop(&mut self) {
        let mut freed = 0;
        for page in self.pages.iter_mut().filter_map(OncePage::take) {
            freed += usize::from(page.put());
        }
        // Their pages hold a reference each, so only now one can be the last.
        for folio in self.folios.iter_mut().filter_map(OncePmdFolio::take) {
            if folio.put() {
                freed += PmdFolio::PAGES;
            }
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
        Ok(if device.folios.is_empty() {
            vma.into_mixedmap(device.into())
        } else {
            vma.into_hugepage(device.into())
        })
    }

    fn wants_hugepages(device: &Self) -> bool {
        !device.folios.is_empty()
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
            Ok(match device.page_if_allocated(page) {
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
            Ok(device.page(page)?.copy_from_iter(bytes, from))
        })
    }

    fn show_fdinfo(device: &Self, to: &SeqFile) {
        region::show_fdinfo(to, "on demand", Self::size(device), device.events.pages());
    }
}

#[vtable]
impl VmOperations for Simplen {
    fn open(&self, vma: &Vma) {
        self.events.open(vma, || region::byte_offset(vma.pgoff()));
    }

    fn close(&self, vma: &Vma) {
        self.events.close(vma, || region::byte_offset(vma.pgoff()));
    }

    #[inline]
    fn fault(&self, vmf: &VmFault) -> Result<Served, VmFaultError> {
        // mremap can grow a VMA past the region's end without asking.
        let place = self.pages.get(vmf.pgoff()).ok_or(VmFaultError::SigBus)?;
        let Some(page) = place.get() else {
            // In memory that is touched for the first time the pages around are not allocated
            // either, or mapped already.
            let page = self.alloc_page(vmf.pgoff())?;
            self.events.fault(vmf, page);
            return Ok(page.clone().into());
        };
        self.events.fault(vmf, page);
        if self.around_order == 0 || vmf.is_cow() {
            return Ok(page.clone().into());
        }
        Ok(self.insert_around(vmf)?.into())
    }

    fn huge_fault(&self, vmf: &VmHugeFault) -> Result<NoPage, Fallback> {
        let first = vmf.first_pgoff().ok_or(Fallback)?;
        if first % PmdFolio::PAGES != 0 {
            return Err(Fallback);
        }
        let folio = self.folio(first / PmdFolio::PAGES).ok_or(Fallback)?;
        let done = vmf.insert_folio(folio)?;
        self.events.huge_fault(vmf, folio);
        Ok(done)
    }
}
