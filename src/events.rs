// SPDX-License-Identifier: GPL-2.0

//! The events of a device's mappings: counted, for debugfs, and traced in the kernel log if the
//! parameter `trace` asks for it.

use kernel::{
    fmt,
    prelude::*,
    sync::atomic::{
        Atomic,
        Relaxed, //
    }, //
};
use simple_mmap::prelude::*;

/// The counters of the events of one device.
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

/// The highest trace level. Level 0 traces nothing, 1 traces opening and closing of VMAs, and 2
/// traces faults, too.
pub(crate) const MAX_TRACE: u8 = 2;

static TRACE_VMAS: StaticKey = StaticKey::disabled();
static TRACE_FAULTS: StaticKey = StaticKey::disabled();

/// Sets the trace level, when the module is loaded.
pub(crate) fn trace(level: u8) {
    if level >= 1 {
        TRACE_VMAS.enable();
    }
    if level >= 2 {
        TRACE_FAULTS.enable();
    }
}

impl Events {
    /// Makes the counters of the device with this name. All of them are 0.
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

    /// Counts and traces a VMA that was opened; `phys` returns the address to trace for its first
    /// page.
    pub(crate) fn open(&self, vma: &Vma, phys: impl FnOnce() -> PhysAddr) {
        // The trace comes first, so that the compiler need not keep its arguments while the
        // counters change.
        if static_branch_unlikely!(TRACE_VMAS) {
            self.trace_vma("open", vma.start(), phys(), vma.size());
        }
        self.opens.add(1, Relaxed);
        self.vmas.add(1, Relaxed);
    }

    /// Counts and traces a VMA that is closed; `phys` returns the address to trace for its first
    /// page.
    pub(crate) fn close(&self, vma: &Vma, phys: impl FnOnce() -> PhysAddr) {
        if static_branch_unlikely!(TRACE_VMAS) {
            self.trace_vma("close", vma.start(), phys(), vma.size());
        }
        self.closes.add(1, Relaxed);
        self.vmas.add(-1, Relaxed);
    }

    #[cold]
    fn trace_vma(&self, event: &str, start: usize, phys: PhysAddr, size: usize) {
        pr_info!(
            "{}: VMA {}, virt {:x}, phys {:x}, len {:x}{}\n",
            self.device,
            event,
            start,
            phys,
            size,
            By
        );
    }

    /// Counts and traces a fault that is served with this page, or if `huge` with the page's folio.
    #[inline]
    pub(crate) fn fault(&self, vmf: &VmFault, page: &SharedPage, huge: bool) {
        let counter = if huge {
            &self.huge_faults
        } else {
            &self.faults
        };
        counter.add(1, Relaxed);
        if static_branch_unlikely!(TRACE_FAULTS) {
            self.trace_fault(vmf, page, huge);
        }
    }

    #[cold]
    fn trace_fault(&self, vmf: &VmFault, page: &SharedPage, huge: bool) {
        pr_info!(
            "{}: {}, virt {:x}, pgoff {:x}, phys {:x}{}\n",
            self.device,
            if huge { "huge fault" } else { "fault" },
            vmf.address(),
            vmf.pgoff().index(),
            page.pfn().to_phys(),
            By
        );
    }

    /// Counts this many pages as allocated.
    pub(crate) fn pages_allocated(&self, pages: usize) {
        self.pages.add(pages as i64, Relaxed);
    }

    /// Counts this many pages as freed. Pages that somebody else still holds must not be counted.
    pub(crate) fn pages_freed(&self, pages: usize) {
        self.freed.add(pages as i64, Relaxed);
    }

    /// How many pages were allocated.
    pub(crate) fn pages(&self) -> i64 {
        self.pages.load(Relaxed)
    }

    /// Shows the counters, except `freed`, as files in a directory with the device's name.
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

impl FolioEvents for Events {
    fn allocated(&self, order: u32) {
        self.pages_allocated(1 << order);
    }

    fn fell_back(&self) {
        self.huge_fallbacks.add(1, Relaxed);
    }

    fn freed(&self, order: u32) {
        self.pages_freed(1 << order);
    }
}

/// The end of a line of the trace: the name and the PID of the current process, if faults are
/// traced.
struct By;

impl fmt::Display for By {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if static_branch_unlikely!(TRACE_FAULTS) {
            let pid = current!().pid();
            f.write_fmt(fmt!(", by {} (pid {pid})", Comm::of_current()))?;
        }
        Ok(())
    }
}

impl Drop for Events {
    /// Prints the sums when the device is gone. By then all VMAs are closed. Pages that were
    /// allocated and not freed are still held by somebody else, for example by a pipe, or are
    /// hardware-poisoned.
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
