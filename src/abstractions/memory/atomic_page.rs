// SPDX-License-Identifier: GPL-2.0

//! A page that the kernel writes while user space has it mapped.
//!
//! C header: [`include/linux/compiler.h`](srctree/include/linux/compiler.h), `READ_ONCE()` and
//! `WRITE_ONCE()`.

use crate::mm::page::SharedPage;
use kernel::{
    alloc::AllocError,
    page::PAGE_SIZE,
    prelude::*,
    sync::{
        aref::ARef,
        atomic::Atomic, //
    }, //
};

/// A page of 64-bit words, zeroed when allocated.
///
/// The kernel reaches the words as atomics, and copies bytes that it takes for no more than that,
/// so it does not matter to it what user space does to them at the same time.
///
/// # Invariants
///
/// The page has an address in the kernel's linear mapping.
///
/// # Examples
///
/// ```
/// use kernel::sync::atomic::Relaxed;
///
/// let page = AtomicPage::new()?;
/// page.word::<{ AtomicPage::WORDS - 1 }>().store(7, Relaxed);
/// let mapped: ARef<SharedPage> = page.page().into();
/// # let _ = mapped;
/// # Ok::<(), Error>(())
/// ```
pub struct AtomicPage(ARef<SharedPage>);

impl AtomicPage {
    /// How many words there are.
    pub const WORDS: usize = PAGE_SIZE / size_of::<i64>();

    /// Allocates the page.
    ///
    /// # Errors
    ///
    /// [`AllocError`] if there is no memory.
    pub fn new() -> Result<Self, AllocError> {
        let page = SharedPage::alloc(GFP_KERNEL)?;
        // INVARIANT: Without __GFP_HIGHMEM every page has an address there.
        Ok(Self(page))
    }

    /// The page itself, to be mapped.
    pub fn page(&self) -> &SharedPage {
        &self.0
    }

    /// Word number `N`, which is at offset `8 * N` in bytes. One that the page does not have fails
    /// to compile.
    pub fn word<const N: usize>(&self) -> &Atomic<i64> {
        const { assert!(N < Self::WORDS, "the page has no such word") };
        let words = self.0.address().cast::<i64>();
        // SAFETY: By the type invariant the page is mapped at this address, which is a multiple of
        // its size, so the word is in it and aligned. It was zeroed, and any bits are a valid
        // `i64`. The page stays as long as `self` is borrowed. Rust reaches it as atomics only.
        unsafe { Atomic::from_ptr(words.add(N)) }
    }
}
