// SPDX-License-Identifier: GPL-2.0

//! Misuse that the compiler must refuse because it needs a private item. The EXPECT comment above
//! each item has the error that tests/scripts/misuse.sh looks for.

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
            New,
            Undecided, //
        },
        frames::{
            Allows,
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

/// The data of an open file, which maps nothing.
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

/// Registers a device, and forgets the registration, so that it is never undone.
// EXPECT struct `Registration` is private
pub fn registration<D: MiscDevice>(device: Arc<D>) -> Result {
    let registration = simple_mmap::device::miscdevice::Registration::new(device)?;
    core::mem::forget(registration);
    Ok(())
}

/// Registers a device by hand.
// EXPECT trait `Register` is private
pub fn register(device: &mut dyn simple_mmap::device::miscdevice::Register) -> Result {
    // SAFETY: There is none. This must not compile, because the trait is private.
    unsafe { device.register() }
}

/// Makes a list of devices by hand.
// EXPECT cannot initialize a tuple struct which contains private fields
pub fn devices() -> Devices {
    Devices(KVec::new())
}

/// Unmaps pages of an address space, which other drivers' code can use.
// EXPECT method `unmap` is private
pub fn unmap(space: &AddressSpace) {
    space.unmap(Pgoff::new(0)..Pgoff::new(1));
}

/// Accesses the memory of a VMA as a debugger does.
// EXPECT function `access` is private
pub fn access(vma: *mut bindings::vm_area_struct) -> c_int {
    let mut byte = 0u8;
    // SAFETY: There is none. This must not compile, because the function is private.
    unsafe { simple_mmap::mm::access::access(vma, 0, (&raw mut byte).cast(), 1, 0) }
}

/// Calls a helper in C directly.
// EXPECT module `helpers` is private
pub fn helpers(page: *mut bindings::page) {
    // SAFETY: There is none. This must not compile, because the module `helpers` is private.
    unsafe { simple_mmap::compat::helpers::get_page(page) };
}

/// Takes the operations of a VMA, which could be given to another VMA.
// EXPECT struct `Table` is private
pub fn table<T: Pages>() -> &'static bindings::vm_operations_struct {
    &simple_mmap::mm::pages::Table::<T>::TABLE
}

/// Makes the mark of a description that is ready.
// EXPECT cannot initialize a tuple struct which contains private fields
pub fn ready() -> Ready {
    Ready(())
}

/// Makes the mark of a description whose VMA makes no copies on write.
// EXPECT cannot initialize a tuple struct which contains private fields
pub fn not_cow() -> NotCow {
    NotCow(())
}

/// Names the private trait of the states of a description.
// EXPECT module `private` is private
pub fn state(_: impl simple_mmap::mm::desc::private::Sealed) {}

/// Names the private trait of the kinds of caching.
// EXPECT module `private` is private
pub fn caching(_: impl simple_mmap::mm::caching::private::Protection) {}

/// Makes a static key by hand.
// EXPECT cannot initialize a tuple struct which contains private fields
pub static KEY: StaticKey = StaticKey {
    key: Key(UnsafeCell::new(1)),
};

/// Makes by hand the value that says that memory was checked not to be RAM.
// EXPECT tuple struct constructor `NotRam` is private
pub fn not_ram() -> simple_mmap::device::physical::NotRam {
    simple_mmap::device::physical::NotRam(())
}

/// Makes shared bytes from any pointer.
// EXPECT associated function `new` is private
pub fn bytes_from_nowhere<'a>(ptr: core::ptr::NonNull<u8>) -> SharedBytes<'a> {
    // SAFETY: There is none. This must not compile, because the function is private.
    unsafe { SharedBytes::new(ptr, 1) }
}

/// Changes the length of shared bytes.
// EXPECT field `len` of struct
pub fn more_bytes(mut bytes: SharedBytes<'_>) -> SharedBytes<'_> {
    bytes.len += 1;
    bytes
}

/// Gets the raw pointer of shared bytes.
// EXPECT field `ptr` of struct
pub fn pointer_to_bytes(bytes: SharedBytes<'_>) -> *mut u8 {
    bytes.ptr.as_ptr()
}

/// Makes by hand a `VmallocPages` that owns no memory.
// EXPECT with struct literal syntax due to private fields
pub fn vmalloc_made_by_hand() -> VmallocPages {
    VmallocPages { count: 1 }
}

/// Makes by hand a `SharedPage` that is no allocated page.
// EXPECT cannot initialize a tuple struct which contains private fields
pub fn shared_page(page: bindings::page) -> SharedPage {
    SharedPage(kernel::types::Opaque::new(page))
}

/// Makes a description by hand.
// EXPECT with struct literal syntax due to private fields
pub fn made_by_hand<'a>(desc: *mut bindings::vm_area_desc) -> VmaDesc<'a, Data, Ready> {
    VmaDesc { desc }
}

/// Gets the raw pointer of a description.
// EXPECT field `desc` of struct
pub fn made_of_another<'a>(desc: &VmaDesc<'a, Data>) -> *mut bindings::vm_area_desc {
    desc.desc.as_ptr()
}

