// SPDX-License-Identifier: GPL-2.0

//! References on pages.
//!
//! A `struct page` is freed when the last reference on it is given back, whoever that is: the
//! driver that allocated it, a page table, a pipe, a pin. [`kernel::page::Page`] is the only owner
//! of its page and frees it; a [`PageRef`] is one owner among others.
//!
//! C header: [`include/linux/mm.h`](srctree/include/linux/mm.h), `get_page()` and `put_page()`.

use super::helpers;
use core::{
    cmp::min,
    mem::ManuallyDrop,
    ops::Range,
    ptr::NonNull, //
};
use kernel::{
    alloc::{
        flags::__GFP_ZERO,
        AllocError,
        Flags, //
    },
    bindings,
    iov::{
        IovIterDest,
        IovIterSource, //
    },
    page::{
        Page,
        PAGE_SIZE, //
    },
    prelude::*,
    sync::atomic::{
        Atomic,
        Full,
        Relaxed, //
    }, //
};

/// A reference on a page.
///
/// Cloning takes another reference, `get_page()`; dropping gives one back, `put_page()`.
///
/// # Invariants
///
/// The pointer is to a valid `struct page`, and this value owns one reference on it.
#[repr(transparent)]
pub struct PageRef(NonNull<bindings::page>);

// SAFETY: References on a page may be given back by any thread.
unsafe impl Send for PageRef {}

// SAFETY: The methods by shared reference take further references, which is atomic, compute the
// page's address, which never changes, and copy bytes that others may write meanwhile.
unsafe impl Sync for PageRef {}

impl PageRef {
    /// Allocates a page, zeroed, as it is for user space to see; the reference is the first on it.
    pub fn alloc(flags: Flags) -> Result<Self, AllocError> {
        let page = ManuallyDrop::new(Page::alloc_page(flags | __GFP_ZERO)?);
        // INVARIANT: A `Page` is a valid page of order 0 with one reference, which is now ours, as
        // the `Page` is never dropped.
        NonNull::new(page.as_ptr()).map(Self).ok_or(AllocError)
    }

    /// The physical address of the page's first byte.
    pub fn phys(&self) -> bindings::phys_addr_t {
        // SAFETY: By the type invariant the page is valid.
        unsafe { helpers::simple_mmap_page_to_phys(self.0.as_ptr()) }
    }

    /// Copies a range of the page's bytes to user space, `copy_page_to_iter()`. Returns how many;
    /// fewer where user space has no memory, or the range exceeds the page.
    pub fn copy_to_iter(&self, range: Range<usize>, to: &mut IovIterDest<'_>) -> usize {
        let start = min(range.start, PAGE_SIZE);
        let len = min(range.end, PAGE_SIZE).saturating_sub(start);
        // SAFETY: The page is valid, and the range in it. Whoever else writes there meanwhile, this
        // copies bytes and nothing else.
        unsafe { bindings::copy_page_to_iter(self.0.as_ptr(), start, len, to.as_raw()) }
    }

    /// Copies a range of the page's bytes from user space, `copy_page_from_iter()`. Returns how
    /// many; fewer where user space has no memory, or the range exceeds the page.
    pub fn copy_from_iter(&self, range: Range<usize>, from: &mut IovIterSource<'_>) -> usize {
        let start = min(range.start, PAGE_SIZE);
        let len = min(range.end, PAGE_SIZE).saturating_sub(start);
        // SAFETY: As in `copy_to_iter`; there is no Rust reference into the page.
        unsafe { bindings::copy_page_from_iter(self.0.as_ptr(), start, len, from.as_raw()) }
    }

    /// Gives the reference back. Returns whether it was the last one, so that the page is free.
    pub fn put(self) -> bool {
        // SAFETY: By the type invariant we own a reference, and it is not used after this.
        unsafe { helpers::simple_mmap_put_page(self.into_raw()) }
    }

    /// Takes a reference over from the C side.
    ///
    /// # Safety
    ///
    /// `page` must be valid, and the caller own a reference on it and give it up.
    pub(super) unsafe fn from_raw(page: *mut bindings::page) -> Self {
        // INVARIANT: As the caller promises.
        // SAFETY: A valid pointer is not null.
        Self(unsafe { NonNull::new_unchecked(page) })
    }

    /// The page, which is valid as long as `self` exists.
    pub(super) fn as_ptr(&self) -> *mut bindings::page {
        self.0.as_ptr()
    }

