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
    pmd_folio::PmdFolio,
    static_key::{
        static_branch_unlikely,
        StaticKey, //
    },
    vm_fault::{
        VmFault,
        VmHugeFault, //
    },
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
    opens: Atomic<i64>,
    closes: Atomic<i64>,
    vmas: Atomic<i64>,
    faults: Atomic<i64>,
    huge_faults: Atomic<i64>,
    huge_fallbacks: Atomic<i64>,
    pages: Atomic<i64>,
    freed: Atomic<i64>,
}

/// The highest trace level: 0 is nothing, 1 traces open and close, 2 faults too.
pub(crate) const MAX_TRACE: u8 = 2;

static TRACE_VMAS: StaticKey = StaticKey::disabled();
static TRACE_FAULTS: StaticKey = StaticKey::disabled();

/// Sets the trace level, once.
pub(crate) fn trace(level: u8) {
    if level >= 1 {
        TRACE_VMAS.enable();
    }
    if level >= 2 {
        TRACE_FAULTS.enable();
    }
}

impl Events {
    /// Of the device with this name; nothing has happened so far.
    pub(crate) fn new(device: &'static CStr) -> Result<Arc<Self>> {
        let events = Self {
            device,
            opens: Atomic::new(0),
            closes: Atomic::new(0),
            vmas: Atomic::new(0),
            faults: Atomic::new(0),
            huge_faults: Atomic::new(0),
            huge_fallbacks: Atomic::new(0),
            pages: Atomic::new(0),
            freed: Atomic::new(0),
        };
        Ok(Arc::new(events, GFP_KERNEL)?)
    }

    /// A VMA was opened; `phys` is what its first page maps.
    pub(crate) fn open(&self, vma: &Vma, phys: impl FnOnce() -> phys_addr_t) {
        self.opens.add(1, Relaxed);
        self.vmas.add(1, Relaxed);
        if static_branch_unlikely!(TRACE_VMAS) {
            self.trace_vma("open", vma, phys());
        }
    }

    /// A VMA is closed; `phys` is what its first page mapped.
    pub(crate) fn close(&self, vma: &Vma, phys: impl FnOnce() -> phys_addr_t) {
        self.closes.add(1, Relaxed);
        self.vmas.add(-1, Relaxed);
        if static_branch_unlikely!(TRACE_VMAS) {
            self.trace_vma("close", vma, phys());
        }
    }

    #[cold]
    fn trace_vma(&self, event: &str, vma: &Vma, phys: phys_addr_t) {
        pr_info!(
            "{}: VMA {}, virt {:x}, phys {:x}, len {:x}\n",
            self.device,
            event,
            vma.start(),
            phys,
            vma.size()
        );
    }

    /// A fault is served with this page.
    // By reference on the `Arc`, so that what is needed without a trace is all that is loaded.
    #[inline]
    pub(crate) fn fault(self: &Arc<Self>, vmf: &VmFault, page: &PageRef) {
        self.faults.add(1, Relaxed);
        if static_branch_unlikely!(TRACE_FAULTS) {
            self.trace_fault("fault", vmf, page);
        }
    }

    /// A fault is served with this folio.
    pub(crate) fn huge_fault(self: &Arc<Self>, vmf: &VmHugeFault, folio: &PmdFolio) {
        self.huge_faults.add(1, Relaxed);
        if static_branch_unlikely!(TRACE_FAULTS) {
            self.trace_fault("huge fault", vmf, &folio.page(vmf.pgoff()));
        }
    }

    /// A folio could not be had.
    pub(crate) fn huge_fallback(&self) {
        self.huge_fallbacks.add(1, Relaxed);
    }

    #[cold]
    fn trace_fault(self: &Arc<Self>, event: &str, vmf: &VmFault, page: &PageRef) {
        pr_info!(
            "{}: {}, virt {:x}, pgoff {:x}, phys {:x}\n",
            self.device,
            event,
            vmf.address(),
            vmf.pgoff(),
            page.phys()
        );
    }

    /// So many pages were allocated.
    pub(crate) fn pages_allocated(&self, pages: usize) {
        self.pages.add(pages as i64, Relaxed);
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
        let counters: [(&CStr, Counter<Self>); 7] = [
            (c"opens", |events| &events.opens),
            (c"closes", |events| &events.closes),
            (c"vmas", |events| &events.vmas),
            (c"faults", |events| &events.faults),
            (c"huge_faults", |events| &events.huge_faults),
            (c"huge_fallbacks", |events| &events.huge_fallbacks),
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
