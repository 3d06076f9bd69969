// SPDX-License-Identifier: GPL-2.0

//! The trace of events in the kernel log, as far as the parameter `trace` asks for it.

use crate::abstractions::{
    page_ref::PageRef,
    vm_fault::VmFault,
    vma::Vma, //
};
use kernel::{
    bindings::phys_addr_t,
    prelude::*, //
};

/// Writes the events of one device.
pub(crate) struct Trace {
    device: &'static CStr,
    level: u8,
}

impl Trace {
    /// The highest level there is: 0 is silent, 1 traces open and close, 2 faults too.
    pub(crate) const MAX_LEVEL: u8 = 2;

    /// A trace of the device with this name.
    pub(crate) fn new(device: &'static CStr, level: u8) -> Self {
        Self { device, level }
    }

    /// A VMA was opened; `phys` is what its first page maps.
    pub(crate) fn open(&self, vma: &Vma, phys: phys_addr_t) {
        self.vma("open", vma, phys);
    }

    /// A VMA is closed; `phys` is what its first page mapped.
    pub(crate) fn close(&self, vma: &Vma, phys: phys_addr_t) {
        self.vma("close", vma, phys);
    }

    fn vma(&self, event: &str, vma: &Vma, phys: phys_addr_t) {
        if self.level >= 1 {
            pr_info!(
                "{}: VMA {}, virt {:x}, phys {:x}, len {:x}\n",
                self.device,
                event,
                vma.start(),
                phys,
                vma.size()
            );
        }
    }

    /// A fault is served with this page.
    pub(crate) fn fault(&self, vmf: &VmFault, page: &PageRef) {
        if self.level >= 2 {
            pr_info!(
                "{}: fault, virt {:x}, pgoff {:x}, phys {:x}\n",
                self.device,
                vmf.address(),
                vmf.pgoff(),
                page.phys()
            );
        }
    }
}
