// SPDX-License-Identifier: GPL-2.0

//! How the processor caches what is mapped.
//!
//! C header: [`include/linux/pgtable.h`](srctree/include/linux/pgtable.h), `pgprot_noncached()`,
//! `pgprot_writecombine()`.

use crate::bindings;

/// How the processor caches a mapping: [`Cached`], [`Uncached`] or [`WriteCombining`].
///
/// # Examples
///
/// ```
/// use kernel::mm::caching::{
///     Cached,
///     Caching,
///     Uncached,
///     WriteCombining, //
/// };
///
/// fn is_known<C: Caching>() {}
///
/// is_known::<Cached>();
/// is_known::<Uncached>();
/// is_known::<WriteCombining>();
/// ```
pub trait Caching: Protection + 'static {}

pub(super) use private::Protection;

/// Cached, as RAM is.
pub struct Cached(());

/// Not cached, and each access is made on its own, `pgprot_noncached()`: for registers.
pub struct Uncached(());

/// Not cached, except that several stores may be combined on their way, `pgprot_writecombine()`:
/// for video memory and the like.
pub struct WriteCombining(());

impl Caching for Cached {}
impl Caching for Uncached {}
impl Caching for WriteCombining {}

mod private {
    use super::bindings;

    pub trait Protection {
        /// The protection with this kind of caching.
        fn cached_so(prot: bindings::pgprot_t) -> bindings::pgprot_t;
    }

    impl Protection for super::Cached {
        fn cached_so(prot: bindings::pgprot_t) -> bindings::pgprot_t {
            prot
        }
    }

    impl Protection for super::Uncached {
        fn cached_so(prot: bindings::pgprot_t) -> bindings::pgprot_t {
            // SAFETY: Any protection has a variant that is not cached.
            unsafe { bindings::pgprot_noncached(prot) }
        }
    }

    impl Protection for super::WriteCombining {
        fn cached_so(prot: bindings::pgprot_t) -> bindings::pgprot_t {
            // SAFETY: Any protection has a variant that is not cached and combines writes.
            unsafe { bindings::pgprot_writecombine(prot) }
        }
    }
}
