// SPDX-License-Identifier: GPL-2.0

//! A page that the kernel writes while user space has it mapped.
//!
//! C header: [`include/linux/compiler.h`](srctree/include/linux/compiler.h), `READ_ONCE()` and
//! `WRITE_ONCE()`.

use super::{
    helpers,
    page_ref::PageRef, //
};
use kernel::{
    alloc::AllocError,
    page::PAGE_SIZE,
    prelude::*,
    sync::atomic::Atomic, //
};

/// A page of 64-bit words, zeroed when allocated.
///
/// The kernel reaches the words as atomics, and copies bytes that it takes for no more than that,
/// so it does not matter to it what user space does to them at the same time.
///
/// # Invariants
///
/// The page has an address in the kernel's linear mapping.
pub struct AtomicPage(PageRef);

impl AtomicPage {
    /// How many words there are.
    pub const WORDS: usize = PAGE_SIZE / size_of::<i64>();

    /// Allocates the page.
    pub fn new() -> Result<Self, AllocError> {
        // INVARIANT: Without __GFP_HIGHMEM every page has one.
        Ok(Self(PageRef::alloc(GFP_KERNEL)?))
    }

    /// The page itself, to be mapped.
    pub fn page(&self) -> &PageRef {
        &self.0
    }

    /// Word number `N`, which is at offset `8 * N` in bytes. One that the page does not have fails
    /// to compile.
    pub fn word<const N: usize>(&self) -> &Atomic<i64> {
        const { assert!(N < Self::WORDS, "the page has no such word") };
        // SAFETY: The page is valid as long as `self` exists.
        let page = unsafe { helpers::simple_mmap_page_address(self.0.as_ptr()) }.cast::<i64>();
        // SAFETY: By the type invariant the page is mapped at this address, which is a multiple of
        // its size, so the word is in it and aligned. It was zeroed, and any bits are a valid
        // `i64`. The page stays as long as `self` is borrowed. Rust reaches it as atomics only.
        unsafe { Atomic::from_ptr(page.add(N)) }
    }
}
