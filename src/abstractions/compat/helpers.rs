// SPDX-License-Identifier: GPL-2.0

//! The C helpers of `helpers.c`, as bindgen declares them from `helpers.h` in the build.

// `struct page` has members of size zero, and what bindgen writes has no docs.
#![allow(improper_ctypes, missing_docs, non_upper_case_globals, unreachable_pub)]

use kernel::{
    bindings::*,
    ffi, //
};

include!(env!("SIMPLE_MMAP_HELPERS_RS"));
