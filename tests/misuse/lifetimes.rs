// SPDX-License-Identifier: GPL-2.0

//! Misuse that the compiler must refuse for its lifetimes, or for a missing `unsafe` block, which
//! it checks when all types are right. The EXPECT comment above each function has the error that
//! tests/scripts/misuse.sh looks for.

use kernel::{
    new_poll_condvar,
    prelude::*,
    sync::Mutex, //
};

use simple_mmap::prelude::*;

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

/// The data of an open file: memory that stays, and memory that can be replaced.
#[pin_data]
pub struct Data {
    memory: ContigPages,
    #[pin]
    replaced: Mutex<Option<ContigPages>>,
}

impl VmOperations for Data {}

impl Pages for Data {
    fn fault(&self, _vmf: &VmFault) -> Result<ARef<SharedPage>, VmFaultError> {
        Err(VmFaultError::SigBus)
    }
}

/// Maps page frames of memory that is freed when the handler returns.
// EXPECT cannot return value referencing local variable `stray`
pub fn memory_that_goes<'a>(desc: VmaDesc<'a, Data>) -> Result<VmaDesc<'a, Data, Ready>> {
    let stray = ContigPages::alloc(desc.pages())?;
    desc.remap_pfn_range(stray.frames_from(0).ok_or(EINVAL)?)
}

/// Maps page frames of memory that is borrowed for less than the life of the file.
// EXPECT explicit lifetime required in the type of `other`
pub fn memory_of_somebody_else<'a>(
    desc: VmaDesc<'a, Data>,
    other: &ContigPages,
) -> Result<VmaDesc<'a, Data, Ready>> {
    desc.remap_pfn_range(other.frames_from(0).ok_or(EINVAL)?)
}

/// Maps page frames of memory on which only the handler holds a reference.
// EXPECT cannot return value referencing local variable `shared`
pub fn memory_with_a_reference<'a>(
    desc: VmaDesc<'a, Data>,
    shared: Arc<ContigPages>,
) -> Result<VmaDesc<'a, Data, Ready>> {
    let shared = shared.clone();
    desc.remap_pfn_range(shared.frames_from(0).ok_or(EINVAL)?)
}

/// Maps page frames of memory that stays only as long as a lock is held.
// EXPECT cannot return value referencing local variable `guard`
pub fn memory_under_a_lock<'a>(
    data: &'a Data,
    desc: VmaDesc<'a, Data>,
) -> Result<VmaDesc<'a, Data, Ready>> {
    let guard = data.replaced.lock();
    let memory = guard.as_ref().ok_or(EINVAL)?;
    desc.remap_pfn_range(memory.frames_from(0).ok_or(EINVAL)?)
}

/// Shortens the lifetime of a description, to map page frames with a shorter life.
// EXPECT lifetime may not live long enough
pub fn shortened<'short, 'a: 'short>(
    desc: VmaDesc<'a, Data>,
    frames: FrameRun<'short>,
) -> Result<VmaDesc<'short, Data, Ready>> {
    let desc: VmaDesc<'short, Data> = desc;
    desc.remap_pfn_range(frames)
}

/// Serves page frames, to faults, of memory that stays only as long as a lock is held.
impl Frames for Data {
    // EXPECT cannot return value referencing local variable `guard`
    fn frames(&self, pgoff: Pgoff) -> Option<FrameRun<'_>> {
        let guard = self.replaced.lock();
        guard.as_ref()?.frames_from(pgoff.index())
    }
}

/// Serves page frames, to faults, of memory that is freed at once.
pub struct Fresh;

impl VmOperations for Fresh {}

impl Frames for Fresh {
    // EXPECT cannot return value referencing local variable `fresh`
    fn frames(&self, _pgoff: Pgoff) -> Option<FrameRun<'_>> {
        let fresh = ContigPages::alloc(1).ok()?;
        fresh.frames_from(0)
    }
}

/// Uses page frames after their memory is freed.
// EXPECT cannot move out of `memory` because it is borrowed
pub fn frames_that_are_gone(memory: ContigPages) -> usize {
    let run = memory.frames_from(0);
    drop(memory);
    run.map_or(0, |run| run.count())
}

/// Makes page frames from any number, without `unsafe`.
// EXPECT FrameRun::<'a>::new` is unsafe and requires unsafe
pub fn claimed<'a>() -> FrameRun<'a> {
    FrameRun::new(Pfn::new(0), 1)
}

