// SPDX-License-Identifier: GPL-2.0

//! Device memory in the kernel's own address space.
//!
//! C headers: [`include/linux/io.h`](srctree/include/linux/io.h), `ioremap()` and `memremap()`.

use super::physical::PhysRange;
use core::{
    cmp::min,
    ptr::NonNull, //
};
use kernel::{
    bindings,
    prelude::*, //
};

/// Device memory, mapped for the kernel: uncached by `ioremap()`, or cached by `memremap()`.
///
/// # Invariants
///
/// `ioremap()` or `memremap()` returned `addr` for all of `range`.
///
/// # Examples
///
/// ```
/// fn read(range: PhysRange<'_>) -> Result<[u8; 4]> {
///     let uncached = range.is_uncached();
///     let mapping = IoMapping::new(range, uncached)?;
///     let mut word = [0; 4];
///     mapping.read(0, &mut word)?;
///     mapping.write(0, &word)?;
///     Ok(word)
/// }
/// ```
pub struct IoMapping<'a> {
    addr: NonNull<c_void>,
    range: PhysRange<'a>,
    uncached: bool,
}

/// The width in bytes of an access at `offset` if `left` bytes are left: the largest power of 2
/// that the alignment and the number of bytes allow, up to a word of the processor.
fn width(offset: usize, left: usize) -> usize {
    let alignment = 1
        << offset
            .trailing_zeros()
            .min(size_of::<usize>().trailing_zeros());
    let fits = 1 << left.checked_ilog2().unwrap_or(0);
    min(alignment, fits)
}

impl<'a> IoMapping<'a> {
    /// Maps all of the range.
    ///
    /// # Errors
    ///
    /// - [`ENOMEM`] if the kernel has no address range free for it, or if the range is mapped
    ///   elsewhere with another kind of caching.
    /// - [`EPERM`] if the range may no longer be accessed, see [`PhysRange::new`].
    pub fn new(range: PhysRange<'a>, uncached: bool) -> Result<Self> {
        let (phys, size) = (range.first().to_phys(), range.size());
        let addr = range.while_valid(|| {
            if uncached {
                // SAFETY: The range is not RAM.
                unsafe { bindings::ioremap(phys, size) }
            } else {
                // SAFETY: The range is not RAM.
                unsafe { bindings::memremap(phys, size, bindings::MEMREMAP_WB as c_ulong) }
            }
        })?;
        // INVARIANT: `ioremap()` or `memremap()` has just mapped the range at this address.
        Ok(Self {
            addr: NonNull::new(addr).ok_or(ENOMEM)?,
            range,
            uncached,
        })
    }

    /// The address of the byte at `offset`.
    ///
    /// # Safety
    ///
    /// `offset` must be in the range.
    unsafe fn at(&self, offset: usize) -> *mut c_void {
        // SAFETY: By the type invariant all of the range is mapped from `addr` on.
        unsafe { self.addr.as_ptr().byte_add(offset) }
    }

    /// Reads from `offset` on, in bytes, with naturally aligned accesses that are each as wide as
    /// can be: one for 1, 2, 4 or 8 aligned bytes.
    ///
    /// # Errors
    ///
    /// - [`EINVAL`] if `to` is longer than the rest of the range.
    /// - [`EPERM`] if the range may no longer be accessed, see [`PhysRange::new`].
    pub fn read(&self, offset: usize, to: &mut [u8]) -> Result {
        self.check(offset, to.len())?;
        self.range.while_valid(|| {
            let (mut offset, mut to) = (offset, to);
            while !to.is_empty() {
                let (now, rest) = to.split_at_mut(width(offset, to.len()));
                // SAFETY: The offset was checked to be in the range.
                let addr = unsafe { self.at(offset) };
                // SAFETY: The address is mapped, and aligned to the width. Whether reading it is
                // harmless to the device is for the process to know, which has the right to do it.
                unsafe {
                    match now.len() {
                        1 => now.copy_from_slice(&bindings::readb(addr).to_ne_bytes()),
                        2 => now.copy_from_slice(&bindings::readw(addr).to_ne_bytes()),
                        4 => now.copy_from_slice(&bindings::readl(addr).to_ne_bytes()),
                        #[cfg(CONFIG_64BIT)]
                        8 => now.copy_from_slice(&bindings::readq(addr).to_ne_bytes()),
                        // `width` returns no other value.
                        _ => {}
                    }
                }
                offset += now.len();
                to = rest;
            }
        })
    }

    /// Writes from `offset` on, in bytes, with accesses like those of [`Self::read`].
    ///
    /// # Errors
    ///
    /// As for [`Self::read`], with `from` in place of `to`.
    pub fn write(&self, offset: usize, from: &[u8]) -> Result {
        self.check(offset, from.len())?;
        self.range.while_valid(|| {
            let (mut offset, mut from) = (offset, from);
            while !from.is_empty() {
                let (now, rest) = from.split_at(width(offset, from.len()));
                // SAFETY: The offset was checked to be in the range.
                let addr = unsafe { self.at(offset) };
                // SAFETY: As in `read`.
                unsafe {
                    match *now {
                        [a] => bindings::writeb(a, addr),
                        [a, b] => bindings::writew(u16::from_ne_bytes([a, b]), addr),
                        [a, b, c, d] => bindings::writel(u32::from_ne_bytes([a, b, c, d]), addr),
                        #[cfg(CONFIG_64BIT)]
                        [a, b, c, d, e, f, g, h] => {
                            bindings::writeq(u64::from_ne_bytes([a, b, c, d, e, f, g, h]), addr)
                        }
                        // `width` returns no other value.
                        _ => {}
                    }
                }
                offset += now.len();
                from = rest;
            }
        })
    }

    fn check(&self, offset: usize, len: usize) -> Result {
        let end = offset.checked_add(len).ok_or(EINVAL)?;
        if end > self.range.size() {
            return Err(EINVAL);
        }
        Ok(())
    }
}

impl Drop for IoMapping<'_> {
    fn drop(&mut self) {
        if self.uncached {
            // SAFETY: By the type invariant `ioremap()` returned this address.
            unsafe { bindings::iounmap(self.addr.as_ptr()) };
        } else {
            // SAFETY: By the type invariant `memremap()` returned this address.
            unsafe { bindings::memunmap(self.addr.as_ptr()) };
        }
    }
}
