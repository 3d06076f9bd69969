// SPDX-License-Identifier: GPL-2.0

//! Describing and serving mappings: what `rust/kernel/mm/` would contain.
//!
//! All files here except [`frames`] and this one are also files of the kernel's crate in the
//! patches that `make series` writes. In their examples, `kernel::mm` stands for `simple_mmap::mm`.

pub mod access;
pub mod address_space;
pub mod caching;
pub mod desc;
pub mod fault;
pub mod folio;
pub mod frames;
pub mod mixedmap;
pub mod page;
pub mod pages;
pub mod pfn;
pub mod pfnmap;
pub mod pgoff;
pub mod revocable;
pub mod vm_operations;
pub mod vma;

// The kernel's own items of these names, for the files that are also the kernel's.
pub use kernel::mm::{
    virt,
    Mm,
    MmWithUser, //
};
