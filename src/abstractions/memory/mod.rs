// SPDX-License-Identifier: GPL-2.0

//! Memory of a driver that can be mapped.

pub mod contig;
pub mod folios;
mod may_fail;
pub mod shared_bytes;
pub mod vmalloc;