    /// Hands the reference over to the C side.
    pub(super) fn into_raw(self) -> *mut bindings::page {
        ManuallyDrop::new(self).0.as_ptr()
    }
}

impl Clone for PageRef {
    fn clone(&self) -> Self {
        // SAFETY: By the type invariant the page is valid and has a reference already.
        unsafe { helpers::simple_mmap_get_page(self.0.as_ptr()) };
        // INVARIANT: We just took the reference that the new value owns.
        Self(self.0)
    }
}

impl Drop for PageRef {
    fn drop(&mut self) {
        // SAFETY: By the type invariant we own a reference, and it is not used after this.
        unsafe { helpers::simple_mmap_put_page(self.0.as_ptr()) };
    }
}

/// A place for a page that is put there once, and stays then.
///
/// It takes no lock: of several threads that put a page there at once, one wins, and the others
/// get their pages back.
///
/// # Invariants
///
/// The pointer is null or what `PageRef::into_raw` returned, with its reference ours. Once it is
/// not null it does not change as long as `self` is shared.
#[repr(transparent)]
pub struct OncePage(Atomic<*mut bindings::page>);

impl OncePage {
    /// A place with no page yet.
    pub const fn empty() -> Self {
        // INVARIANT: The pointer is null.
        Self(Atomic::new(core::ptr::null_mut()))
    }

    /// Whether there is a page yet.
    #[inline]
    fn is_set(&self) -> bool {
        // As READ_ONCE(): what is reached through the pointer is read after it, as it depends on
        // the address, and was written before `get_or_set` published that.
        // SAFETY: The pointer is valid as long as `self` is borrowed.
        let page = unsafe { self.0.as_ptr().read_volatile() };
        !page.is_null()
    }

    /// The page, if there is one yet.
    #[inline]
    pub fn get(&self) -> Option<&PageRef> {
        if !self.is_set() {
            return None;
        }
        // SAFETY: A `PageRef` is a pointer that is not null, with a reference. By the invariant of
        // `OncePage` that is what stands here, and it does not change as long as `self` is
        // borrowed.
        Some(unsafe { &*self.0.as_ptr().cast() })
    }

    /// Puts a page there, if there is none yet. Returns the page that is there then, and whether it
    /// is that one.
    pub fn get_or_set(&self, page: PageRef) -> (&PageRef, bool) {
        let raw = page.into_raw();
        // INVARIANT: Only null is replaced, and by a pointer whose reference `into_raw` gave up.
        let is_set = self.0.cmpxchg(core::ptr::null_mut(), raw, Full).is_ok();
        if !is_set {
            // SAFETY: `into_raw` returned this, and its reference is still ours to give back.
            drop(unsafe { PageRef::from_raw(raw) });
        }
        // SAFETY: As in `get`; this is not null by now.
        (unsafe { &*self.0.as_ptr().cast() }, is_set)
    }

    /// The pages in a row of places around `places[at]`, as far as `range` goes and no place is
    /// empty. Returns the index of the first, and the pages. If `places[at]` is empty, it ends
    /// there.
    #[inline]
    pub fn row(places: &[Self], range: Range<usize>, at: usize) -> (usize, &[PageRef]) {
        let places = &places[..min(range.end, places.len())];
        let at = min(at, places.len());
        let (before, after) = places.split_at(at);
        let before = &before[min(range.start, at)..];
        let before_len = before.iter().rev().take_while(|place| place.is_set());
        let after_len = after.iter().take_while(|place| place.is_set());
        let first = at - before_len.count();
        let row = &places[first..at + after_len.count()];
        // SAFETY: As in `get`, for each place of the row: none of them is empty.
        let pages = unsafe { core::slice::from_raw_parts(row.as_ptr().cast(), row.len()) };
        (first, pages)
    }

    /// Takes the page out, if there is one.
    pub fn take(&mut self) -> Option<PageRef> {
        let page = NonNull::new(self.0.load(Relaxed))?;
        // INVARIANT: Nobody else has access, so that nobody sees the change.
        self.0.store(core::ptr::null_mut(), Relaxed);
        // INVARIANT: The reference was ours by the type invariant, and now is the `PageRef`'s.
        Some(PageRef(page))
    }
}

impl Drop for OncePage {
    fn drop(&mut self) {
        drop(self.take());
    }
}
