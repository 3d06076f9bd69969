// SPDX-License-Identifier: GPL-2.0

//! A VM_PFNMAP VMA whose operations could return a page to a fault. Found where generic code is
//! made concrete, which the compiler does only when nothing else is wrong.

use kernel::{
    prelude::*,
    sync::Arc, //
};

#[path = "../../src/abstractions/mod.rs"]
pub mod abstractions;

use abstractions::{
    vm_fault::{
        Served,
        VmFault,
        VmFaultError, //
    },
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
pub struct Data;

#[vtable]
impl VmOperations for Data {
    fn fault(&self, _vmf: &VmFault) -> Result<Served, VmFaultError> {
        Err(VmFaultError::SigBus)
    }
}

/// A fault operation in a VM_PFNMAP VMA.
// EXPECT evaluation of `abstractions::remap_pfn_range::VmaPfnMap::<'_, Data>::new
pub fn pfnmap_with_fault(vma: VmaNew<'_>, data: Arc<Data>) {
    let _ = vma.into_pfnmap(data);
}

/// Page frames to be mapped on demand that no operation finds.
// EXPECT evaluation of `abstractions::vma::VmaNew::<'_>::into_pfnmap_on_demand::<Data>
pub fn pfnmap_without_page_frames(vma: VmaNew<'_>, data: Arc<Data>) {
    let _ = vma.into_pfnmap_on_demand(data);
}
