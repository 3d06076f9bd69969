// SPDX-License-Identifier: GPL-2.0

//! Folios: pages that are allocated, and mapped, as one.
//!
//! C headers: [`include/linux/mm_types.h`](srctree/include/linux/mm_types.h), `struct folio`,
//! [`include/linux/gfp.h`](srctree/include/linux/gfp.h), `alloc_pages()`.

use super::pgoff::Pgoff;
use crate::compat::helpers;
use core::ptr::NonNull;
use kernel::{
    alloc::AllocError,
    bindings,
    sync::aref::{
        ARef,
        AlwaysRefCounted, //
    },
    types::Opaque, //
};

/// A folio of 2^order pages, for the 2^order offsets of a file from its index on.
///
/// References work as those of [`SharedPage`] do, and a reference on one of its pages is one on the
/// folio.
///
/// [`SharedPage`]: super::page::SharedPage
///
/// The kernel maps all pages of a folio when one is touched, at the offsets that follow from the
/// folio's index, if they are all in the VMA and below the file's size (`finish_fault()`). So the
/// index is set here, before anybody else knows the folio, and does not change.
///
/// # Invariants
///
/// This is the first page of a folio with references, which the C side overlays with the folio. If
/// its order is not 0, its index is a multiple of the number of
/// its pages.
///
/// # Examples
///
/// ```
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

// SAFETY: The methods by shared reference take further references, which is atomic, and read what
// does not change.
unsafe impl Sync for Folio {}

// SAFETY: By the type invariant the folio has references, and stays as long as it has one.
unsafe impl AlwaysRefCounted for Folio {
    fn inc_ref(&self) {
        // SAFETY: By the type invariant the folio is valid. The C side overlays a folio and its
        // first page, and a reference on that is one on the folio.
        unsafe { helpers::get_page(self.as_ptr().cast()) };
    }

    unsafe fn dec_ref(folio: NonNull<Self>) {
        // SAFETY: The caller gives up a reference.
        unsafe { Self::put_raw(folio.as_ptr().cast()) };
    }
}

impl Folio {
    /// The largest order: that of what one entry of a PMD maps, 2 MiB with pages of 4 KiB.
    pub const MAX_ORDER: u32 = helpers::PMD_ORDER;

    /// Allocates a folio of 2^`order` pages, zeroed, as it is for user space to see. Its first page
    /// is for the offset `index`.
    ///
    /// If there is no contiguous memory for one of more than a page, it fails without going to
    /// great lengths to make some.
    ///
    /// The folio is one of `alloc_pages()`, not of `folio_alloc()`, which would mark it as "large
    /// rmappable" (`page_rmappable_folio()`): the kernel takes such folios for those of the page
    /// cache or of anonymous memory, and tries to split them. The comment in
    /// `__folio_rmap_sanity_checks()` would have others in VM_MIXEDMAP VMAs only. All that this
    /// driver maps of such folios comes from here.
    ///
    /// # Errors
    ///
    /// [`AllocError`] if there is no memory, `order` is more than [`Self::MAX_ORDER`], or `index`
    /// is not a multiple of 2^`order`.
    pub fn alloc(order: u32, index: Pgoff) -> Result<ARef<Self>, AllocError> {
        if order > Self::MAX_ORDER || index.index() & ((1 << order) - 1) != 0 {
            return Err(AllocError);
        }
        let mut gfp = helpers::GFP_HIGHUSER | bindings::__GFP_ZERO;
        if order > 0 {
            gfp |= helpers::__GFP_COMP
                | helpers::__GFP_NOMEMALLOC
                | helpers::__GFP_NORETRY
                | bindings::__GFP_NOWARN;
        }
        // SAFETY: This is process context, where allocating may sleep, and the order is one that
        // the page allocator has.
        let page = NonNull::new(unsafe { bindings::alloc_pages(gfp, order) }).ok_or(AllocError)?;
        // What was allocated is the first page of a folio, which the C side overlays with it.
        let folio: NonNull<bindings::folio> = page.cast();
        // SAFETY: The folio is ours alone so far.
        unsafe { helpers::folio_set_index(folio.as_ptr(), index.index()) };
        // INVARIANT: The index was checked to be a multiple.
        // SAFETY: What was allocated has one reference, which is ours.
        Ok(unsafe { ARef::from_raw(folio.cast()) })
    }

    pub(super) fn as_ptr(&self) -> *mut bindings::folio {
        self.0.get().cast()
    }

    /// The order: there are 2^this pages. `folio_order()`.
    pub fn order(&self) -> u32 {
        // SAFETY: By the type invariant the folio is valid.
        unsafe { helpers::folio_order(self.as_ptr()) }
    }

    /// Whether one entry of a PMD can map it: it has the order for that, and no page of it is known
    /// to be broken. A broken page has to be found when it is touched, which takes an entry of its
    /// own.
    pub(super) fn is_pmd_mappable(&self) -> bool {
        // SAFETY: By the type invariant the folio is valid.
        self.order() == Self::MAX_ORDER && !unsafe { helpers::folio_find_hwpoisoned(self.as_ptr()) }
    }

    /// Has no fault map the folio by an entry of a PMD any more, but where `huge_fault` does: marks
    /// it as one with a broken page, which is all that `do_set_pmd()` asks for. A page table made
    /// in time would not do, as `madvise()` can free it at any moment (`CONFIG_PT_RECLAIM`).
    ///
    /// A kernel without `CONFIG_MEMORY_FAILURE` has no such mark.
    pub(super) fn set_pte_mapped(&self) {
        // SAFETY: By the type invariant the folio is valid. Nobody takes the mark of one that is in
        // no page cache for more than that.
        unsafe { helpers::folio_set_has_hwpoisoned(self.as_ptr()) };
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
        let last = unsafe { helpers::folio_put_testzero(folio) };
        if last {
            // SAFETY: Nobody has a reference any more, which is when this is to be called.
            unsafe { bindings::__folio_put(folio) };
        }
        last
    }
}
