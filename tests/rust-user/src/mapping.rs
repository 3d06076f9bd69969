// SPDX-License-Identifier: GPL-2.0

//! A device's memory in safe Rust: a slice of atomics, as others may write it at any time.

use rustix::fs::{self, Mode, OFlags};
use rustix::io;
use rustix::mm::{mmap, mremap, munmap, MapFlags, MremapFlags, ProtFlags};
use std::ffi::c_void;
use std::ops::Deref;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::atomic::{AtomicU32, AtomicU64};

/// Opens a device for reading and writing.
pub fn open(path: &str) -> io::Result<OwnedFd> {
    fs::open(path, OFlags::RDWR | OFlags::CLOEXEC, Mode::empty())
}

/// The page size in bytes.
pub fn page_size() -> usize {
    rustix::param::page_size()
}

/// A mapping; it is unmapped on drop.
pub struct Mapping {
    addr: *mut c_void,
    size: usize,
}

// SAFETY: The memory is reached through atomics only, which any thread may use.
unsafe impl Send for Mapping {}
// SAFETY: As above.
unsafe impl Sync for Mapping {}

impl Mapping {
    /// Maps `pages` pages from page `first` on, shared, readable and writable.
    pub fn shared(file: impl AsFd, first: usize, pages: usize) -> io::Result<Self> {
        Self::new(file, first, pages, ProtFlags::READ | ProtFlags::WRITE, MapFlags::SHARED)
    }

    /// Maps `pages` pages from page `first` on.
    pub fn new(
        file: impl AsFd,
        first: usize,
        pages: usize,
        prot: ProtFlags,
        flags: MapFlags,
    ) -> io::Result<Self> {
        let size = pages * page_size();
        let offset = (first * page_size()) as u64;
        // SAFETY: The kernel chooses an address where nothing is, as there is no `MapFlags::FIXED`
        // in any test.
        let addr = unsafe { mmap(std::ptr::null_mut(), size, prot, flags, file, offset) }?;
        Ok(Self { addr, size })
    }

    /// Makes the mapping `pages` pages long; it may move.
    pub fn resize(&mut self, pages: usize) -> io::Result<()> {
        let size = pages * page_size();
        // SAFETY: The range is ours, and `&mut self` says that there is no slice of it left.
        self.addr = unsafe { mremap(self.addr, self.size, size, MremapFlags::MAYMOVE) }?;
        self.size = size;
        Ok(())
    }

    /// The half words, as registers of 32 bits are.
    pub fn half_words(&self) -> &[AtomicU32] {
        // SAFETY: As in `deref`.
        unsafe { std::slice::from_raw_parts(self.addr.cast(), self.size / size_of::<AtomicU32>()) }
    }

    /// The words of one page.
    pub fn page(&self, page: usize) -> &[AtomicU64] {
        let words = page_size() / size_of::<AtomicU64>();
        &self[page * words..(page + 1) * words]
    }
}

impl Deref for Mapping {
    type Target = [AtomicU64];

    fn deref(&self) -> &[AtomicU64] {
        // SAFETY: The memory is mapped as long as `self` exists, aligned to pages, and any bits are
        // a valid `AtomicU64`.
        unsafe { std::slice::from_raw_parts(self.addr.cast(), self.size / size_of::<AtomicU64>()) }
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: The range is ours, and nobody has a slice of it any more.
        unsafe { munmap(self.addr, self.size) }.expect("munmap of what was mapped");
    }
}
