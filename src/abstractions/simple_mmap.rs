// SPDX-License-Identifier: GPL-2.0

//! Memory mapping for drivers: what the `kernel` crate does not offer yet.
//!
//! All `unsafe` code of the modules here is in this folder, with one file for each concept of the C
//! side. A driver imports [`prelude`].
//!
//! [`mm`]: describing and serving mappings. Most of these files are also built as files of
//! `rust/kernel/mm/`, in the patches that `make series` writes.
//!
//! | file | C side |
//! |---|---|
//! | [`pgoff`](mm::pgoff), [`pfn`](mm::pfn) | `pgoff_t`, page frame numbers |
//! | [`vma`](mm::vma) | `struct vm_area_struct`, as its operations see it |
//! | [`desc`](mm::desc) | `struct vm_area_desc` and `struct mmap_action`: the mmap handler |
//! | [`vm_operations`](mm::vm_operations) | `struct vm_operations_struct`: open, close, mapped |
//! | [`pages`](mm::pages) | the operations for pages with references: fault, huge_fault |
//! | [`pfnmap`](mm::pfnmap) | those for page frames: `remap_pfn_range()`, `vmf_insert_pfn()` |
//! | [`mixedmap`](mm::mixedmap) | those for pages that the driver inserts: `vm_insert_page()` |
//! | [`frames`](mm::frames) | those for page frames of devices: `io_remap_pfn_range()` |
//! | [`caching`](mm::caching) | how page frames are cached: `pgprot_noncached()` |
//! | [`revocable`](mm::revocable) | page frames of devices that can go away |
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
//! | [`shared_bytes`](memory::shared_bytes) | access to mapped memory: `memcpy()`, `READ_ONCE()` |
//! | `may_fail` | allocating without the OOM killer: `__GFP_RETRY_MAYFAIL` |
//!
//! [`device`]: devices, and their memory and interrupts.
//!
//! | file | C side |
//! |---|---|
//! | [`module`](device::module) | a module that registers devices |
//! | [`miscdevice`](device::miscdevice) | `struct miscdevice` and its `struct file_operations` |
//! | [`raw_io`](device::raw_io) | the right to reach physical memory: `capable()` |
//! | [`physical`](device::physical) | physical addresses that are not RAM: `region_intersects()` |
//! | [`ioremap`](device::ioremap) | device memory in the kernel's address space: `ioremap()` |
//! | `hotplug` | memory that is added later: `register_memory_notifier()` |
//! | [`pci`](device::pci) | the BARs of a PCI device, until it is unbound |
//! | [`irq`](device::irq) | the interrupt of a PCI device: `devm_request_threaded_irq()` |
//! | [`numbered`](device::numbered) | devices that come and go while the module is loaded |
//!
//! [`compat`]: what the `kernel` crate does not have yet. [`series`](compat::series) has what
//! differs between the kernels that this code can be built for.
//!
//! # How a mapping comes to be
//!
//! A process calls `mmap`. The kernel describes the mapping that is to be made, and calls the
//! file's mmap handler, here [`MiscDevice::mmap_prepare`]. The handler decides what the mapping is,
//! and returns the description. The kernel makes a VMA from it, does what the handler asked for,
//! such as mapping page frames, and tells the driver that the VMA is in place:
//! [`VmOperations::open`]. If a neighbouring VMA has the same file and flags, the kernel can extend
//! that one instead, and then calls nothing more. The documentation of
//! [`vm_operations`](mm::vm_operations) says why mapped memory stays valid for as long as it is
//! mapped.
//!
//! [`MiscDevice::mmap_prepare`]: device::miscdevice::MiscDevice::mmap_prepare
//! [`VmOperations::open`]: mm::vm_operations::VmOperations::open

pub mod compat;
pub mod device;
pub mod memory;
pub mod mm;
pub mod prelude;

// The macros name the two crates by these paths, because `core` and `kernel` can be something else
// in a driver's crate.
#[doc(hidden)]
pub use core as __core;
#[doc(hidden)]
pub use kernel as __kernel;

// The names of the kernel's crate root that the files in `mm` use. There they are the kernel's own.
pub(crate) use compat::helpers as bindings;
pub(crate) use kernel::{
    alloc,
    error,
    io,
    page,
    pr_warn_once,
    str,
    sync,
    types, //
};

/// The prefix of each line that `pr_info!` and the like print: the name of the module.
const __LOG_PREFIX: &[u8] = concat!(env!("SIMPLE_MMAP_MODULE"), "\0").as_bytes();
