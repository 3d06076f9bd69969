// SPDX-License-Identifier: GPL-2.0

//! What a program in Rust that maps /dev/new_device sees. The output is TAP.

use std::ffi::c_void;
use std::fs::OpenOptions;
use std::os::fd::AsRawFd;
use std::process::ExitCode;
use std::ptr;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

extern "C" {
    fn mmap(
        addr: *mut c_void,
        len: usize,
        prot: i32,
        flags: i32,
        fd: i32,
        offset: i64,
    ) -> *mut c_void;
}

const PROT_READ: i32 = 1;
const PROT_WRITE: i32 = 2;
const MAP_SHARED: i32 = 1;
const MAP_FAILED: *mut c_void = !0 as *mut c_void;

/// Maps the first page as atomics, as others may write it at any time. It stays mapped.
fn map() -> &'static [AtomicU32] {
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .open("/dev/new_device");
    let file = file.expect("open /dev/new_device");
    // SAFETY: The kernel chooses an address where nothing is.
    let addr = unsafe {
        mmap(
            ptr::null_mut(),
            4096,
            PROT_READ | PROT_WRITE,
            MAP_SHARED,
            file.as_raw_fd(),
            0,
        )
    };
    assert_ne!(addr, MAP_FAILED, "mmap of /dev/new_device");
    // SAFETY: A page is mapped there, and stays so. Any bits are a valid `AtomicU32`.
    unsafe { std::slice::from_raw_parts(addr.cast(), 1024) }
}
