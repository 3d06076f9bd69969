// SPDX-License-Identifier: GPL-2.0

//! Describing and serving mappings: what `rust/kernel/mm/` would contain.

pub mod access;
pub mod address_space;
pub mod desc;
pub mod fault;
pub mod folio;
pub mod frames;
pub mod page;
pub mod pages;
pub mod pfn;
pub mod pgoff;
pub mod vm_operations;
pub mod vma;
