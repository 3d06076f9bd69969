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
    alloc::{
        flags::__GFP_ZERO,
        AllocError,
        Flags, //
    },
    bindings,
    page::Page,
    sync::aref::{
        ARef,
        AlwaysRefCounted, //
    },
    types::Opaque, //
};
use core::{
    mem::ManuallyDrop,
    ptr::NonNull, //
};

/// A page that can have several owners: the driver, page tables, pipes, and whoever pins it.
///
/// A [`Page`] is the only owner of its page, and frees it. This page is freed when
/// the last reference on it is given back, by any owner. An [`ARef<SharedPage>`](ARef) is a
/// reference: making one from a borrowed page takes a reference (`get_page()`), and dropping it
/// gives that back (`put_page()`).
///
/// # Invariants
///
/// This is a `struct page` with at least one reference. Only the page allocator frees it, after the
/// last reference is given back. Its bytes were initialized, and there are no Rust references to
/// them except to atomics.
///
/// # Examples
///
/// ```
/// use kernel::{
///     mm::page::SharedPage,
///     sync::aref::ARef, //
/// };
///
/// let page = SharedPage::alloc(GFP_KERNEL)?;
/// let another: ARef<SharedPage> = (&*page).into();
/// assert_eq!(page.pfn(), another.pfn());
/// assert!(!page.is_hwpoisoned());
/// assert!(!SharedPage::put(another));
/// assert!(SharedPage::put(page));
/// # Ok::<(), Error>(())
/// ```
#[repr(transparent)]
pub struct SharedPage(Opaque<bindings::page>);

// SAFETY: References on a page may be given back by any thread.
unsafe impl Send for SharedPage {}

// SAFETY: The methods that take `&self` take further references, which is atomic, compute what
// never changes, such as the page's frame, or read flags, which others may change at any time.
unsafe impl Sync for SharedPage {}

// SAFETY: By the type invariant the page has references, and stays as long as it has one.
unsafe impl AlwaysRefCounted for SharedPage {
    #[inline]
    fn inc_ref(&self) {
        // SAFETY: By the type invariant the page is valid and has a reference already.
        unsafe { bindings::get_page_saturating(self.as_ptr()) };
    }

    #[inline]
    unsafe fn dec_ref(page: NonNull<Self>) {
        // SAFETY: The caller gives up a reference.
        unsafe { Folio::put_raw(bindings::page_folio(page.as_ptr().cast())) };
    }
}

impl Folio {
    /// The folio's pages, in the order of their offsets.
    pub fn pages(&self) -> &[SharedPage] {
        let first: *const SharedPage = self.as_ptr().cast();
        // SAFETY: The C side overlays a folio and its first page, and the other `struct page`
        // follow in a row (`folio_page()`). They are valid as long as there is a reference on the
        // folio, so as long as `self` is borrowed.
        unsafe { core::slice::from_raw_parts(first, 1 << self.order()) }
    }
}

impl SharedPage {
    /// Allocates a page for user space. It is zeroed.
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
        // With hardware tags, __GFP_SKIP_ZERO in the caller's flags would override __GFP_ZERO.
        #[cfg(CONFIG_KASAN_HW_TAGS)]
        // SAFETY: The page is ours alone so far. It has an address, as there is no high memory on
        // an architecture with hardware tags.
        unsafe {
            bindings::page_address(page.as_ptr())
                .cast::<u8>()
                .write_bytes(0, crate::page::PAGE_SIZE)
        };
        Ok(page)
    }

    #[inline]
    pub(crate) fn as_ptr(&self) -> *mut bindings::page {
        self.0.get()
    }

    /// The folio that the page belongs to.
    pub(crate) fn folio(&self) -> &Folio {
        // SAFETY: The page is valid, and a reference on it is one on its folio.
        unsafe { &*bindings::page_folio(self.as_ptr()).cast() }
    }

    /// Whether the page is one of several of a folio, `PageCompound()`. This is written in Rust,
    /// because a call of a C helper would cost time in every fault.
    #[inline]
    pub(super) fn is_compound(&self) -> bool {
        let page = self.as_ptr();
        // As READ_ONCE(): other flags can change at any time.
        // SAFETY: The page is valid. The two bits that are read here do not change as long as it
        // has references.
        unsafe {
            (&raw const (*page).flags.f).read_volatile() & (1 << bindings::pageflags_PG_head) != 0
                || (&raw const (*page).__bindgen_anon_1.__bindgen_anon_3.compound_info)
                    .read_volatile()
                    & 1
                    != 0
        }
    }

    /// Whether this page may be mapped at the offset `pgoff`. If the page is one of several of a
    /// folio, the kernel maps the others around it (`finish_fault()`), so the offset must be what
    /// the folio's index and the page's place in the folio say.
    pub(super) fn serves(&self, pgoff: Pgoff) -> bool {
        // SAFETY: The page is valid.
        !self.is_compound() || unsafe { bindings::page_pgoff(self.as_ptr()) } == pgoff.index()
    }

    /// The page frame, `page_to_pfn()`.
    pub fn pfn(&self) -> Pfn {
        // SAFETY: The page is valid.
        Pfn::containing(unsafe { bindings::page_to_phys(self.as_ptr()) })
    }

    /// Whether the page is hardware-poisoned, `PageHWPoison()`: its memory is known to be broken,
    /// so its bytes must not be accessed.
    pub fn is_hwpoisoned(&self) -> bool {
        // SAFETY: The page is valid.
        unsafe { bindings::page_is_hwpoisoned(self.as_ptr()) }
    }

    /// Gives a reference back, `put_page()`. Returns whether it was the last one, in which case the
    /// page is now free.
    pub fn put(page: ARef<Self>) -> bool {
        let page = ARef::into_raw(page);
        // SAFETY: The reference was ours, and is not used after this.
        unsafe { Folio::put_raw(bindings::page_folio(page.as_ptr().cast())) }
    }
}
