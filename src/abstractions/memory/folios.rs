// SPDX-License-Identifier: GPL-2.0

//! A region of pages that are allocated when they are first asked for, in folios.

use super::may_fail::{
    filled,
    MayFailVec, //
};
use crate::{
    compat::once_ref::OnceRef,
    mm::{
        folio::Folio,
        page::SharedPage,
        pgoff::Pgoff, //
    }, //
};
use kernel::{
    alloc::AllocError,
    new_mutex,
    prelude::*,
    sync::{
        Arc,
        Mutex, //
    }, //
};

/// A listener that is told what happens to the folios of a region.
pub trait FolioEvents: Send + Sync + 'static {
    /// A folio of 2^`order` pages was allocated.
    fn allocated(&self, _order: u32) {}

    /// There was no memory for a folio of the region's order, so smaller ones are used instead.
    fn fell_back(&self) {}

    /// The region was dropped, and with that a folio of 2^`order` pages was freed. This is not
    /// called for a folio that somebody else still holds.
    fn freed(&self, _order: u32) {}
}

/// Ignores all events.
impl FolioEvents for () {}

/// A region of pages for the offsets of a file from 0 on. Each page is allocated, and zeroed, when
/// it is first asked for.
///
/// The pages are allocated in folios of 2^order pages, each at an offset that is a multiple of
/// that. Where there is no memory for such a folio, or it would exceed the region, smaller ones are
/// used. A page that was allocated stays as long as the region.
///
/// # Examples
///
/// ```
/// struct Show;
///
/// impl FolioEvents for Show {
///     fn allocated(&self, order: u32) {
///         pr_info!("{} pages\n", 1 << order);
///     }
/// }
///
/// let events = Arc::new(Show, GFP_KERNEL)?;
/// let region = KBox::pin_init(FolioRegion::new(10, 2, events), GFP_KERNEL)?;
/// assert!(region.page(Pgoff::new(5)).is_none());
/// region.get_or_alloc(Pgoff::new(5))?;
/// assert!(region.page(Pgoff::new(4)).is_some());
/// assert!(region.get_or_alloc(Pgoff::new(10)).is_err());
/// assert_eq!(region.pages(), 10);
/// # Ok::<(), Error>(())
/// ```
#[pin_data(PinnedDrop)]
pub struct FolioRegion<E: FolioEvents> {
    /// One place for each page. It holds a reference of its own on the page's folio.
    pages: MayFailVec<OnceRef<SharedPage>>,
    order: u32,
    events: Arc<E>,
    /// Whether a folio of a smaller order was put into its places. The lock is held while a folio
    /// is put into its places, so that it gets all of them or none.
    #[pin]
    has_smaller: Mutex<bool>,
}

impl<E: FolioEvents> FolioRegion<E> {
    /// The largest order.
    pub const MAX_ORDER: u32 = Folio::MAX_ORDER;

    /// Makes a region of `pages` pages, none of which is allocated yet, in folios of 2^`order`
    /// pages.
    ///
    /// # Errors
    ///
    /// - [`EINVAL`] if `order` is more than [`Self::MAX_ORDER`].
    /// - [`ENOMEM`] if there is no memory for a table with a pointer for each page.
    pub fn new(pages: usize, order: u32, events: Arc<E>) -> impl PinInit<Self, Error> {
        try_pin_init!(Self {
            pages: {
                if order > Self::MAX_ORDER {
                    return Err(EINVAL);
                }
                filled(pages, OnceRef::empty)?
            },
            order,
            events,
            has_smaller <- new_mutex!(false, "FolioRegion::has_smaller"),
        })
    }

    /// How many pages there are, allocated or not.
    #[inline]
    pub fn pages(&self) -> usize {
        self.pages.len()
    }

    /// The page for an offset, if it is allocated.
    #[inline]
    pub fn page(&self, pgoff: Pgoff) -> Option<&SharedPage> {
        self.pages.get(pgoff.index())?.get()
    }

    /// The page for an offset. It is allocated if it was not yet.
    ///
    /// # Errors
    ///
    /// [`AllocError`] if there is no memory, or if the offset is not in the region. A `fault` must
    /// check the offset itself and return a `SIGBUS`, because after [`AllocError`] the process
    /// would touch the page again, without end.
    #[inline]
    pub fn get_or_alloc(&self, pgoff: Pgoff) -> Result<&SharedPage, AllocError> {
        match self.page(pgoff) {
            Some(page) => Ok(page),
            None => self.alloc(pgoff),
        }
    }

    #[cold]
    fn alloc(&self, pgoff: Pgoff) -> Result<&SharedPage, AllocError> {
        if pgoff.index() >= self.pages() {
            return Err(AllocError);
        }
        for order in (0..=self.order).rev() {
            let start = pgoff.index() >> order << order;
            // A folio that would exceed the region is not used: smaller ones are.
            let Some(places) = self.pages.get(start..start + (1 << order)) else {
                continue;
            };
            // Another thread that got no folio of this order can have put a smaller one there.
            let is_split =
                |has_smaller: bool| has_smaller && places.iter().any(|place| place.get().is_some());
            // For a single page the lock is not taken: if two threads allocate one for the same
            // place, one of them frees its page again, which costs less.
            if order > 0 {
                let has_smaller = self.has_smaller.lock();
                if let Some(page) = self.page(pgoff) {
                    return Ok(page);
                }
                if is_split(*has_smaller) {
                    continue;
                }
            }
            // The folio is allocated without the lock, because that takes long. If another thread
            // fills the places first, the folio is freed again, and `events` does not get to know
            // it.
            let folio = Folio::alloc(order, Pgoff::new(start));
            let mut has_smaller = self.has_smaller.lock();
            if let Some(page) = self.page(pgoff) {
                return Ok(page);
            }
            let Ok(folio) = folio else {
                drop(has_smaller);
                if order == self.order && order > 0 {
                    self.events.fell_back();
                }
                continue;
            };
            if is_split(*has_smaller) {
                continue;
            }
            *has_smaller |= order < self.order;
            for (place, page) in places.iter().zip(folio.pages()) {
                // The place is empty, and nobody else fills it while the lock is held.
                let _ = place.set(page.into());
            }
            drop(has_smaller);
            self.events.allocated(order);
            return self.page(pgoff).ok_or(AllocError);
        }
        Err(AllocError)
    }
}

#[pinned_drop]
impl<E: FolioEvents> PinnedDrop for FolioRegion<E> {
    fn drop(self: Pin<&mut Self>) {
        let this = self.project();
        while let Some(mut place) = this.pages.pop() {
            if let Some(page) = place.take() {
                if page.is_hwpoisoned() {
                    // The reference is never given back, so that the folio is not allocated again.
                    core::mem::forget(page);
                    continue;
                }
                let order = page.folio().order();
                // The folio is freed by the last of our references on it, if nobody else has one.
                if SharedPage::put(page) {
                    this.events.freed(order);
                }
            }
        }
    }
}