/// Makes a description from any pointer, without `unsafe`.
// EXPECT VmaDesc::<'a, T>::from_raw` is unsafe
pub fn desc_from_nowhere(desc: *mut bindings::vm_area_desc) {
    let _ = VmaDesc::<'_, Data>::from_raw(desc);
}

/// Takes the private data of any file for `Data`, without `unsafe`.
// EXPECT call to unsafe function `file_data` is unsafe
pub fn data_of_any_file(file: *const bindings::file) -> &'static Data {
    file_data(file)
}

/// Data that a function of the driver finds in a file, declared without `unsafe`.
pub struct Found;

impl VmOperations for Found {
    // EXPECT call to unsafe function `FileData::<T>::new` is unsafe
    const FILE_DATA: FileData<Self> = FileData::new(find);
}

/// A function that finds no data in any file.
///
/// # Safety
///
/// It may always be called.
pub unsafe fn find(_file: *const bindings::file) -> *const Found {
    core::ptr::null()
}

/// Makes by hand the value that declares such a function.
// EXPECT cannot initialize a tuple struct which contains private fields
pub fn found() -> FileData<Found> {
    FileData(simple_mmap::mm::vm_operations::Find::By(find))
}

/// Takes over a reference on an address space, without `unsafe`.
// EXPECT call to unsafe function `AddressSpace::from_mapping` is unsafe
pub fn space_from_nowhere(mapping: *mut bindings::address_space) -> AddressSpace {
    AddressSpace::from_mapping(mapping)
}

/// Borrows an address space from any pointer, without `unsafe`.
// EXPECT call to unsafe function `AddressSpace::borrow` is unsafe
pub fn space_borrowed(mapping: *mut bindings::address_space) -> bool {
    AddressSpace::borrow(mapping).is_revoked()
}

/// Makes frames of a device from any number, without `unsafe`.
// EXPECT RevocableFrames::<C>::new` is unsafe
pub fn any_frames(space: AddressSpace) -> RevocableFrames<Uncached> {
    RevocableFrames::new(space, Pfn::new(0), 1)
}

/// Makes events of poll from any number.
// EXPECT cannot initialize a tuple struct which contains private fields
pub fn event() -> PollEvents {
    PollEvents(0x4000)
}

/// Makes a fault from any pointer.
// EXPECT associated function `from_raw` is private
pub fn fault_from_nowhere(vmf: *const bindings::vm_fault) -> usize {
    // SAFETY: There is none. This must not compile, because the function is private.
    unsafe { VmFault::from_raw(vmf) }.address()
}

/// Makes a `Vma` by hand.
// EXPECT associated function `new` is private
pub fn vma_from_nowhere() -> Vma {
    Vma::new(0, PAGE_SIZE, FirstPage::Offset(Pgoff::new(0)))
}

/// Makes the right to physical memory by hand.
// EXPECT with struct literal syntax due to private fields
pub fn right_made_by_hand() -> RawIo {
    RawIo {}
}

/// Makes a range of physical memory by hand, without the right to it.
// EXPECT with struct literal syntax due to private fields
pub fn no_right<'a>() -> PhysRange<'a> {
    PhysRange {
        first: Pfn::new(0),
        count: 1,
    }
}

/// Gets the address space that the right is for, and unmaps pages of it.
// EXPECT method `address_space` is private
pub fn address_space(raw_io: &RawIo) {
    raw_io.address_space().unmap(Pgoff::new(0)..Pgoff::new(1));
}

/// Makes an `Opening` by hand.
// EXPECT with struct literal syntax due to private fields
pub fn opening_made_by_hand() -> Opening<'static, Data> {
    Opening {
        _device: PhantomData,
    }
}

/// Makes page frames by hand.
// EXPECT with struct literal syntax due to private fields
pub fn frames_made_by_hand<'a>() -> FrameRun<'a> {
    FrameRun {
        first: Pfn::new(0),
        count: 1,
    }
}

/// Changes the number of page frames.
// EXPECT field `count` of struct
pub fn more_frames(mut run: FrameRun<'_>) -> FrameRun<'_> {
    run.count += 1;
    run
}

/// Defines another state of a description.
pub struct Mine;

// EXPECT the trait bound `Mine: desc::private::Sealed` is not satisfied
impl Undecided for Mine {}

/// Defines another kind of caching.
// EXPECT the trait bound `Mine: caching::private::Protection` is not satisfied
impl Caching for Mine {}

/// Initialises the registrations of a module by hand, without `unsafe`.
// EXPECT call to unsafe function `WithDevices::<M>::init` is unsafe
pub fn registrations<M: DeviceModule>() -> Result<WithDevices<M>> {
    WithDevices::init()
}

/// Allows uncached frames in a VMA that makes copies on write.
// EXPECT only traits defined in the current crate can be implemented for types defined outside
impl Allows<Uncached> for New {}
