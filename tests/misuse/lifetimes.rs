// SPDX-License-Identifier: GPL-2.0

//! What drivers must not be able to do, refused for its lifetimes, which the compiler looks at when
//! all types are right. The comment above each function has the reason that tests/host/misuse.sh
//! looks for.

use kernel::{
    prelude::*,
    sync::Arc, //
};

#[path = "../../src/abstractions/mod.rs"]
pub mod abstractions;

use abstractions::{
    page_ref::PageRef,
    pages_exact::PagesExact,
    vm_operations::VmOperations,
    vma::VmaNew, //
};

module! {
    type: Misuse,
    name: "misuse",
    authors: ["The simple developers"],
    description: "Must not compile",
    license: "GPL v2",
}

pub struct Misuse;

impl kernel::Module for Misuse {
    fn init(_module: &'static ThisModule) -> Result<Self> {
        Ok(Self)
    }
}

/// What the VMAs work on.
pub struct Data {
    pages: PagesExact,
}

#[vtable]
impl VmOperations for Data {}

/// VM_PFNMAP and VM_MIXEDMAP in one VMA.
// EXPECT use of moved value: `vma`
pub fn both_kinds(vma: VmaNew<'_>, data: Arc<Data>) {
    let _ = vma.into_pfnmap(data.clone());
    let _ = vma.into_mixedmap(data);
}

/// Page frames of memory that the VMA's data does not own.
// EXPECT cannot return reference to local variable `stray`
pub fn memory_that_goes(vma: VmaNew<'_>, data: Arc<Data>) {
    let mut vma = vma.into_pfnmap(data);
    let _ = vma.remap_pfn_range(
        |_| {
            let stray = PagesExact::new(1).unwrap_or_else(|_| panic!());
            &stray
        },
        0..1,
    );
}

/// The same, with memory that is borrowed from elsewhere.
// EXPECT `other` does not live long enough
pub fn memory_of_somebody_else(vma: VmaNew<'_>, data: Arc<Data>, other: PagesExact) {
    let mut vma = vma.into_pfnmap(data);
    let _ = vma.remap_pfn_range(|_| &other, 0..1);
}

/// A reference on a page given back twice.
// EXPECT use of moved value: `page`
pub fn drop_twice(page: PageRef) {
    drop(page);
    drop(page);
}

/// A VMA that is kept beyond its mmap handler.
// EXPECT lifetime may not live long enough
pub fn keep(vma: VmaNew<'_>) -> VmaNew<'static> {
    vma
}
