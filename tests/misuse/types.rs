// SPDX-License-Identifier: GPL-2.0

//! What drivers must not be able to do, refused for its types. The comment above each has the
//! reason that tests/scripts/misuse.sh looks for.

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

/// What an open file refers to, and maps nothing.
pub struct Data;

impl VmOperations for Data {}

/// Pages of what has none.
// EXPECT the trait bound `Data: Pages` is not satisfied
pub fn no_pages<'a>(desc: VmaDesc<'a, Data>) -> VmaDesc<'a, Data, Ready> {
    desc.serve_pages()
}

/// Page frames of what has none.
// EXPECT but its trait bounds were not satisfied
pub fn no_frames<'a>(desc: VmaDesc<'a, Data, NotCow>) -> VmaDesc<'a, Data, Ready> {
    desc.serve_frames()
}

/// What has frames.
pub struct Ring(ContigPages);

impl VmOperations for Ring {}

impl Frames for Ring {
    fn frames(&self, pgoff: Pgoff) -> Option<FrameRun<'_>> {
        self.0.frames_from(pgoff.index())
    }
}

/// Page frames on demand where a write would give a copy.
// EXPECT no method named `serve_frames` found for struct
pub fn frames_with_copies<'a>(desc: VmaDesc<'a, Ring>) -> VmaDesc<'a, Ring, Ready> {
    desc.serve_frames()
}

/// Frames that are not cached where a write would give a copy.
// EXPECT mismatched types
pub fn uncached_with_copies<'a, R: Recheck>(
    desc: VmaDesc<'a, Data>,
    frames: IoFrames<'a, Uncached, R>,
) -> Result<VmaDesc<'a, Data, Ready>> {
    desc.io_remap_pfn_range(frames)
}

/// A description that nothing is decided of, returned as ready.
// EXPECT mismatched types
pub fn undecided<'a>(desc: VmaDesc<'a, Data>) -> Result<VmaDesc<'a, Data, Ready>> {
    Ok(desc)
}

/// More decided of a description that is ready.
// EXPECT its trait bounds were not satisfied
pub fn decided<'a>(desc: VmaDesc<'a, Ring, Ready>, frames: FrameRun<'a>) {
    let _ = desc.remap_pfn_range(frames);
}

/// A description used twice.
// EXPECT mismatched types
pub fn cloned<'a>(desc: &VmaDesc<'a, Data>) -> VmaDesc<'a, Data> {
    desc.clone()
}

/// A description kept in the data of the file, beyond its handler.
pub struct Keeper(Pin<KBox<Mutex<Option<VmaDesc<'static, Data>>>>>);

// EXPECT vm_area_desc>` cannot be sent between threads safely
impl VmOperations for Keeper {}

/// A fault kept so.
pub struct FaultKeeper(Option<&'static VmFault>);

// EXPECT cannot be shared between threads safely
impl VmOperations for FaultKeeper {}

/// Frames of a device that nobody looks at again.
pub struct Never;

impl Recheck for Never {
    fn recheck(_first: Pfn, _count: usize) -> Result {
        Ok(())
    }
}

// EXPECT associated function `new` is private
pub fn never_rechecked<'a>() -> IoFrames<'a, Cached, Never> {
    // SAFETY: None; the function is not to be had at all.
    unsafe { IoFrames::new(Pfn::new(0), 1) }
}

/// The same, in place of those that are looked at.
// EXPECT mismatched types
pub fn not_rechecked<'a>(range: &PhysRange<'a>) -> IoFrames<'a, Cached, Never> {
    range.cached()
}

/// Frames that are cached another way than they were asked for.
// EXPECT mismatched types
pub fn cached_otherwise<'a>(
    desc: VmaDesc<'a, Data>,
    range: &PhysRange<'a>,
) -> Result<VmaDesc<'a, Data, Ready>> {
    desc.io_remap_pfn_range::<Cached, _>(range.uncached())
}

/// Frames of a device, mapped as memory.
// EXPECT mismatched types
pub fn device_as_memory<'a>(
    desc: VmaDesc<'a, Data>,
    range: &PhysRange<'a>,
) -> Result<VmaDesc<'a, Data, Ready>> {
    desc.remap_pfn_range(range.cached())
}

/// A static key around what a driver likes.
// EXPECT mismatched types
pub static KEY: StaticKey = StaticKey { key: 1 };

/// A branch on a static that is no static key.
pub static NO_KEY: usize = 0;

// EXPECT mismatched types
pub fn branch() -> bool {
    static_branch_unlikely!(NO_KEY)
}

/// A branch on what has a static key beside its first field, and can be taken for it.
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

/// A page that the kernel is to take a reference on over from a fault, which has none to give.
// EXPECT mismatched types
pub fn page_without_a_reference(page: &SharedPage) -> Result<ARef<SharedPage>, VmFaultError> {
    Ok(page)
}

