// SPDX-License-Identifier: GPL-2.0

//! Folios that one entry of a PMD maps: 2 MiB with pages of 4 KiB.
//!
//! C headers: [`include/linux/huge_mm.h`](srctree/include/linux/huge_mm.h), `PMD_ORDER`,
//! [`include/linux/gfp.h`](srctree/include/linux/gfp.h), `folio_alloc()`.

use super::{
    helpers,
    page_ref::PageRef, //
};
use core::ptr::{
    self,
    NonNull, //
};
use kernel::{
    bindings,
    sync::atomic::{
        Acquire,
        Atomic,
        Full,
        Relaxed, //
    }, //
};

/// A reference on a folio of order `PMD_ORDER`.
///
/// # Invariants
///
/// The page is the first one of such a folio.
#[repr(transparent)]
pub struct PmdFolio(PageRef);

impl PmdFolio {
    /// How many pages there are in one.
    pub const PAGES: usize = 1 << helpers::simple_mmap_pmd_order;

    /// Allocates a folio, zeroed, as it is for user space to see; the reference is the first on it.
    ///
    /// Fails if there is no contiguous memory of that size, without going to great lengths to make
    /// some.
    pub fn alloc() -> Option<Self> {
        // SAFETY: This is process context, where allocating may sleep.
        let page = unsafe { helpers::simple_mmap_alloc_pmd_folio() };
        // INVARIANT: It has this order.
        // SAFETY: What was allocated has one reference, which is ours.
        NonNull::new(page).map(|page| Self(unsafe { PageRef::from_raw(page.as_ptr()) }))
    }

    /// A page of it, with a reference of its own on the folio. There are [`Self::PAGES`]; of the
    /// index the remainder counts.
    pub fn page(&self, index: usize) -> PageRef {
        // SAFETY: By the type invariant the folio has this page, and `self` a reference on it.
        unsafe {
            let page = self.0.as_ptr().add(index % Self::PAGES);
            helpers::simple_mmap_get_page(page);
            PageRef::from_raw(page)
        }
    }

    /// Gives the reference back. Returns whether it was the last one, so that the folio is free.
    pub fn put(self) -> bool {
        self.0.put()
    }

    /// The folio, which is valid as long as `self` exists.
    pub(super) fn as_ptr(&self) -> *mut bindings::folio {
        // The C side overlays a folio and its first page.
        self.0.as_ptr().cast()
    }
}

/// A place for a folio of which is decided once whether there is one, and stays decided.
///
/// # Invariants
///
/// The pointer is null, `NONE`, or what `PageRef::into_raw` of a `PmdFolio` returned, with its
/// reference ours. Once it is not null it does not change as long as `self` is shared.
pub struct OncePmdFolio(Atomic<*mut bindings::page>);

/// What stands for a decision against a folio.
const NONE: *mut bindings::page = NonNull::dangling().as_ptr();

impl OncePmdFolio {
    /// A place of which nothing is decided yet.
    pub const fn undecided() -> Self {
        // INVARIANT: The pointer is null.
        Self(Atomic::new(ptr::null_mut()))
    }

    /// The folio, if it is decided that there is one.
    pub fn get(&self) -> Option<&PmdFolio> {
        let page = self.0.load(Acquire);
        if page.is_null() || page == NONE {
            return None;
        }
        // SAFETY: A `PmdFolio` is a pointer that is not null, with a reference. By the type
        // invariant that is what stands here, and it does not change as long as `self` is borrowed.
        Some(unsafe { &*self.0.as_ptr().cast() })
    }

    /// The folio, if it is decided that there is one, or if one can be allocated to decide that.
    ///
    /// To the thread that decides, `decided` tells whether there is one.
    pub fn get_or_alloc(&self, decided: impl FnOnce(bool)) -> Option<&PmdFolio> {
        if self.0.load(Relaxed).is_null() {
            let folio = PmdFolio::alloc();
            let found = folio.is_some();
            let page = folio.map_or(NONE, |folio| folio.0.into_raw());
            // INVARIANT: Only null is replaced, and by what may be there.
            if self.0.cmpxchg(ptr::null_mut(), page, Full).is_ok() {
                decided(found);
            } else if found {
                // SAFETY: `into_raw` returned this, and its reference is still ours to give back.
                drop(unsafe { PageRef::from_raw(page) });
            }
        }
        self.get()
    }

    /// Takes the folio out, if there is one. Nothing is decided then.
    pub fn take(&mut self) -> Option<PmdFolio> {
        let page = self.0.load(Relaxed);
        // INVARIANT: Nobody else has access, so that nobody sees the change.
        self.0.store(ptr::null_mut(), Relaxed);
        if page.is_null() || page == NONE {
            return None;
        }
        // INVARIANT: The reference was ours by the type invariant, and now is the folio's.
        // SAFETY: `into_raw` returned this.
        Some(PmdFolio(unsafe { PageRef::from_raw(page) }))
    }
}

impl Drop for OncePmdFolio {
    fn drop(&mut self) {
        drop(self.take());
    }
}
