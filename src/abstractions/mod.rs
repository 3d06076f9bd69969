// SPDX-License-Identifier: GPL-2.0

//! Memory mapping for drivers: what the `kernel` crate does not offer yet.
//!
//! All `unsafe` code of the module is in this folder, one C concept a file:
//!
//! | file | C side |
//! |---|---|
//! | [`miscdevice`] | `struct miscdevice` and its `struct file_operations` |
//! | [`vma`] | `struct vm_area_struct`, in its mmap handler and in a callback |
//! | [`vm_operations`] | `struct vm_operations_struct` |
//! | [`vm_fault`] | `struct vm_fault` and `vm_fault_t` |
//! | [`remap_pfn_range`] | `remap_pfn_range()` |
//! | `vmf_insert_pfn` | the same on demand: `vmf_insert_pfn()`, `vmf_insert_pfn_pmd()` |
//! | [`page_ref`] | a reference on a `struct page`: `get_page()`, `put_page()` |
//! | [`pmd_folio`] | a folio that one entry of a PMD maps: `vmf_insert_folio_pmd()` |
//! | [`pages_exact`] | physically contiguous pages: `alloc_pages_exact()` |
//! | [`atomic_page`] | a page that both sides use: `READ_ONCE()`, `WRITE_ONCE()` |
//! | [`phys_range`] | physical addresses that are not RAM: `region_intersects()` |
//! | [`capability`] | the right to reach those: `capable()`, `security_locked_down()` |
//! | [`ioremap`] | device memory in the kernel's address space: `ioremap()`, `memremap()` |
//! | [`pfnmap_access`] | a debugger's access to page frames: `follow_pfnmap_start()` |
//! | [`debugfs`] | counters in debugfs: `debugfs_create_u64()` |
//! | [`static_key`] | a branch that is off at no cost: `static_branch_unlikely()` |
//! | [`iov_iter`] | the memory of a read or write: `struct iov_iter` |
//!
//! And [`series`] has what differs between the kernels that this builds for.
//!
//! # How a mapping comes to be, and why it is sound
//!
//! A process calls `mmap`. The kernel makes a VMA and calls the file's mmap handler, here
//! [`MiscDevice::mmap`], which gets a [`VmaNew`]. The handler says what kind of mapping it is and
//! what data its operations work on, and gets a [`VmaPfnMap`] or a [`VmaReady`] for it. It returns
//! the latter, and only then the table of operations and a reference on the data are put into the
//! VMA. From then on until the VMA's close the reference is the VMA's own, so whatever is mapped
//! there can be memory that the data owns.
//!
//! [`MiscDevice::mmap`]: miscdevice::MiscDevice::mmap
//! [`VmaNew`]: vma::VmaNew
//! [`VmaPfnMap`]: remap_pfn_range::VmaPfnMap
//! [`VmaReady`]: vma::VmaReady

pub mod atomic_page;
pub mod capability;
pub mod debugfs;
mod helpers;
pub mod ioremap;
pub mod iov_iter;
pub mod miscdevice;
pub mod page_ref;
pub mod pages_exact;
pub mod pfnmap_access;
pub mod phys_range;
pub mod pmd_folio;
pub mod remap_pfn_range;
pub mod series;
pub mod static_key;
pub mod vm_fault;
pub mod vm_operations;
pub mod vma;
mod vmf_insert_pfn;
