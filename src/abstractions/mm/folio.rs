// SPDX-License-Identifier: GPL-2.0

//! Folios: pages that are allocated, and mapped, as one.
//!
//! C headers: [`include/linux/mm_types.h`](srctree/include/linux/mm_types.h), `struct folio`,
//! [`include/linux/gfp.h`](srctree/include/linux/gfp.h), `alloc_pages()`.

use super::pgoff::Pgoff;
use crate::{
    alloc::AllocError,
    bindings,
    sync::aref::{
        ARef,
        AlwaysRefCounted, //
    },
    types::Opaque, //
};
use core::ptr::NonNull;

/// A folio of 2^order pages, for the 2^order offsets of a file from its index on.
///
/// References work as those of [`SharedPage`] do. A reference on one of the folio's pages is one on
/// the folio.
///
/// [`SharedPage`]: super::page::SharedPage
///
/// When a process touches a page of a folio, the kernel also maps the folio's other pages around
/// that page, if they are all in the VMA and below the file's size (`finish_fault()`). So a page is
/// only served at the offset that the folio's index and the page's place in the folio say.
/// [`Self::alloc`] sets the index before anybody else knows the folio, and the index never changes.
///
/// # Invariants
///
/// This is the first `struct page` of a folio that has references. The C side overlays it with the
/// `struct folio`. If the folio's order is not 0, its index is a multiple of the number of its
/// pages.
///
/// # Examples
///
/// ```
/// use kernel::{
///     mm::{
///         folio::Folio,
///         page::SharedPage,
///         pgoff::Pgoff, //
///     },
///     sync::aref::ARef, //
/// };
///
/// let folio = Folio::alloc(2, Pgoff::new(8))?;
/// assert_eq!(folio.order(), 2);
/// let page: ARef<SharedPage> = (&folio.pages()[1]).into();
/// assert!(!Folio::put(folio));
/// assert!(SharedPage::put(page));
/// assert!(Folio::alloc(2, Pgoff::new(9)).is_err());
/// assert!(Folio::alloc(Folio::MAX_ORDER + 1, Pgoff::new(0)).is_err());
/// # Ok::<(), Error>(())
/// ```
#[repr(transparent)]
pub struct Folio(Opaque<bindings::page>);

// SAFETY: References on a folio may be given back by any thread.
unsafe impl Send for Folio {}

// SAFETY: The methods that take `&self` take further references, which is atomic, read fields that
// do not change, or test and set flags, which is atomic.
unsafe impl Sync for Folio {}

// SAFETY: By the type invariant the folio has references, and stays as long as it has one.
unsafe impl AlwaysRefCounted for Folio {
    fn inc_ref(&self) {
        // SAFETY: By the type invariant the folio is valid. The C side overlays a folio and its
        // first page, and a reference on that is one on the folio.
        unsafe { bindings::get_page_saturating(self.as_ptr().cast()) };
    }

    unsafe fn dec_ref(folio: NonNull<Self>) {
        // SAFETY: The caller gives up a reference.
        unsafe { Self::put_raw(folio.as_ptr().cast()) };
    }
}

impl Folio {
    /// The largest order: one entry of a PMD maps a folio of this order, 2 MiB with pages of 4 KiB.
    pub const MAX_ORDER: u32 = bindings::PMD_ORDER;