/// A fault that says that it mapped something.
// EXPECT mismatched types
pub fn mapped_nothing() -> Result<ARef<SharedPage>, VmFaultError> {
    Ok(())
}

/// A truth value where user space can write any bits.
// EXPECT the trait bound `bool: kernel::transmute::FromBytes` is not satisfied
pub fn atomic_bool<'a>(bytes: SharedBytes<'a>) -> Option<&'a Atomic<bool>> {
    bytes.atomic::<bool>(0)
}

/// A pointer there.
// EXPECT the trait bound `*mut u8: kernel::transmute::FromBytes` is not satisfied
pub fn atomic_pointer<'a>(bytes: SharedBytes<'a>) -> Option<&'a Atomic<*mut u8>> {
    bytes.atomic::<*mut u8>(0)
}

/// A word there that nothing is atomic of.
// EXPECT the trait bound `[u8; 4]: AtomicType` is not satisfied
pub fn atomic_array(bytes: SharedBytes<'_>) -> bool {
    bytes.atomic::<[u8; 4]>(0).is_some()
}

/// The bytes where a slice is wanted, which nobody else may write to.
// EXPECT mismatched types
pub fn bytes_for_a_slice(bytes: SharedBytes<'_>, to: &mut IovIterDest<'_>) -> usize {
    to.copy_to_iter(bytes)
}

/// The number of a page frame for an offset.
// EXPECT mismatched types
pub fn frame_for_offset<E: FolioEvents>(region: &FolioRegion<E>, pfn: Pfn) -> bool {
    region.page(pfn).is_some()
}

/// A number for an offset.
// EXPECT mismatched types
pub fn number_for_offset() -> Result<ARef<Folio>, kernel::alloc::AllocError> {
    Folio::alloc(0, 3)
}

/// An address for the number of a page frame.
// EXPECT mismatched types
pub fn address_for_frame(raw_io: &RawIo, phys: PhysAddr) -> Result<PhysRange<'_>> {
    PhysRange::new(raw_io, phys, 1)
}

/// An offset for the number of a page frame.
// EXPECT mismatched types
pub fn offset_for_frame(raw_io: &RawIo, pgoff: Pgoff) -> Result<PhysRange<'_>> {
    PhysRange::new(raw_io, pgoff, 1)
}

/// An offset in bytes for one in pages.
// EXPECT mismatched types
pub fn bytes_for_pages(desc: &VmaDesc<'_, Data>) -> bool {
    desc.pgoff() == desc.size()
}

/// The registers of a device that can go away.
pub struct Registers(RevocableFrames<Uncached>);

impl VmOperations for Registers {}

impl DeviceFrames for Registers {
    type Caching = Uncached;

    fn device_frames(&self) -> &RevocableFrames<Uncached> {
        &self.0
    }
}

/// They are mapped by an action, so that a process reaches them after they were taken back.
// EXPECT mismatched types
pub fn registers_all_at_once<'a>(
    registers: &'a Registers,
    desc: VmaDesc<'a, Registers, NotCow>,
) -> Result<VmaDesc<'a, Registers, Ready>> {
    desc.io_remap_pfn_range(&registers.0)
}

/// They are mapped as memory, which nobody takes back.
// EXPECT mismatched types
pub fn registers_as_memory<'a>(
    registers: &'a Registers,
    desc: VmaDesc<'a, Registers, NotCow>,
) -> Result<VmaDesc<'a, Registers, Ready>> {
    desc.remap_pfn_range(&registers.0)
}

/// They are served as memory.
// EXPECT its trait bounds were not satisfied
pub fn registers_served_as_memory<'a>(
    desc: VmaDesc<'a, Registers, NotCow>,
) -> VmaDesc<'a, Registers, Ready> {
    desc.serve_frames()
}

/// They are mapped privately, so that a process gets copies that stay.
// EXPECT no method named `serve_device_frames` found for struct
pub fn registers_copied<'a>(
    registers: &'a Registers,
    desc: VmaDesc<'a, Registers>,
) -> Result<VmaDesc<'a, Registers, Ready>> {
    desc.serve_device_frames(registers)
}

/// Memory that combines writes, mapped as registers are.
pub struct Video(RevocableFrames<WriteCombining>);

impl VmOperations for Video {}

impl DeviceFrames for Video {
    type Caching = Uncached;

    // EXPECT has an incompatible type for trait
    fn device_frames(&self) -> &RevocableFrames<WriteCombining> {
        &self.0
    }
}

/// The memory of a device claimed where it can be released at the same time, as in the handler of
/// its interrupt.
// EXPECT mismatched types
pub fn claimed_late(pdev: &kernel::pci::Device<kernel::device::Bound>) -> Result {
    let _ = BoundSpace::new(pdev)?;
    Ok(())
}
