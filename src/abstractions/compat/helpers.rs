// SPDX-License-Identifier: GPL-2.0

//! The C helpers of `helpers.c`. bindgen declares them from `helpers.h` during the build.

// `struct page` has members of size zero, and the code that bindgen makes has no documentation.
#![allow(improper_ctypes, missing_docs, non_upper_case_globals, unreachable_pub)]

use kernel::{
    bindings::*,
    ffi, //
};

include!(env!("SIMPLE_MMAP_HELPERS_RS"));
