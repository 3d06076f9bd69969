// SPDX-License-Identifier: GPL-2.0

//! What drivers must not be able to do, refused for its types. The comment above each function has
//! the reason that tests/host/misuse.sh looks for.

use kernel::{
    bindings,
    fs::File,
    prelude::*,
    sync::Arc, //
};

#[path = "../../src/abstractions/mod.rs"]
pub mod abstractions;

use abstractions::{
    capability::RawIo,
    page_ref::PageRef,
    pages_exact::PagesExact,
    phys_range::PhysRange,
    remap_pfn_range::PageFrames,
    vm_fault::{
        NoPage,
        Served,
        VmFault,
        VmFaultError, //
    },
    vm_operations::VmOperations,
    vma::{
        Vma,
        VmaReady, //
    }, //
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

/// remap_pfn_range outside of an mmap handler.
// EXPECT no method named `remap_pfn_range` found for reference `&Vma`
pub fn remap_in_a_callback(vma: &Vma) {
    let _ = vma.remap_pfn_range(|data: &Data| &data.pages, 0..1);
}

/// Page frames that somebody only claims to own.
// EXPECT the trait `PageFrames` requires an `unsafe impl` declaration
pub struct Claim;
impl PageFrames for Claim {
    fn first_pfn(&self) -> usize {
        0
    }

    fn pages(&self) -> usize {
        1
    }
}

/// A fault that returns a page without giving a reference away.
// EXPECT the trait bound `Served: From<&PageRef>` is not satisfied
pub fn page_without_a_reference(page: &PageRef) -> Result<Served, VmFaultError> {
    Ok(page.into())
}

/// A fault that claims to have mapped something.
// EXPECT cannot initialize a tuple struct which contains private fields
pub fn mapped_nothing(_vmf: &VmFault) -> Result<Served, VmFaultError> {
    Ok(NoPage(()).into())
}

/// Physical memory without the right to it.
// EXPECT cannot initialize a tuple struct which contains private fields
pub fn no_right() -> Result<PhysRange> {
    PhysRange::new(&RawIo(()), 0, 1, false)
}

/// A VMA made ready by hand.
// EXPECT cannot construct `VmaReady<'_, _>` with struct literal syntax due to private fields
pub fn made_by_hand<'a>(_file: &File, data: Arc<Data>) -> VmaReady<'a, Data> {
    VmaReady { data }
}

/// A raw pointer taken for a VMA.
// EXPECT associated function `from_raw` is private
pub fn from_nowhere(vma: *const bindings::vm_area_struct) -> usize {
    // SAFETY: None; the function is not to be had at all.
    unsafe { Vma::from_raw(vma) }.start()
}
