// SPDX-License-Identifier: GPL-2.0

//! What drivers must not be able to do, refused as what they would need is private. The comment
//! above each has the reason that tests/scripts/misuse.sh looks for.

use core::{
    cell::UnsafeCell,
    marker::PhantomData, //
};
use kernel::{
    bindings,
    prelude::*, //
};

use simple_mmap::{
    compat::static_key::Key,
    device::module::WithDevices,
    mm::{
        address_space::AddressSpace,
        desc::{
            Allows,
            New,
            Undecided, //
        },
        frames::{
            Caching,
            Uncached, //
        },
        vm_operations::{
            file_data,
            FileData, //
        }, //
    },
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

/// What an open file refers to, and maps nothing.
pub struct Data;

impl VmOperations for Data {}

#[vtable]
impl MiscDevice for Data {
    const NAME: &'static CStr = c"misuse";
    const MODE: u16 = 0o600;
    const PHYSICAL: bool = true;
    type File = Self;

    fn mmap_prepare<'a>(_: &'a Self, _: VmaDesc<'a, Self>) -> Result<VmaDesc<'a, Self, Ready>> {
        Err(EINVAL)
    }
}

/// A driver that gets hold of the registration of its device, and can forget it.
// EXPECT struct `Registration` is private
pub fn registration<D: MiscDevice>(device: Arc<D>) -> Result {
    let registration = simple_mmap::device::miscdevice::Registration::new(device)?;
    core::mem::forget(registration);
    Ok(())
}

/// What can be registered, registered by hand.
// EXPECT trait `Register` is private
pub fn register(device: &mut dyn simple_mmap::device::miscdevice::Register) -> Result {
    // SAFETY: None; the trait is not to be had at all.
    unsafe { device.register() }
}

/// A device that was never added, in the list of those that are.
// EXPECT cannot initialize a tuple struct which contains private fields
pub fn devices() -> Devices {
    Devices(KVec::new())
}

/// The address space of a device, to unmap what others have mapped.
// EXPECT method `unmap` is private
pub fn unmap(space: &AddressSpace) {
    space.unmap(Pgoff::new(0)..Pgoff::new(1));
}

/// What a debugger does to the memory of a process.
// EXPECT function `access` is private
pub fn access(vma: *mut bindings::vm_area_struct) -> c_int {
    let mut byte = 0u8;
    // SAFETY: None; the function is not to be had at all.
    unsafe { simple_mmap::mm::access::access(vma, 0, (&raw mut byte).cast(), 1, 0) }
}

/// The C side, past the abstractions.
// EXPECT module `helpers` is private
pub fn helpers(page: *mut bindings::page) {
    // SAFETY: None; the function is not to be had at all.
    unsafe { simple_mmap::compat::helpers::get_page(page) };
}

/// The operations of a VMA, for another one.
// EXPECT struct `Table` is private
pub fn table<T: Pages>() -> &'static bindings::vm_operations_struct {
    &simple_mmap::mm::pages::Table::<T>::TABLE
}

/// A state that a description is not in.
// EXPECT cannot initialize a tuple struct which contains private fields
pub fn ready() -> Ready {
    Ready(())
}

/// The same of where a write gives no copy.
// EXPECT cannot initialize a tuple struct which contains private fields
pub fn not_cow() -> NotCow {
    NotCow(())
}

/// What the states of a description have in common.
// EXPECT module `private` is private
pub fn state(_: impl simple_mmap::mm::desc::private::Sealed) {}

/// What the kinds of caching have in common.
// EXPECT module `private` is private
pub fn caching(_: impl simple_mmap::mm::frames::private::Protection) {}

/// A static key around what a driver likes.
// EXPECT cannot initialize a tuple struct which contains private fields
pub static KEY: StaticKey = StaticKey {
    key: Key(UnsafeCell::new(1)),
};

/// The check that memory is none, as a value.
// EXPECT tuple struct constructor `NotRam` is private
pub fn not_ram() -> simple_mmap::device::physical::NotRam {
    simple_mmap::device::physical::NotRam(())
}

/// Bytes that are anywhere.
// EXPECT associated function `new` is private
pub fn bytes_from_nowhere<'a>(ptr: core::ptr::NonNull<u8>) -> SharedBytes<'a> {
    // SAFETY: None; the function is not to be had at all.
    unsafe { SharedBytes::new(ptr, 1) }
}

/// More bytes than there are.
// EXPECT field `len` of struct
pub fn more_bytes(mut bytes: SharedBytes<'_>) -> SharedBytes<'_> {
    bytes.len += 1;
    bytes
}

/// Bytes as Rust has them.
// EXPECT field `ptr` of struct
pub fn pointer_to_bytes(bytes: SharedBytes<'_>) -> *mut u8 {
    bytes.ptr.as_ptr()
}

/// Memory of vmalloc() that is none.
// EXPECT with struct literal syntax due to private fields
pub fn vmalloc_made_by_hand() -> VmallocPages {
    VmallocPages { count: 1 }
}

/// A page that is none.
// EXPECT cannot initialize a tuple struct which contains private fields
pub fn shared_page(page: bindings::page) -> SharedPage {
    SharedPage(kernel::types::Opaque::new(page))
}

/// A description made by hand.
// EXPECT with struct literal syntax due to private fields
pub fn made_by_hand<'a>(desc: *mut bindings::vm_area_desc) -> VmaDesc<'a, Data, Ready> {
    VmaDesc { desc }
}

/// Data that is made of another.
// EXPECT field `desc` of struct
pub fn made_of_another<'a>(desc: &VmaDesc<'a, Data>) -> *mut bindings::vm_area_desc {
    desc.desc.as_ptr()
}