    /// Allocates a folio of 2^`order` pages for user space. It is zeroed. Its first page is for the
    /// offset `index`.
    ///
    /// If the folio is to have more than one page, this fails soon where there is no contiguous
    /// memory: the page allocator does not try hard to make some (`__GFP_NORETRY`).
    ///
    /// The folio comes from `alloc_pages()`, and not from `folio_alloc()`, which would mark it as
    /// "large rmappable" (`page_rmappable_folio()`): the kernel assumes that such folios are of the
    /// page cache or anonymous memory, and tries to split them. According to the comment in
    /// `__folio_rmap_sanity_checks()`, folios without the mark may one day be allowed in
    /// VM_MIXEDMAP VMAs only. All folios without the mark that the abstractions map come from this
    /// function.
    ///
    /// # Errors
    ///
    /// [`AllocError`] if there is no memory, `order` is more than [`Self::MAX_ORDER`], or `index`
    /// is not a multiple of 2^`order`.
    pub fn alloc(order: u32, index: Pgoff) -> Result<ARef<Self>, AllocError> {
        if order > Self::MAX_ORDER || index.index() & ((1 << order) - 1) != 0 {
            return Err(AllocError);
        }
        let mut gfp = bindings::GFP_HIGHUSER | bindings::__GFP_ZERO;
        if order > 0 {
            gfp |= bindings::__GFP_COMP
                | bindings::__GFP_NOMEMALLOC
                | bindings::__GFP_NORETRY
                | bindings::__GFP_NOWARN;
        }
        // SAFETY: This is process context, where allocating may sleep. It fails if the order is
        // larger than those of the page allocator.
        let page = NonNull::new(unsafe { bindings::alloc_pages(gfp, order) }).ok_or(AllocError)?;
        // The C side overlays the first page of a folio with the folio.
        let folio: NonNull<bindings::folio> = page.cast();
        // SAFETY: The folio is ours alone so far.
        unsafe { bindings::folio_set_index(folio.as_ptr(), index.index()) };
        // INVARIANT: The index was checked to be a multiple of the number of pages.
        // SAFETY: What was allocated has one reference, which is ours.
        Ok(unsafe { ARef::from_raw(folio.cast()) })
    }

    pub(super) fn as_ptr(&self) -> *mut bindings::folio {
        self.0.get().cast()
    }

    /// The order, `folio_order()`: the folio has 2^order pages.
    pub fn order(&self) -> u32 {
        // SAFETY: By the type invariant the folio is valid.
        unsafe { bindings::folio_order(self.as_ptr()) }
    }

    /// Whether one entry of a PMD may map the folio: the folio has the order for that, and none of
    /// its pages is hardware-poisoned. If one is, each page needs an entry of its own, so that the
    /// kernel finds the poisoned page when a process touches it.
    pub(super) fn is_pmd_mappable(&self) -> bool {
        if self.order() != Self::MAX_ORDER {
            return false;
        }
        // SAFETY: By the type invariant the folio is valid.
        !unsafe { bindings::folio_find_hwpoisoned(self.as_ptr()) }
    }

    /// Keeps `finish_fault()` from mapping the folio by an entry of a PMD from now on: marks the
    /// folio as having a hardware-poisoned page, and such a folio `do_set_pmd()` does not map. A
    /// `huge_fault` operation can still do so. It would not suffice to make a page table before the
    /// fault returns, because `madvise()` can free that at any time (`CONFIG_PT_RECLAIM`).
    ///
    /// Without `CONFIG_MEMORY_FAILURE` the kernel has no such mark, and this does nothing.
    pub(super) fn set_pte_mapped(&self) {
        // SAFETY: By the type invariant the folio is valid. The mark makes others treat it like a
        // folio with a poisoned page, which is always allowed.
        unsafe { bindings::folio_set_has_hwpoisoned(self.as_ptr()) };
    }

    /// Gives a reference back, `folio_put()`. Returns whether it was the last one, so that the
    /// folio is free.
    pub fn put(folio: ARef<Self>) -> bool {
        // SAFETY: The reference was ours, and is not used after this.
        unsafe { Self::put_raw(ARef::into_raw(folio).as_ptr().cast()) }
    }

    /// Gives a reference back. Returns whether it was the last one.
    ///
    /// # Safety
    ///
    /// The caller must own a reference on the folio, and give it up.
    pub(super) unsafe fn put_raw(folio: *mut bindings::folio) -> bool {
        // SAFETY: The caller owns a reference.
        let last = unsafe { bindings::folio_put_testzero_saturating(folio) };
        if last {
            // SAFETY: Nobody has a reference any more, which is when this is to be called.
            unsafe { bindings::__folio_put(folio) };
        }
        last
    }
}
