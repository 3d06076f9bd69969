// SPDX-License-Identifier: GPL-2.0

//! The kernel's access to memory that user space has mapped.
//!
//! C headers: [`include/linux/string.h`](srctree/include/linux/string.h), `memcpy()`, `memset()`,
//! [`include/linux/compiler.h`](srctree/include/linux/compiler.h), `READ_ONCE()`, `data_race()`,
//! [`include/linux/uio.h`](srctree/include/linux/uio.h), `_copy_to_iter()`.

use crate::{
    compat::helpers,
    mm::page::SharedPage, //
};
use core::{
    marker::PhantomData,
    ops::Range,
    ptr::NonNull, //
};
use kernel::{
    bindings,
    iov::{
        IovIterDest,
        IovIterSource, //
    },
    page::PAGE_SIZE,
    prelude::*,
    sync::atomic::{
        Atomic,
        AtomicType, //
    },
    transmute::FromBytes, //
};

/// Bytes of memory that others may write at any time, for the duration of `'a`: processes that have
/// them mapped, and other threads of the kernel.
///
/// [`SharedPage`], [`ContigPages`] and [`VmallocPages`] give access to their bytes like this.
/// Offsets count bytes from the first one. There are at least `MIN` bytes. The compiler knows this
/// number, and checks the index of [`word`](Self::word) against it. For what [`slice`](Self::slice)
/// returns, `MIN` is 0.
///
/// # While others write
///
/// There are no Rust references to the bytes except to atomics, and Rust code does not read or
/// write them itself: either would let the compiler assume that nobody else writes there. There are
/// two ways to access them:
///
/// - Copies and fills by a C function, as `copy_from_user()` is one, which the Rust compiler does
///   not see into. What was copied into the kernel is private. Nothing else is promised, because
///   these are plain accesses, which the C side marks with `data_race()`. If others write at the
///   same time, a copy can be partly old and partly new, at any granularity, and if two sides write
///   to the same place at the same time, the result can be any mixture. They are not ordered with
///   other accesses. Those that do not access user space do not sleep, and do not yield the
///   processor before they are done.
/// - Atomics of the kernel's memory model, which allows accesses of different size to the same
///   place. They order other accesses, as they do between threads of the kernel. User space must
///   use atomics, too.
///
/// So a driver must treat all that it finds here as given by an untrusted process. It must not
/// check something here and then read it again: it must make a copy, and check and use that.
///
/// If the architecture has no 64-bit atomics of its own (`CONFIG_GENERIC_ATOMIC64`), the kernel's
/// 64-bit atomics are not atomic for user space, and only 32-bit ones can be shared with it.
///
/// # Broken pages
///
/// Reading a page that is known to be broken can be fatal to the machine. Call
/// [`SharedPage::is_hwpoisoned`] before.
///
/// # Invariants
///
/// - For the duration of `'a`, the `len` bytes from `ptr` on are memory that is mapped in the
///   kernel, cached and writable. They were initialized, and there are no Rust references to them
///   except to atomics.
/// - `len` is at least `MIN`. If `MIN` is not 0, `ptr` is a multiple of the size of a page.
///
/// # Examples
///
/// ```
/// use kernel::sync::atomic::{
///     Full,
///     Relaxed, //
/// };
///
/// let page = SharedPage::alloc(GFP_KERNEL)?;
/// let bytes = page.bytes();
/// assert_eq!(bytes.len(), PAGE_SIZE);
///
/// bytes.write(8, &[1, 2, 3])?;
/// bytes.fill(9..11, 7)?;
/// let mut copy = [0; 4];
/// bytes.read(8, &mut copy)?;
/// assert_eq!(copy, [1, 7, 7, 0]);
/// bytes.clear(0..bytes.len())?;
/// assert_eq!(bytes.write(PAGE_SIZE - 2, &[1, 2, 3]), Err(EINVAL));
///
/// // The last word of the page, known at compile time, and the same at an offset that is not.
/// let last = bytes.word::<u64, { PAGE_SIZE / 8 - 1 }>();
/// last.store(40, Relaxed);
/// let same = bytes.atomic::<u64>(PAGE_SIZE - 8).ok_or(EINVAL)?;
/// assert_eq!(same.fetch_add(2, Full), 40);
/// assert_eq!(last.load(Relaxed), 42);
/// assert!(bytes.atomic::<u64>(PAGE_SIZE).is_none());
/// assert!(bytes.atomic::<u32>(2).is_none());
///
/// let half: SharedBytes<'_> = bytes.slice(PAGE_SIZE / 2..PAGE_SIZE).ok_or(EINVAL)?;
/// assert!(!half.is_empty());
/// assert!(half.slice(0..PAGE_SIZE).is_none());
/// # Ok::<(), Error>(())
/// ```
///
/// [`ContigPages`]: super::contig::ContigPages
/// [`VmallocPages`]: super::vmalloc::VmallocPages
#[derive(Clone, Copy)]
pub struct SharedBytes<'a, const MIN: usize = 0> {
    ptr: NonNull<u8>,
    len: usize,
    _memory: PhantomData<&'a ()>,
}