/// A raw pointer taken for a description.
// EXPECT VmaDesc::<'a, T>::from_raw` is unsafe
pub fn desc_from_nowhere(desc: *mut bindings::vm_area_desc) {
    let _ = VmaDesc::<'_, Data>::from_raw(desc);
}

/// What a file refers to, of one that need not refer to that.
// EXPECT call to unsafe function `file_data` is unsafe
pub fn data_of_any_file(file: *const bindings::file) -> &'static Data {
    file_data(file)
}

/// Data that a function of one's own finds, which need not.
pub struct Found;

impl VmOperations for Found {
    // EXPECT call to unsafe function `FileData::<T>::new` is unsafe
    const FILE_DATA: FileData<Self> = FileData::new(find);
}

/// Finds nothing.
///
/// # Safety
///
/// None is needed.
pub unsafe fn find(_file: *const bindings::file) -> *const Found {
    core::ptr::null()
}

/// The same, made by hand.
// EXPECT cannot initialize a tuple struct which contains private fields
pub fn found() -> FileData<Found> {
    FileData(simple_mmap::mm::vm_operations::Find::By(find))
}

/// A reference on an address space that nobody gave up.
// EXPECT call to unsafe function `AddressSpace::from_mapping` is unsafe
pub fn space_from_nowhere(mapping: *mut bindings::address_space) -> AddressSpace {
    AddressSpace::from_mapping(mapping)
}

/// The same, borrowed.
// EXPECT call to unsafe function `AddressSpace::borrow` is unsafe
pub fn space_borrowed(mapping: *mut bindings::address_space) -> bool {
    AddressSpace::borrow(mapping).is_revoked()
}

/// Frames that are no device's.
// EXPECT RevocableFrames::<C>::new` is unsafe
pub fn any_frames(space: AddressSpace) -> RevocableFrames<Uncached> {
    RevocableFrames::new(space, Pfn::new(0), 1)
}

/// An event of a number that the driver likes, as one that has no event's.
// EXPECT cannot initialize a tuple struct which contains private fields
pub fn event() -> PollEvents {
    PollEvents(0x4000)
}

/// A raw pointer taken for a fault.
// EXPECT associated function `from_raw` is private
pub fn fault_from_nowhere(vmf: *const bindings::vm_fault) -> usize {
    // SAFETY: None; the function is not to be had at all.
    unsafe { VmFault::from_raw(vmf) }.address()
}

/// A VMA of a driver's own.
// EXPECT associated function `new` is private
pub fn vma_from_nowhere() -> Vma {
    Vma::new(0, PAGE_SIZE, FirstPage::Offset(Pgoff::new(0)))
}

/// The right to physical memory, made by hand.
// EXPECT with struct literal syntax due to private fields
pub fn right_made_by_hand() -> RawIo {
    RawIo {}
}

/// Physical memory without the right to it.
// EXPECT with struct literal syntax due to private fields
pub fn no_right<'a>() -> PhysRange<'a> {
    PhysRange {
        first: Pfn::new(0),
        count: 1,
    }
}

/// The address space that the right is for.
// EXPECT method `address_space` is private
pub fn address_space(raw_io: &RawIo) {
    raw_io.address_space().unmap(Pgoff::new(0)..Pgoff::new(1));
}

/// A device that is being opened, made by hand.
// EXPECT with struct literal syntax due to private fields
pub fn opening_made_by_hand() -> Opening<'static, Data> {
    Opening {
        _device: PhantomData,
    }
}

/// Frames made by hand.
// EXPECT with struct literal syntax due to private fields
pub fn frames_made_by_hand<'a>() -> FrameRun<'a> {
    FrameRun {
        first: Pfn::new(0),
        count: 1,
    }
}

/// More frames than there are.
// EXPECT field `count` of struct
pub fn more_frames(mut run: FrameRun<'_>) -> FrameRun<'_> {
    run.count += 1;
    run
}

/// A state of a driver's own.
pub struct Mine;

// EXPECT the trait bound `Mine: desc::private::Sealed` is not satisfied
impl Undecided for Mine {}

/// A kind of caching of a driver's own.
// EXPECT the trait bound `Mine: frames::private::Protection` is not satisfied
impl Caching for Mine {}

/// The registrations of a module, in the driver's hands.
// EXPECT call to unsafe function `WithDevices::<M>::init` is unsafe
pub fn registrations<M: DeviceModule>() -> Result<WithDevices<M>> {
    WithDevices::init()
}

/// Frames that are not cached where a write would give a copy, as the driver says that it may be.
// EXPECT only traits defined in the current crate can be implemented for types defined outside
impl Allows<Uncached> for New {}
