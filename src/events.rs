// SPDX-License-Identifier: GPL-2.0

//! What happens to the mappings of a device: counted, for debugfs, and traced in the kernel log as
//! far as the parameter `trace` asks for it.

use crate::abstractions::{
    debugfs::{
        Counter,
        Counters,
        Dir, //
    },
    page_ref::PageRef,
    vm_fault::VmFault,
    vma::Vma, //
};
use kernel::{
    bindings::phys_addr_t,
    prelude::*,
    sync::{
        atomic::{
            Atomic,
            Relaxed, //
        },
        Arc, //
    }, //
};

/// The events of one device.
pub(crate) struct Events {
    device: &'static CStr,
    trace: u8,
    opens: Atomic<i64>,
    closes: Atomic<i64>,
    vmas: Atomic<i64>,
    faults: Atomic<i64>,
    pages: Atomic<i64>,
    freed: Atomic<i64>,
}

impl Events {
    /// The highest trace level: 0 is nothing, 1 traces open and close, 2 faults too.
    pub(crate) const MAX_TRACE: u8 = 2;

    /// Of the device with this name, which has allocated `pages` pages so far.
    pub(crate) fn new(device: &'static CStr, trace: u8, pages: usize) -> Result<Arc<Self>> {
        let events = Self {
            device,
            trace,
            opens: Atomic::new(0),
            closes: Atomic::new(0),
            vmas: Atomic::new(0),
            faults: Atomic::new(0),
            pages: Atomic::new(pages as i64),
            freed: Atomic::new(0),
        };
        Ok(Arc::new(events, GFP_KERNEL)?)
    }

    /// A VMA was opened; `phys` is what its first page maps.
    pub(crate) fn open(&self, vma: &Vma, phys: phys_addr_t) {
        self.opens.add(1, Relaxed);
        self.vmas.add(1, Relaxed);
        self.trace_vma("open", vma, phys);
    }

    /// A VMA is closed; `phys` is what its first page mapped.
    pub(crate) fn close(&self, vma: &Vma, phys: phys_addr_t) {
        self.closes.add(1, Relaxed);
        self.vmas.add(-1, Relaxed);
        self.trace_vma("close", vma, phys);
    }

    fn trace_vma(&self, event: &str, vma: &Vma, phys: phys_addr_t) {
        if self.trace >= 1 {
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
        self.faults.add(1, Relaxed);
        if self.trace >= 2 {
            pr_info!(
                "{}: fault, virt {:x}, pgoff {:x}, phys {:x}\n",
                self.device,
                vmf.address(),
                vmf.pgoff(),
                page.phys()
            );
        }
    }

    /// A page was allocated.
    pub(crate) fn page_allocated(&self) {
        self.pages.add(1, Relaxed);
    }

    /// So many pages were freed: nobody else held a reference on them any more.
    pub(crate) fn pages_freed(&self, pages: usize) {
        self.freed.add(pages as i64, Relaxed);
    }

    /// How many pages are allocated.
    pub(crate) fn pages(&self) -> i64 {
        self.pages.load(Relaxed)
    }

    /// Shows the counters as files in a directory of the device's name.
    pub(crate) fn publish(self: Arc<Self>, parent: Arc<Dir>) -> Counters<Self> {
        let counters: [(&CStr, Counter<Self>); 5] = [
            (c"opens", |events| &events.opens),
            (c"closes", |events| &events.closes),
            (c"vmas", |events| &events.vmas),
            (c"faults", |events| &events.faults),
            (c"pages", |events| &events.pages),
        ];
        Counters::new(parent, self.device, self, &counters)
    }
}

impl Drop for Events {
    /// The device is gone. What was opened is closed by now; a page that was not freed is one that
    /// somebody else, a pipe for example, still holds.
    fn drop(&mut self) {
        pr_info!(
            "{}: unloaded; VMAs: {} opened, {} closed; pages: {} allocated, {} freed\n",
            self.device,
            self.opens.load(Relaxed),
            self.closes.load(Relaxed),
            self.pages.load(Relaxed),
            self.freed.load(Relaxed)
        );
    }
}
