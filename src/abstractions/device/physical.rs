// SPDX-License-Identifier: GPL-2.0

//! Ranges of physical addresses that are not RAM: device memory.
//!
//! C header: [`include/linux/ioport.h`](srctree/include/linux/ioport.h), `region_intersects()`.

use super::raw_io::RawIo;
use crate::{
    compat::helpers,
    mm::{
        frames::{
            Cached,
            Caching,
            IoFrames,
            Recheck,
            Uncached, //
        },
        pfn::Pfn, //
    }, //
};
use kernel::{
    bindings,
    page::{
        PAGE_SHIFT,
        PAGE_SIZE, //
    },
    prelude::*, //
};

/// Whole pages of physical addresses to which `/dev/mem` would give access, too. When a driver
/// claims a range later, `/dev/mem` takes it back from processes that have mapped it. A module
/// cannot do that, as `iomem_get_mapping()` is not exported.
///
/// # Invariants
///
/// When this was made, a process with the right to access the pages had asked for them, and
/// [`NotRam::recheck`] succeeded.
///
/// # Examples
///
/// ```
/// fn is_cached(raw_io: &RawIo, first: Pfn) -> Result<bool> {
///     let range = PhysRange::new(raw_io, first, 1)?;
///     pr_info!("of {} bytes\n", phys_address_space());
///     Ok(!range.is_uncached())
/// }
/// ```
pub struct PhysRange<'a> {
    raw_io: &'a RawIo,
    first: Pfn,
    count: usize,
}

impl<'a> PhysRange<'a> {
    /// The `count` pages from page frame `first` on.
    ///
    /// # Errors
    ///
    /// - [`EINVAL`] if `count` is 0, or if the pages do not all lie in the physical address space.
    /// - [`EPERM`] if there is System RAM among them, or memory of a device that has a `struct
    ///   page` (ZONE_DEVICE), or, as with `/dev/mem`, a range that a driver has claimed.
    pub fn new(raw_io: &'a RawIo, first: Pfn, count: usize) -> Result<Self> {
        NotRam::recheck(first, count)?;
        // INVARIANT: The pages were just checked, and a `RawIo` proves the right to access them.
        Ok(Self {
            raw_io,
            first,
            count,
        })
    }

    /// Checks the range again, and calls `f` under a lock that keeps it from becoming RAM.
    pub(super) fn while_valid<R>(&self, f: impl FnOnce() -> R) -> Result<R> {
        let space = self.raw_io.address_space();
        space.with_valid(|| {
            if space.is_revoked() {
                return Err(EPERM);
            }
            NotRam::recheck(self.first, self.count)?;
            Ok(f())
        })
    }

    /// Whether `/dev/mem` would not cache the range: it does not cache what is beyond the last RAM,
    /// and on architectures other than x86 it does not cache any range that is not RAM.
    pub fn is_uncached(&self) -> bool {
        // SAFETY: This function may always be called.
        self.first.to_phys() >= unsafe { helpers::uncached_from() }
    }

    /// The frames, to be mapped cached.
    pub fn cached(&self) -> IoFrames<'a, Cached, NotRam> {
        self.frames()
    }

    /// The frames, to be mapped uncached.
    pub fn uncached(&self) -> IoFrames<'a, Uncached, NotRam> {
        self.frames()
    }

    fn frames<C: Caching>(&self) -> IoFrames<'a, C, NotRam> {
        // SAFETY: By the type invariant this is not RAM, so the kernel does not allocate it, and a
        // process with the right to do anything to devices has asked for it, or was lent that
        // right. When it becomes RAM, `NotRam` refuses it first, and then it is unmapped from the
        // address space of the `RawIo`. What a driver claims later is still not RAM.
        unsafe { IoFrames::new(self.raw_io.address_space(), self.first, self.count) }
    }

    pub(super) fn first(&self) -> Pfn {
        self.first
    }

    /// The size in bytes.
    pub(super) fn size(&self) -> usize {
        self.count * PAGE_SIZE
    }
}

/// The size of the physical address space in bytes.
pub fn phys_address_space() -> u64 {
    // SAFETY: This function may always be called.
    1 << unsafe { helpers::phys_bits() }
}

/// The check that physical addresses are not RAM, and that no driver has claimed them.
///
/// # Examples
///
/// ```
/// use simple_mmap::{
///     device::physical::NotRam,
///     mm::frames::Recheck, //
/// };
///
/// let page = SharedPage::alloc(GFP_KERNEL)?;
/// assert!(NotRam::recheck(page.pfn(), 1).is_err());
/// # Ok::<(), Error>(())
/// ```
pub struct NotRam(());

impl Recheck for NotRam {
    fn recheck(first: Pfn, count: usize) -> Result {
        let end = first.as_raw().checked_add(count).ok_or(EINVAL)?;
        if count == 0 || end as u64 > phys_address_space() >> PAGE_SHIFT {
            return Err(EINVAL);
        }
        if intersects(first, count, bindings::IORESOURCE_SYSTEM_RAM as c_ulong)
            || is_claimed(first, count)
            // SAFETY: This function may be called with any numbers, in a context that may sleep.
            || unsafe { helpers::zone_device_between(first.as_raw(), end) }
        {
            return Err(EPERM);
        }
        Ok(())
    }
}

/// Whether a driver has claimed the range exclusively, as `iomem_is_exclusive()` defines it: in a
/// kernel with `CONFIG_IO_STRICT_DEVMEM`, every claim is exclusive.
fn is_claimed(first: Pfn, count: usize) -> bool {
    // SAFETY: This function only returns a number.
    let from = Pfn::containing(unsafe { helpers::unclaimed_below() });
    let end = first.as_raw() + count;
    if end <= from.as_raw() || !cfg!(CONFIG_STRICT_DEVMEM) {
        return false;
    }
    let first = first.max(from);
    let count = end - first.as_raw();
    intersects(first, count, bindings::IORESOURCE_EXCLUSIVE as c_ulong)
        || cfg!(CONFIG_IO_STRICT_DEVMEM)
            && intersects(first, count, bindings::IORESOURCE_BUSY as c_ulong)
}

/// Whether there is a resource with these flags in the range, which must not overflow.
fn intersects(first: Pfn, count: usize, flags: c_ulong) -> bool {
    // SAFETY: The range does not overflow, and the tree of resources may always be searched.
    let found = unsafe {
        bindings::region_intersects(
            first.to_phys(),
            count * PAGE_SIZE,
            flags,
            bindings::IORES_DESC_NONE as c_ulong,
        )
    };
    found != bindings::REGION_DISJOINT as c_int
}