/// Decides twice how a VMA is mapped, with the same description.
// EXPECT use of moved value: `desc`
pub fn both_kinds<'a>(data: &'a Data, desc: VmaDesc<'a, Data>) -> Result<VmaDesc<'a, Data, Ready>> {
    let frames = data.memory.frames_from(0).ok_or(EINVAL)?;
    let _ = desc.remap_pfn_range(frames);
    Ok(desc.serve_pages())
}

/// Decides twice how a VMA is mapped, once after `into_not_cow()`.
// EXPECT use of moved value: `desc`
pub fn both_states<'a>(desc: VmaDesc<'a, Data>) -> Result<VmaDesc<'a, Data, Ready>> {
    let _ = desc.into_not_cow()?.serve_frames();
    Ok(desc.serve_pages())
}

/// Denies writes after it is decided how the VMA is mapped.
// EXPECT borrow of moved value: `desc`
pub fn deny_late<'a>(mut desc: VmaDesc<'a, Data>) -> Result<VmaDesc<'a, Data, Ready>> {
    let ready = desc.serve_pages();
    desc.deny_write()?;
    Ok(ready)
}

/// Keeps a description after its handler.
// EXPECT lifetime may not live long enough
pub fn keep<'a>(desc: VmaDesc<'a, Data>) -> VmaDesc<'static, Data> {
    desc
}

/// Stores a description, during its handler, where it stays after it.
// EXPECT lifetime may not live long enough
pub fn put_away<'a>(desc: VmaDesc<'a, Data>, kept: &mut Option<VmaDesc<'static, Data>>) {
    *kept = Some(desc);
}

/// Keeps a reference to the data of a file after the handler.
// EXPECT lifetime may not live long enough
pub fn keep_data<'a>(data: &'a Data, _desc: VmaDesc<'a, Data>) -> &'static Data {
    data
}

/// Keeps an `Opening` after the open.
// EXPECT lifetime may not live long enough
pub fn keep_opening<'a, D: MiscDevice>(
    opening: &'a Opening<'a, D>,
) -> &'static Opening<'static, D> {
    opening
}

/// Makes a range of physical memory that outlives the right to it.
// EXPECT cannot return value referencing function parameter `raw_io`
pub fn right_given_up<'a>(raw_io: RawIo) -> Result<PhysRange<'a>> {
    PhysRange::new(&raw_io, Pfn::new(0), 1)
}

/// Maps a range of physical memory whose right is borrowed for less than the life of the file.
// EXPECT explicit lifetime required in the type of `raw_io`
pub fn right_of_somebody_else<'a>(
    desc: VmaDesc<'a, Data>,
    raw_io: &RawIo,
) -> Result<VmaDesc<'a, Data, Ready>> {
    let range = PhysRange::new(raw_io, Pfn::new(desc.pgoff().index()), desc.pages())?;
    desc.io_remap_pfn_range(range.cached())
}

/// Branches on a static key that is a local variable.
// EXPECT `key` does not live long enough
pub fn key_that_goes() -> bool {
    let key = StaticKey::disabled();
    static_branch_unlikely!(key)
}

/// Drops a reference on a page twice.
// EXPECT use of moved value: `page`
pub fn put_page_twice(page: ARef<SharedPage>) -> bool {
    SharedPage::put(page);
    SharedPage::put(page)
}

/// Drops a reference on a folio twice.
// EXPECT use of moved value: `folio`
pub fn put_folio_twice(folio: ARef<Folio>) -> bool {
    drop(folio);
    Folio::put(folio)
}

/// Uses a page of a folio after the reference on the folio is dropped.
// EXPECT cannot move out of `folio` because it is borrowed
pub fn page_that_is_gone(folio: ARef<Folio>) -> Pfn {
    let page = &folio.pages()[0];
    Folio::put(folio);
    page.pfn()
}

/// Takes a page out of an `OnceRef` while a reference to it is in use.
// EXPECT cannot borrow `place` as mutable because it is also borrowed as immutable
pub fn page_taken_away(mut place: OnceRef<SharedPage>) -> Option<Pfn> {
    let page = place.get();
    drop(place.take());
    page.map(|page| page.pfn())
}

/// Takes a page out of an `OnceRef` that is shared.
// EXPECT cannot borrow `*place` as mutable
pub fn page_taken_from_others(place: &OnceRef<SharedPage>) -> Option<ARef<SharedPage>> {
    place.take()
}

