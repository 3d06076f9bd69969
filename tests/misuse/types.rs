// SPDX-License-Identifier: GPL-2.0

//! Misuse that the compiler must refuse for its types. The EXPECT comment above each item has the
//! error that tests/scripts/misuse.sh looks for.

use kernel::{
    prelude::*,
    sync::{
        atomic::Atomic,
        Mutex, //
    }, //
};

use simple_mmap::{
    mm::frames::{
        Cached,
        IoFrames,
        Recheck,
        WriteCombining, //
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

/// Serves pages of data that has none.
// EXPECT the trait bound `Data: Pages` is not satisfied
pub fn no_pages<'a>(desc: VmaDesc<'a, Data>) -> VmaDesc<'a, Data, Ready> {
    desc.serve_pages()
}

/// Serves page frames of data that has none.
// EXPECT but its trait bounds were not satisfied
pub fn no_frames<'a>(desc: VmaDesc<'a, Data, NotCow>) -> VmaDesc<'a, Data, Ready> {
    desc.serve_frames()
}

/// Data that has page frames.
pub struct Ring(ContigPages);

impl VmOperations for Ring {}

impl Frames for Ring {
    fn frames(&self, pgoff: Pgoff) -> Option<FrameRun<'_>> {
        self.0.frames_from(pgoff.index())
    }
}

/// Serves page frames to faults in a VMA that can make copies on write.
// EXPECT no method named `serve_frames` found for struct
pub fn frames_with_copies<'a>(desc: VmaDesc<'a, Ring>) -> VmaDesc<'a, Ring, Ready> {
    desc.serve_frames()
}

/// Maps uncached frames in a VMA that can make copies on write.
// EXPECT mismatched types
pub fn uncached_with_copies<'a, R: Recheck>(
    desc: VmaDesc<'a, Data>,
    frames: IoFrames<'a, Uncached, R>,
) -> Result<VmaDesc<'a, Data, Ready>> {
    desc.io_remap_pfn_range(frames)
}

/// Returns a description as ready, without a decision how it is mapped.
// EXPECT mismatched types
pub fn undecided<'a>(desc: VmaDesc<'a, Data>) -> Result<VmaDesc<'a, Data, Ready>> {
    Ok(desc)
}

/// Decides how a VMA is mapped when that is decided already.
// EXPECT its trait bounds were not satisfied
pub fn decided<'a>(desc: VmaDesc<'a, Ring, Ready>, frames: FrameRun<'a>) {
    let _ = desc.remap_pfn_range(frames);
}

/// Clones a description, to use it twice.
// EXPECT mismatched types
pub fn cloned<'a>(desc: &VmaDesc<'a, Data>) -> VmaDesc<'a, Data> {
    desc.clone()
}

/// Keeps a description in the data of the file, after its handler.
pub struct Keeper(Pin<KBox<Mutex<Option<VmaDesc<'static, Data>>>>>);

// EXPECT vm_area_desc>` cannot be sent between threads safely
impl VmOperations for Keeper {}

/// Keeps a fault in the data of the file, after its handler.
pub struct FaultKeeper(Option<&'static VmFault>);

// EXPECT cannot be shared between threads safely
impl VmOperations for FaultKeeper {}

/// Makes frames of a device with a check that checks nothing when they are mapped.
pub struct Never;

impl Recheck for Never {
    fn recheck(_first: Pfn, _count: usize) -> Result {
        Ok(())
    }
}

// EXPECT associated function `new` is private
pub fn never_rechecked<'a>() -> IoFrames<'a, Cached, Never> {
    // SAFETY: There is none. This must not compile, because the function is private.
    unsafe { IoFrames::new(Pfn::new(0), 1) }
}

/// Takes frames that are checked when they are mapped for frames with that check.
// EXPECT mismatched types
pub fn not_rechecked<'a>(range: &PhysRange<'a>) -> IoFrames<'a, Cached, Never> {
    range.cached()
}

/// Maps frames with another caching than they have.
// EXPECT mismatched types
pub fn cached_otherwise<'a>(
    desc: VmaDesc<'a, Data>,
    range: &PhysRange<'a>,
) -> Result<VmaDesc<'a, Data, Ready>> {
    desc.io_remap_pfn_range::<Cached, _>(range.uncached())
}

/// Maps frames of a device as frames of memory.
// EXPECT mismatched types
pub fn device_as_memory<'a>(
    desc: VmaDesc<'a, Data>,
    range: &PhysRange<'a>,
) -> Result<VmaDesc<'a, Data, Ready>> {
    desc.remap_pfn_range(range.cached())
}

/// Makes a static key from a number.
// EXPECT mismatched types
pub static KEY: StaticKey = StaticKey { key: 1 };

/// Branches on a static that is no static key.
pub static NO_KEY: usize = 0;

// EXPECT mismatched types
pub fn branch() -> bool {
    static_branch_unlikely!(NO_KEY)
}

/// Branches on a static that dereferences to a static key, but has it at another address.
pub struct Beside(u64, StaticKey);

impl core::ops::Deref for Beside {
    type Target = StaticKey;

    fn deref(&self) -> &StaticKey {
        &self.1
    }
}

pub static BESIDE: Beside = Beside(7, StaticKey::disabled());

