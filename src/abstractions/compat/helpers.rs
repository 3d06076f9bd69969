// SPDX-License-Identifier: GPL-2.0

//! The C helpers of `helpers.c`. bindgen declares them from `helpers.h` during the build.
//!
//! Beside the helpers, this module has the kernel's own bindings, as the kernel's crate `bindings`
//! has both.

// `struct page` has members of size zero, and the code that bindgen makes has no documentation.
#![allow(improper_ctypes, missing_docs, non_upper_case_globals, unreachable_pub)]

pub use kernel::bindings::*;
use kernel::ffi;

include!(env!("SIMPLE_MMAP_HELPERS_RS"));