/// Uses a page of a region after the region is freed.
// EXPECT cannot move out of `region` because it is borrowed
pub fn region_that_is_gone(region: Pin<KBox<FolioRegion<()>>>) -> Option<Pfn> {
    let page = region.page(Pgoff::new(0));
    drop(region);
    page.map(|page| page.pfn())
}

/// Returns a word of a page that is freed.
// EXPECT cannot return value referencing local variable `page`
pub fn word_that_is_gone<'a>() -> Result<&'a kernel::sync::atomic::Atomic<i64>> {
    let page = SharedPage::alloc(GFP_KERNEL)?;
    Ok(page.bytes().word::<i64, 0>())
}

/// Uses the bytes of a page after the reference on it is dropped.
// EXPECT cannot move out of `page` because it is borrowed
pub fn page_bytes_that_are_gone(page: ARef<SharedPage>) -> Result {
    let bytes = page.bytes();
    SharedPage::put(page);
    bytes.clear(0..1)
}

/// Returns the bytes of contiguous memory that is freed.
// EXPECT cannot return value referencing local variable `memory`
pub fn contiguous_bytes_that_are_gone<'a>() -> Result<SharedBytes<'a, PAGE_SIZE>> {
    let memory = ContigPages::alloc(1)?;
    Ok(memory.bytes())
}

/// Uses a part of the bytes of memory of vmalloc() after it is freed.
// EXPECT cannot move out of `memory` because it is borrowed
pub fn vmalloc_bytes_that_are_gone(memory: VmallocPages) -> Option<usize> {
    let bytes = memory.bytes().slice(0..1);
    drop(memory);
    bytes.map(|bytes| bytes.len())
}

/// Returns an atomic in memory of vmalloc() that is freed.
// EXPECT cannot return value referencing local variable `memory`
pub fn vmalloc_atomic_that_is_gone<'a>() -> Result<&'a kernel::sync::atomic::Atomic<u32>> {
    let memory = VmallocPages::alloc(1)?;
    memory.bytes().atomic::<u32>(0).ok_or(EINVAL)
}

/// Uses a page of memory of vmalloc() after it is freed, without a reference on the page.
// EXPECT cannot move out of `memory` because it is borrowed
pub fn vmalloc_page_that_is_gone(memory: VmallocPages) -> Option<Pfn> {
    let page = memory.page(Pgoff::new(0));
    drop(memory);
    page.map(|page| page.pfn())
}

/// Two devices whose types differ in a lifetime only.
pub struct Board<F>(core::marker::PhantomData<F>);

/// Takes an `Opening` of one of the devices for one of the other.
// EXPECT mismatched types
pub fn other_device<'a>(
    opening: &'a Opening<'a, Board<for<'b> fn(&'b ())>>,
) -> &'a Opening<'a, Board<fn(&'static ())>> {
    opening
}

/// Has a process wait for a `PollCondVar` that is freed while it waits.
// EXPECT `gone` does not live long enough
pub fn poll<'a>(poll: &Poll<'a>) -> Result<PollEvents> {
    let gone = KBox::pin_init(new_poll_condvar!(), GFP_KERNEL)?;
    poll.wait(&gone);
    Ok(PollEvents::NONE)
}

/// Keeps a file after an ioctl, without a reference on it.
// EXPECT lifetime may not live long enough
pub fn ioctl(_: ArcBorrow<'_, u32>, file: &File, _cmd: u32, _arg: usize) -> Result<isize> {
    let kept: &'static File = file;
    Ok(kept.flags() as isize)
}

/// Keeps the credentials of the opener for longer than the `Opening` is borrowed.
// EXPECT explicit lifetime required in the type of `opening`
pub fn credentials<'a, D>(opening: &Opening<'a, D>) -> &'a kernel::cred::Credential {
    opening.cred()
}

/// Shortens the lifetime of a `Poll`, for which a process can wait longer.
// EXPECT lifetime may not live long enough
pub fn shorter_poll<'a, 'b>(poll: &'b Poll<'a>) -> &'b Poll<'b> {
    poll
}

/// Keeps a `BoundSpace`, which claims memory of a device, until the device can be released.
// EXPECT explicit lifetime required in the type of `pdev`
pub fn claims_later<'bound>(
    pdev: &'bound kernel::pci::Device<kernel::device::Core<'_>>,
) -> Result<BoundSpace<'bound, 'bound>> {
    BoundSpace::new(pdev)
}