// EXPECT mismatched types
pub fn branch_beside() -> bool {
    static_branch_unlikely!(BESIDE)
}

/// Returns a page from a fault without a reference for the kernel.
// EXPECT mismatched types
pub fn page_without_a_reference(page: &SharedPage) -> Result<ARef<SharedPage>, VmFaultError> {
    Ok(page)
}

/// Returns from a fault without a page.
// EXPECT mismatched types
pub fn mapped_nothing() -> Result<ARef<SharedPage>, VmFaultError> {
    Ok(())
}

/// Gets an atomic `bool` in shared bytes, to which user space can write any bits.
// EXPECT the trait bound `bool: kernel::transmute::FromBytes` is not satisfied
pub fn atomic_bool<'a>(bytes: SharedBytes<'a>) -> Option<&'a Atomic<bool>> {
    bytes.atomic::<bool>(0)
}

/// Gets an atomic pointer in shared bytes.
// EXPECT the trait bound `*mut u8: kernel::transmute::FromBytes` is not satisfied
pub fn atomic_pointer<'a>(bytes: SharedBytes<'a>) -> Option<&'a Atomic<*mut u8>> {
    bytes.atomic::<*mut u8>(0)
}

/// Gets an atomic in shared bytes of a type without atomic operations.
// EXPECT the trait bound `[u8; 4]: AtomicType` is not satisfied
pub fn atomic_array(bytes: SharedBytes<'_>) -> bool {
    bytes.atomic::<[u8; 4]>(0).is_some()
}

/// Uses shared bytes as a slice, to which nobody else may write.
// EXPECT mismatched types
pub fn bytes_for_a_slice(bytes: SharedBytes<'_>, to: &mut IovIterDest<'_>) -> usize {
    to.copy_to_iter(bytes)
}

/// Uses the number of a page frame as an offset.
// EXPECT mismatched types
pub fn frame_for_offset<E: FolioEvents>(region: &FolioRegion<E>, pfn: Pfn) -> bool {
    region.page(pfn).is_some()
}

/// Uses a plain number as an offset.
// EXPECT mismatched types
pub fn number_for_offset() -> Result<ARef<Folio>, kernel::alloc::AllocError> {
    Folio::alloc(0, 3)
}

/// Uses an address as the number of a page frame.
// EXPECT mismatched types
pub fn address_for_frame(raw_io: &RawIo, phys: PhysAddr) -> Result<PhysRange<'_>> {
    PhysRange::new(raw_io, phys, 1)
}

/// Uses an offset as the number of a page frame.
// EXPECT mismatched types
pub fn offset_for_frame(raw_io: &RawIo, pgoff: Pgoff) -> Result<PhysRange<'_>> {
    PhysRange::new(raw_io, pgoff, 1)
}

/// Compares an offset in pages with a size in bytes.
// EXPECT mismatched types
pub fn bytes_for_pages(desc: &VmaDesc<'_, Data>) -> bool {
    desc.pgoff() == desc.size()
}

/// The registers of a device that can be unbound.
pub struct Registers(RevocableFrames<Uncached>);

impl VmOperations for Registers {}

impl DeviceFrames for Registers {
    type Caching = Uncached;

    fn device_frames(&self) -> &RevocableFrames<Uncached> {
        &self.0
    }
}

/// Maps registers at mmap, so that a process could reach them after the device is unbound.
// EXPECT mismatched types
pub fn registers_all_at_once<'a>(
    registers: &'a Registers,
    desc: VmaDesc<'a, Registers, NotCow>,
) -> Result<VmaDesc<'a, Registers, Ready>> {
    desc.io_remap_pfn_range(&registers.0)
}

/// Maps registers as memory, which is not unmapped when the device is unbound.
// EXPECT mismatched types
pub fn registers_as_memory<'a>(
    registers: &'a Registers,
    desc: VmaDesc<'a, Registers, NotCow>,
) -> Result<VmaDesc<'a, Registers, Ready>> {
    desc.remap_pfn_range(&registers.0)
}

/// Serves registers to faults as memory.
// EXPECT its trait bounds were not satisfied
pub fn registers_served_as_memory<'a>(
    desc: VmaDesc<'a, Registers, NotCow>,
) -> VmaDesc<'a, Registers, Ready> {
    desc.serve_frames()
}

/// Serves registers in a VMA that can make copies on write.
// EXPECT no method named `serve_device_frames` found for struct
pub fn registers_copied<'a>(
    registers: &'a Registers,
    desc: VmaDesc<'a, Registers>,
) -> Result<VmaDesc<'a, Registers, Ready>> {
    desc.serve_device_frames(registers)
}

/// Serves memory with write combining as uncached registers.
pub struct Video(RevocableFrames<WriteCombining>);

impl VmOperations for Video {}

impl DeviceFrames for Video {
    type Caching = Uncached;

    // EXPECT has an incompatible type for trait
    fn device_frames(&self) -> &RevocableFrames<WriteCombining> {
        &self.0
    }
}

/// Claims the memory of a device where the device can be released at the same time, as in an
/// interrupt handler.
// EXPECT mismatched types
pub fn claimed_late(pdev: &kernel::pci::Device<kernel::device::Bound>) -> Result {
    let _ = BoundSpace::new(pdev)?;
    Ok(())
}
