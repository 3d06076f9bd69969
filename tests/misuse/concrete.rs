// SPDX-License-Identifier: GPL-2.0

//! Misuse that the compiler must refuse when it monomorphizes generic code, which it does only if
//! there is no other error. The EXPECT comment above each function has the error that
//! tests/scripts/misuse.sh looks for.

use kernel::{
    prelude::*,
    sync::atomic::Atomic, //
};

use simple_mmap::{
    mm::vm_operations::FileData,
    prelude::*, //
};

module! {
    type: Misuse,
    name: "misuse",
    authors: ["The simple developers"],
    description: "Must not compile",
    license: "GPL v2",
}

pub struct Misuse;

impl kernel::Module for Misuse {
    fn init(_module: &'static ThisModule) -> Result<Self> {
        Ok(Self)
    }
}

/// A device whose mmap offsets are not physical addresses.
pub struct Board;

impl VmOperations for Board {}

#[vtable]
impl MiscDevice for Board {
    const NAME: &'static CStr = c"misuse";
    const MODE: u16 = 0o600;
    type File = Self;

    fn mmap_prepare<'a>(_: &'a Self, _: VmaDesc<'a, Self>) -> Result<VmaDesc<'a, Self, Ready>> {
        Err(EINVAL)
    }
}

/// Gets the right to physical memory for a device that does not unmap what becomes RAM.
// EXPECT evaluation of `simple_mmap::prelude::RawIo::of_current::<Board>
pub fn right_without_unmapping(opening: &Opening<'_, Board>) -> Result<RawIo> {
    RawIo::of_current(opening)
}

/// The data of a misc device's file, whose private data is taken for another type.
pub struct Found;

impl VmOperations for Found {
    // SAFETY: None: the private data of a misc device's file is another.
    const FILE_DATA: FileData<Self> = unsafe { FileData::new(find) };
}

/// Finds what the private data of a file leads to.
///
/// # Safety
///
/// The private data of the file must be the address of a `Found`.
pub unsafe fn find(file: *const kernel::bindings::file) -> *const Found {
    // SAFETY: The file is valid, and its private data is the address of a `Found`.
    unsafe { (*file).private_data.cast() }
}

#[vtable]
impl MiscDevice for Found {
    const NAME: &'static CStr = c"misuse";
    const MODE: u16 = 0o600;
    type File = Self;

    fn mmap_prepare<'a>(_: &'a Self, _: VmaDesc<'a, Self>) -> Result<VmaDesc<'a, Self, Ready>> {
        Err(EINVAL)
    }
}

/// Adds a misc device whose files' private data is taken for another type.
// EXPECT Registration::<Found>::new
pub fn found(devices: &mut Devices, device: Arc<Found>) -> Result {
    devices.add(device)
}

/// Gets a word past the end of a page.
// EXPECT prelude::SharedBytes::<'_
pub fn word_past_the_end(page: &SharedPage) -> &Atomic<i64> {
    page.bytes().word::<i64, { PAGE_SIZE / 8 }>()
}

/// Gets a word at a fixed place in a slice of a page, which can be too short for it.
// EXPECT SharedBytes::<'_>::word::<u32, 0>
#[inline(never)] // otherwise it is not compiled, as nobody calls it
pub fn word_of_a_slice(bytes: SharedBytes<'_>) -> &Atomic<u32> {
    bytes.word::<u32, 0>()
}