// SAFETY: Memory belongs to no thread in particular.
unsafe impl<const MIN: usize> Send for SharedBytes<'_, MIN> {}

// SAFETY: By the type invariant anybody may write the bytes at any time, and the methods allow for
// that.
unsafe impl<const MIN: usize> Sync for SharedBytes<'_, MIN> {}

impl<'a, const MIN: usize> SharedBytes<'a, MIN> {
    /// The `len` bytes from `ptr` on.
    ///
    /// # Safety
    ///
    /// The type invariant must hold.
    pub(crate) unsafe fn new(ptr: NonNull<u8>, len: usize) -> Self {
        // INVARIANT: It holds by the safety requirements of this function.
        Self {
            ptr,
            len,
            _memory: PhantomData,
        }
    }

    /// How many bytes there are.
    #[inline]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are no bytes.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// A range of the bytes, or `None` if they are not all there.
    pub fn slice(&self, range: Range<usize>) -> Option<SharedBytes<'a>> {
        let (ptr, len) = self.at(range).ok()?;
        // INVARIANT: The bytes are a part of `self`, for which the invariant holds. `MIN` is 0.
        Some(SharedBytes {
            ptr,
            len,
            _memory: PhantomData,
        })
    }

    /// The address of the first byte of a range, and the range's length.
    fn at(&self, range: Range<usize>) -> Result<(NonNull<u8>, usize)> {
        if range.start > range.end || range.end > self.len {
            return Err(EINVAL);
        }
        // SAFETY: By the check above this address is in the memory, or is its end.
        let ptr = unsafe { self.ptr.add(range.start) };
        Ok((ptr, range.end - range.start))
    }

    /// The address of the first of `len` bytes from an offset on.
    fn at_offset(&self, offset: usize, len: usize) -> Result<NonNull<u8>> {
        let end = offset.checked_add(len).ok_or(EINVAL)?;
        Ok(self.at(offset..end)?.0)
    }

    /// Copies bytes from `offset` on into all of a buffer of the kernel.
    ///
    /// # Errors
    ///
    /// [`EINVAL`] if there are not that many bytes. Then nothing is copied.
    pub fn read(&self, offset: usize, to: &mut [u8]) -> Result {
        let from = self.at_offset(offset, to.len())?;
        // SAFETY: By the type invariant the bytes are mapped, and by the check above there are that
        // many. The buffer does not overlap with them, as it is a Rust reference. Others may write
        // the bytes meanwhile: the C function copies some bytes, any of which are valid in the
        // buffer, and nothing else depends on them.
        unsafe { helpers::memcpy_shared(to.as_mut_ptr().cast(), from.as_ptr().cast(), to.len()) };
        Ok(())
    }

    /// Copies all of a buffer of the kernel to the bytes from `offset` on.
    ///
    /// # Errors
    ///
    /// [`EINVAL`] if there are not that many bytes. Then nothing is copied.
    pub fn write(&self, offset: usize, from: &[u8]) -> Result {
        let to = self.at_offset(offset, from.len())?;
        // SAFETY: By the type invariant the bytes are mapped and writable, and there are no Rust
        // references to them except to atomics, to which others may write. By the check above there
        // are that many bytes. Others that read or write them meanwhile rely on nothing except to
        // get some bytes.
        unsafe { helpers::memcpy_shared(to.as_ptr().cast(), from.as_ptr().cast(), from.len()) };
        Ok(())
    }

    /// Sets a range of the bytes to `byte`.
    ///
    /// # Errors
    ///
    /// [`EINVAL`] if the range is not all there. Then no byte is set.
    pub fn fill(&self, range: Range<usize>, byte: u8) -> Result {
        let (to, len) = self.at(range)?;
        // SAFETY: As in `write`.
        unsafe { helpers::memset_shared(to.as_ptr().cast(), byte.into(), len) };
        Ok(())
    }

    /// Sets a range of the bytes to 0.
    ///
    /// # Errors
    ///
    /// [`EINVAL`] if the range is not all there. Then no byte is set.
    pub fn clear(&self, range: Range<usize>) -> Result {
        self.fill(range, 0)
    }

    /// Copies a range of the bytes to user space, `_copy_to_iter()`. Returns how many bytes were
    /// copied: fewer than asked for where user space has no memory or wants less. May sleep.
    ///
    /// # Errors
    ///
    /// [`EINVAL`] if the range is not all there. Then nothing is copied.
    ///
    /// # Examples
    ///
    /// ```
    /// fn read(bytes: SharedBytes<'_, PAGE_SIZE>, to: &mut IovIterDest<'_>) -> Result<usize> {
    ///     bytes.copy_to_iter(0..PAGE_SIZE, to)
    /// }
    /// # let _ = read;
    /// ```
    pub fn copy_to_iter(&self, range: Range<usize>, to: &mut IovIterDest<'_>) -> Result<usize> {
        let (from, len) = self.at(range)?;
        // SAFETY: The iterator is valid, and may be written to. By the type invariant and the check
        // above the bytes are mapped. Others may write them meanwhile: this copies bytes and does
        // nothing else with them.
        Ok(unsafe { bindings::_copy_to_iter(from.as_ptr().cast(), len, to.as_raw()) })
    }

    /// Copies a range of the bytes from user space, `_copy_from_iter()`. Returns how many bytes
    /// were copied: fewer than asked for where user space has no memory or gives less. May sleep.
    ///
    /// # Errors
    ///
    /// [`EINVAL`] if the range is not all there. Then nothing is copied.
    ///
    /// # Examples
    ///
    /// ```
    /// fn write(bytes: SharedBytes<'_, PAGE_SIZE>, from: &mut IovIterSource<'_>) -> Result<usize> {
    ///     bytes.copy_from_iter(0..PAGE_SIZE, from)
    /// }
    /// # let _ = write;
    /// ```
    pub fn copy_from_iter(
        &self,
        range: Range<usize>,
        from: &mut IovIterSource<'_>,
    ) -> Result<usize> {
        let (to, len) = self.at(range)?;
        // SAFETY: The iterator is valid, and may be read from. The rest is as in `write`.
        Ok(unsafe { bindings::_copy_from_iter(to.as_ptr().cast(), len, from.as_raw()) })
    }

    /// The atomic integer at an offset in bytes, or `None` if it is not all there or not aligned to
    /// its size.
    ///
    /// `T` is one of the integer types that have atomics. Any bits are valid for them.
    #[inline]
    pub fn atomic<T: AtomicType + FromBytes>(&self, offset: usize) -> Option<&'a Atomic<T>> {
        let ptr = self.at_offset(offset, size_of::<T>()).ok()?;
        if ptr.addr().get() % size_of::<T>() != 0 {
            return None;
        }
        // SAFETY: By the checks above it is in the memory, and aligned, because no type has an
        // alignment larger than its size.
        Some(unsafe { Self::atomic_from_ptr(ptr) })
    }

    /// Word number `N` of the memory, taken as an array of `T`. This fails to compile if `MIN`
    /// bytes do not include the word.
    #[inline]
    pub fn word<T: AtomicType + FromBytes, const N: usize>(&self) -> &'a Atomic<T> {
        const { assert!(N < MIN / size_of::<T>(), "there may be no such word") };
        // SAFETY: By the type invariant and the check above the word is in the memory. The memory
        // starts with a page, so the word is aligned.
        unsafe { Self::atomic_from_ptr(self.ptr.add(N * size_of::<T>())) }
    }

    /// # Safety
    ///
    /// At this address there must be a `T` of memory for the duration of `'a`, and it must be
    /// aligned.
    #[inline]
    unsafe fn atomic_from_ptr<T: AtomicType + FromBytes>(ptr: NonNull<u8>) -> &'a Atomic<T> {
        // SAFETY: By the safety requirements of this function the memory is there and aligned, and
        // by the type invariant it is initialized. `T` is `FromBytes`, so any bits are valid,
        // whatever others write. All accesses by Rust code are atomic. The kernel's memory model
        // does not include what user space does: whatever and however it stores, a load here
        // returns some bits. The copies and fills by C functions are marked as intended races, and
        // promise no more than some bits either.
        unsafe { Atomic::from_ptr(ptr.cast().as_ptr()) }
    }
}

// Where there is no high memory, as on all 64-bit architectures, every page has an address in the
// kernel's linear mapping, whatever flags it is allocated with.
static_assert!(
    !cfg!(CONFIG_HIGHMEM),
    "pages in high memory have no address that lasts"
);

impl SharedPage {
    /// The page's address in the kernel's linear mapping, `page_address()`.
    pub fn address(&self) -> *mut c_void {
        // SAFETY: The page is valid.
        unsafe { helpers::page_address(self.as_ptr()) }
    }

    /// The page's bytes, which must not be accessed if it is [broken](Self::is_hwpoisoned).
    #[inline]
    pub fn bytes(&self) -> SharedBytes<'_, PAGE_SIZE> {
        // SAFETY: The page has an address, which is not null, as there is no high memory.
        let ptr = unsafe { NonNull::new_unchecked(self.address().cast()) };
        // SAFETY: The page is mapped there as long as it has references, so as long as `self` is
        // borrowed. By the type invariant its bytes were initialized, and there are no Rust
        // references to them except to atomics.
        unsafe { SharedBytes::new(ptr, PAGE_SIZE) }
    }
}
