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

/// Whole pages of physical address space, which `/dev/mem` would give out, too. It would also take
/// them back when a driver claims them later, by a way that is not there for modules
/// (`iomem_get_mapping()`).
///
/// # Invariants
///
/// When this was made, a process with the right to reach the pages asked for them, and
/// [`NotRam::recheck`] found nothing against it.
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
    /// - [`EINVAL`] if there are none, or they do not all lie in the physical address space.
    /// - [`EPERM`] if there is System RAM among them, or what has a `struct page` as RAM has, or,
    ///   as for `/dev/mem`, what a driver has claimed.
    pub fn new(raw_io: &'a RawIo, first: Pfn, count: usize) -> Result<Self> {
        NotRam::recheck(first, count)?;
        // INVARIANT: It was just checked.
        Ok(Self {
            raw_io,
            first,
            count,
        })
    }

    /// Looks at the range again, and does something while it does not become RAM.
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

    /// Whether it should be reached past the caches: what is beyond the last RAM, and on
    /// architectures other than x86 all, as `/dev/mem` does it.
    pub fn is_uncached(&self) -> bool {
        // SAFETY: This may always be asked.
        self.first.to_phys() >= unsafe { helpers::uncached_from() }
    }

    /// The frames, to be mapped cached.
    pub fn cached(&self) -> IoFrames<'a, Cached, NotRam> {
        self.frames()
    }

    /// The frames, to be mapped past the caches.
    pub fn uncached(&self) -> IoFrames<'a, Uncached, NotRam> {
        self.frames()
    }

    fn frames<C: Caching>(&self) -> IoFrames<'a, C, NotRam> {
        // SAFETY: By the type invariant this is no RAM, so it is nothing that the kernel allocates,
        // and a process with the right to do anything to devices has it, or was lent it. What
        // becomes RAM is refused by `NotRam` from before it is unmapped from the address space that
        // a `RawIo` has. What a driver claims later is still no RAM.
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

/// How many bytes of physical address space there are.
pub fn phys_address_space() -> u64 {
    // SAFETY: This may always be asked.
    1 << unsafe { helpers::phys_bits() }
}

/// The check that physical addresses are not RAM, and nobody's.
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
            // SAFETY: Any numbers may be asked for, in a context that may sleep.
            || unsafe { helpers::zone_device_between(first.as_raw(), end) }
        {
            return Err(EPERM);
        }
        Ok(())
    }
}

/// Whether a driver has claimed the range for itself, as `iomem_is_exclusive()` tells it. Where the
/// kernel has `CONFIG_IO_STRICT_DEVMEM`, every claim counts.
fn is_claimed(first: Pfn, count: usize) -> bool {
    // SAFETY: This is a number.
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
    // SAFETY: The tree of resources may always be looked at; the range does not overflow.
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
