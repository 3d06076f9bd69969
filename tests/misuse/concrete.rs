// SPDX-License-Identifier: GPL-2.0

//! What drivers must not be able to do, refused where generic code is made concrete, which the
//! compiler does only when nothing else is wrong. The comment above each function has the reason
//! that tests/scripts/misuse.sh looks for.

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

/// A device whose offsets are no physical addresses.
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

/// The right to physical memory, for a device that nothing is unmapped from that becomes RAM.
// EXPECT evaluation of `simple_mmap::prelude::RawIo::of_current::<Board>
pub fn right_without_unmapping(opening: &Opening<'_, Board>) -> Result<RawIo> {
    RawIo::of_current(opening)
}

/// What the file of a misc device refers to, found as if its private data were another.
pub struct Found;

impl VmOperations for Found {
    // SAFETY: There is a file that it is so for, as far as anybody knows.
    const FILE_DATA: FileData<Self> = unsafe { FileData::new(find) };
}

/// Finds what the private data of a file leads to.
///
/// # Safety
///
/// The private data of the file must be the address of a `Found`.
pub unsafe fn find(file: *const kernel::bindings::file) -> *const Found {
    // SAFETY: As the caller promises.
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

/// Files of a misc device whose private data is taken for another than it is.
// EXPECT Registration::<Found>::new
pub fn found(devices: &mut Devices, device: Arc<Found>) -> Result {
    devices.add(device)
}

/// A word past the end of the page.
// EXPECT prelude::SharedBytes::<'_
pub fn word_past_the_end(page: &SharedPage) -> &Atomic<i64> {
    page.bytes().word::<i64, { PAGE_SIZE / 8 }>()
}

/// A word of a part of the page, which can be of any length.
// EXPECT SharedBytes::<'_>::word::<u32, 0>
#[inline(never)] // otherwise nothing is made concrete, as nobody calls it
pub fn word_of_a_slice(bytes: SharedBytes<'_>) -> &Atomic<u32> {
    bytes.word::<u32, 0>()
}
