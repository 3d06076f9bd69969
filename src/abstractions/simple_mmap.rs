// SPDX-License-Identifier: GPL-2.0

//! Memory mapping for drivers: what the `kernel` crate does not offer yet.
//!
//! All `unsafe` code of the module is in this folder, one C concept a file. A driver imports
//! [`prelude`].
//!
//! [`mm`]: describing and serving mappings. Each file is written as it would lie in
//! `rust/kernel/mm/`.
//!
//! | file | C side |
//! |---|---|
//! | [`pgoff`](mm::pgoff), [`pfn`](mm::pfn) | `pgoff_t`, page frame numbers |
//! | [`vma`](mm::vma) | `struct vm_area_struct`, as its operations see it |
//! | [`desc`](mm::desc) | `struct vm_area_desc` and `struct mmap_action`: the mmap handler |
//! | [`vm_operations`](mm::vm_operations) | `struct vm_operations_struct`: open, close, mapped |
//! | [`pages`](mm::pages) | the same for pages with references: fault, huge_fault |
//! | [`frames`](mm::frames) | the same for page frames: `remap_pfn_range()`, `vmf_insert_pfn()` |
//! | [`fault`](mm::fault) | `struct vm_fault` and `vm_fault_t` |
//! | [`access`](mm::access) | a debugger's access to page frames: `follow_pfnmap_start()` |
//! | [`page`](mm::page), [`folio`](mm::folio) | `struct page`, `struct folio`, their references |
//! | [`address_space`](mm::address_space) | `struct address_space`: `unmap_mapping_pages()` |
//!
//! [`memory`]: owning memory that can be mapped.
//!
//! | file | C side |
//! |---|---|
//! | [`folios`](memory::folios) | pages that are allocated in folios, when first asked for |
//! | [`contig`](memory::contig) | contiguous pages: `alloc_pages_exact()`, `alloc_contig_range()` |
//! | [`vmalloc`](memory::vmalloc) | pages that are contiguous for the kernel only: `__vmalloc()` |
//! | [`shared_bytes`](memory::shared_bytes) | what both sides use: `memcpy()`, `READ_ONCE()` |
//! | `may_fail` | allocating without the OOM killer: `__GFP_RETRY_MAYFAIL` |
//!
//! [`device`]: being a device.
//!
//! | file | C side |
//! |---|---|
//! | [`module`](device::module) | a module that registers devices |
//! | [`miscdevice`](device::miscdevice) | `struct miscdevice` and its `struct file_operations` |
//! | [`raw_io`](device::raw_io) | the right to reach physical memory: `capable()` |
//! | [`physical`](device::physical) | physical addresses that are not RAM: `region_intersects()` |
//! | [`ioremap`](device::ioremap) | device memory in the kernel's address space: `ioremap()` |
//! | `hotplug` | memory that is added: `register_memory_notifier()` |
//! | [`pci`](device::pci) | the BARs of a PCI device, until it is unbound |
//! | [`irq`](device::irq) | its interrupt: `devm_request_threaded_irq()` |
//! | [`numbered`](device::numbered) | devices that come and go with others |
//!
//! [`compat`]: what stands in for the `kernel` crate until it has it. [`series`](compat::series)
//! has what differs between the kernels that this builds for.
//!
//! # How a mapping comes to be
//!
//! A process calls `mmap`. The kernel describes the mapping to be, and calls the file's mmap
//! handler, here [`MiscDevice::mmap_prepare`]. The handler decides what the mapping is, and returns
//! the description. The kernel makes a VMA of it, or makes a neighbour larger that has the same
//! file and flags, does what the handler asked for, as mapping page frames, and tells the driver
//! that the VMA is there: [`VmOperations::open`]. Why what is mapped stays as long as it is mapped
//! stands at the top of [`vm_operations`](mm::vm_operations).
//!
//! [`MiscDevice::mmap_prepare`]: device::miscdevice::MiscDevice::mmap_prepare
//! [`VmOperations::open`]: mm::vm_operations::VmOperations::open

pub mod compat;
pub mod device;
pub mod memory;
pub mod mm;
pub mod prelude;

// For the macros: what a driver's crate calls so can be something else.
#[doc(hidden)]
pub use core as __core;
#[doc(hidden)]
pub use kernel as __kernel;

/// What the macros for the kernel log begin a line with: the name of the module, as in its driver.
const __LOG_PREFIX: &[u8] = concat!(env!("SIMPLE_MMAP_MODULE"), "\0").as_bytes();
