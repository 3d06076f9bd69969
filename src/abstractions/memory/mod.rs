// SPDX-License-Identifier: GPL-2.0

//! Owning memory that can be mapped.

pub mod atomic_page;
pub mod contig;
pub mod folios;
mod may_fail;
