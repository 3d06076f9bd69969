// SPDX-License-Identifier: GPL-2.0

//! Pages with references.
//!
//! C header: [`include/linux/mm.h`](srctree/include/linux/mm.h), `get_page()` and `put_page()`.

use super::{
    folio::Folio,
    pfn::Pfn,
    pgoff::Pgoff, //
};
use crate::{
    compat::helpers,
    memory::shared_bytes::SharedBytes, //
};
use core::{
    mem::ManuallyDrop,
    ptr::NonNull, //
};
use kernel::{
    alloc::{
        flags::__GFP_ZERO,
        AllocError,
        Flags, //
    },
    bindings,
    page::{
        Page,
        PAGE_SIZE, //
    },
    prelude::*,
    sync::aref::{
        ARef,
        AlwaysRefCounted, //
    },
    types::Opaque, //
};

// Every page has an address in the kernel's linear mapping where there is no high memory, whatever
// flags it is allocated with. So it has on all 64-bit architectures.
static_assert!(
    !cfg!(CONFIG_HIGHMEM),
    "pages in high memory have no address that lasts"
);

/// A page that can have several owners: the driver, page tables, pipes, pins.
///
/// [`kernel::page::Page`] is the only owner of its page and frees it. This page is freed when the
/// last reference on it is given back, whoever that is. An [`ARef<SharedPage>`](ARef) is a
/// reference: making one from a borrowed page takes it (`get_page()`), dropping it gives it back
/// (`put_page()`).
///
/// # Invariants
///
/// This is a `struct page` with references, and no other part of the kernel than the allocator
/// frees it. It has an address in the kernel's linear mapping. Its bytes were initialized, and
/// there is no Rust reference to them but to atomics.
///
/// # Examples
///
/// ```
/// let page = SharedPage::alloc(GFP_KERNEL)?;
/// let another: ARef<SharedPage> = (&*page).into();
/// assert_eq!(page.pfn(), another.pfn());
/// assert!(!page.is_hwpoisoned());
/// assert!(!page.address().is_null());
/// page.bytes().write(0, &[1, 2, 3])?;
/// assert!(!SharedPage::put(another));
/// assert!(SharedPage::put(page));
/// # Ok::<(), Error>(())
/// ```
#[repr(transparent)]
pub struct SharedPage(Opaque<bindings::page>);

// SAFETY: References on a page may be given back by any thread.
unsafe impl Send for SharedPage {}

// SAFETY: The methods by shared reference take further references, which is atomic, and compute the
// page's address, which never changes.
unsafe impl Sync for SharedPage {}

// SAFETY: By the type invariant the page has references, and stays as long as it has one.
unsafe impl AlwaysRefCounted for SharedPage {
    #[inline]
    fn inc_ref(&self) {
        // SAFETY: By the type invariant the page is valid and has a reference already.
        unsafe { helpers::get_page(self.as_ptr()) };
    }

    #[inline]
    unsafe fn dec_ref(page: NonNull<Self>) {
        // SAFETY: The caller gives up a reference.
        unsafe { Folio::put_raw(helpers::page_folio(page.as_ptr().cast())) };
    }
}

impl Folio {
    /// Its pages, in the order of their offsets.
    pub fn pages(&self) -> &[SharedPage] {
        let first: *const SharedPage = self.as_ptr().cast();
        // SAFETY: The C side overlays a folio and its first page, and the other `struct page`
        // follow in a row (`folio_page()`). They are valid as long as there is a reference on the
        // folio, so as long as `self` is borrowed.
        unsafe { core::slice::from_raw_parts(first, 1 << self.order()) }
    }
}

impl SharedPage {
    /// Allocates a page, zeroed, as it is for user space to see.
    ///
    /// # Errors
    ///
    /// [`AllocError`] if there is no memory.
    pub fn alloc(flags: Flags) -> Result<ARef<Self>, AllocError> {
        let page = ManuallyDrop::new(Page::alloc_page(flags | __GFP_ZERO)?);
        let page = NonNull::new(page.as_ptr()).ok_or(AllocError)?;
        // SAFETY: A `Page` is a valid page of order 0 with one reference, which is now ours, as the
        // `Page` is never dropped.
        let page: ARef<Self> = unsafe { ARef::from_raw(page.cast()) };
        // With tags there is a flag that overrides __GFP_ZERO.
        if cfg!(CONFIG_KASAN_HW_TAGS) {
            // The range is in the page.
            let _ = page.bytes().clear(0..PAGE_SIZE);
        }
        Ok(page)
    }

    #[inline]
    pub(super) fn as_ptr(&self) -> *mut bindings::page {
        self.0.get()
    }

    /// The folio that this is a page of.
    pub(crate) fn folio(&self) -> &Folio {
        // SAFETY: The page is valid, and a reference on it is one on its folio.
        unsafe { &*helpers::page_folio(self.as_ptr()).cast() }
    }

    /// Whether it is one of several pages of a folio, `PageCompound()`. Here and not in C, as every
    /// fault asks.
    #[inline]
    pub(super) fn is_compound(&self) -> bool {
        let page = self.as_ptr();
        // As READ_ONCE(): others change other flags meanwhile. SAFETY: The page is valid. What is
        // asked for does not change as long as it has references.
        unsafe {
            (&raw const (*page).flags.f).read_volatile() & (1 << bindings::pageflags_PG_head) != 0
                || (&raw const (*page).__bindgen_anon_1.__bindgen_anon_3.compound_info)
                    .read_volatile()
                    & 1
                    != 0
        }
    }

    /// Whether the kernel maps this page where the offset `pgoff` is touched: `finish_fault()` goes
    /// by the index of a folio, and the place of the page in it, if the folio has several.
    pub(super) fn serves(&self, pgoff: Pgoff) -> bool {
        // SAFETY: The page is valid.
        !self.is_compound() || unsafe { helpers::page_pgoff(self.as_ptr()) } == pgoff.index()
    }

    /// The page frame, `page_to_pfn()`.
    pub fn pfn(&self) -> Pfn {
        // SAFETY: The page is valid.
        Pfn::containing(unsafe { helpers::page_to_phys(self.as_ptr()) })
    }

    /// The page's address in the kernel's linear mapping, `page_address()`.
    pub fn address(&self) -> *mut c_void {
        // SAFETY: The page is valid.
        unsafe { helpers::page_address(self.as_ptr()) }
    }

    /// Whether the page is known to be broken, `PageHWPoison()`. Its bytes must not be looked at.
    pub fn is_hwpoisoned(&self) -> bool {
        // SAFETY: The page is valid.
        unsafe { helpers::page_is_hwpoisoned(self.as_ptr()) }
    }

    /// The page's bytes, which must not be looked at if it is [broken](Self::is_hwpoisoned).
    #[inline]
    pub fn bytes(&self) -> SharedBytes<'_, PAGE_SIZE> {
        // SAFETY: By the type invariant the page has an address, which is not null.
        let ptr = unsafe { NonNull::new_unchecked(self.address().cast()) };
        // SAFETY: The page is mapped there as long as it has references, so as long as `self` is
        // borrowed. By the type invariant it was initialized, and there is no Rust reference to its
        // bytes but to atomics.
        unsafe { SharedBytes::new(ptr, PAGE_SIZE) }
    }

    /// Gives a reference back, `put_page()`. Returns whether it was the last one, so that the page
    /// is free.
    pub fn put(page: ARef<Self>) -> bool {
        let page = ARef::into_raw(page);
        // SAFETY: The reference was ours, and is not used after this.
        unsafe { Folio::put_raw(helpers::page_folio(page.as_ptr().cast())) }
    }
}
