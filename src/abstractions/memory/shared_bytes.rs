// SPDX-License-Identifier: GPL-2.0

//! The kernel's access to memory that user space has mapped.
//!
//! C headers: [`include/linux/string.h`](srctree/include/linux/string.h), `memcpy()`, `memset()`,
//! [`include/linux/compiler.h`](srctree/include/linux/compiler.h), `READ_ONCE()`, `data_race()`,
//! [`include/linux/uio.h`](srctree/include/linux/uio.h), `_copy_to_iter()`.

use crate::compat::helpers;
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
    prelude::*,
    sync::atomic::{
        Atomic,
        AtomicType, //
    },
    transmute::FromBytes, //
};

/// Bytes of memory that others may write at any time, for the duration of `'a`: user space that has
/// them mapped, and other threads of the kernel.
///
/// [`SharedPage`], [`ContigPages`] and [`VmallocPages`] have them. Offsets count bytes from the
/// first one. There are at least `MIN` bytes, which the compiler knows: it checks the index of
/// [`word`](Self::word). What [`slice`](Self::slice) returns has no such minimum.
///
/// # Others that write meanwhile
///
/// There is never a Rust reference to the bytes, nor does Rust code read or write them itself:
/// either would give the compiler the right to assume that nobody else writes there. There are two
/// ways to them:
///
/// - Copies and fills, which a C function makes that the Rust compiler does not see into, as
///   `copy_from_user()` is one. What they bring into the kernel is private when it is looked at.
///   They promise nothing else, as they are plain accesses, which the C side marks with
///   `data_race()`: while others write, what is copied can be partly old and partly new, at any
///   granularity, and what two sides write to the same place at once can be any mixture. They are
///   not ordered with what is around them. Those that know no user space do not sleep, and keep the
///   processor until they are done.
/// - Atomics of the kernel's memory model, which allows accesses of different size to the same
///   place. They order what is around them, as they do between threads of the kernel. User space
///   has to use atomics, too.
///
/// So a driver has to take all that it finds here for what an untrusted process gave it. It must
/// not check something here and then read it again, but copy it, and use the copy.
///
/// Where the architecture has no 64-bit atomics of its own (`CONFIG_GENERIC_ATOMIC64`), those of
/// the kernel are none for user space, and only 32-bit ones are of use.
///
/// # Broken pages
///
/// Reading a page that is known to be broken can be fatal to the machine: ask
/// [`SharedPage::is_hwpoisoned`] before.
///
/// # Invariants
///
/// - For the duration of `'a`, the `len` bytes from `ptr` on are memory that is mapped in the
///   kernel, cached and writable. They were initialized, and there is no Rust reference to them but
///   to atomics.
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
/// [`SharedPage`]: crate::mm::page::SharedPage
/// [`SharedPage::is_hwpoisoned`]: crate::mm::page::SharedPage::is_hwpoisoned
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

// SAFETY: By the type invariant anybody may write the bytes at any time; the methods are made so
// that this does not matter to them.
unsafe impl<const MIN: usize> Sync for SharedBytes<'_, MIN> {}

impl<'a, const MIN: usize> SharedBytes<'a, MIN> {
    /// The `len` bytes from `ptr` on.
    ///
    /// # Safety
    ///
    /// As the type invariant says.
    pub(crate) unsafe fn new(ptr: NonNull<u8>, len: usize) -> Self {
        // INVARIANT: As the caller promises.
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

    /// Whether there are none.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// A range of them, if they are all there.
    pub fn slice(&self, range: Range<usize>) -> Option<SharedBytes<'a>> {
        let (ptr, len) = self.at(range).ok()?;
        // INVARIANT: They are a part of `self`.
        Some(SharedBytes {
            ptr,
            len,
            _memory: PhantomData,
        })
    }

    /// Where a range is, and its length.
    fn at(&self, range: Range<usize>) -> Result<(NonNull<u8>, usize)> {
        if range.start > range.end || range.end > self.len {
            return Err(EINVAL);
        }
        // SAFETY: By the check above this is in the memory, or its end.
        let ptr = unsafe { self.ptr.add(range.start) };
        Ok((ptr, range.end - range.start))
    }

    /// Where the `len` bytes from an offset on are.
    fn at_offset(&self, offset: usize, len: usize) -> Result<NonNull<u8>> {
        let end = offset.checked_add(len).ok_or(EINVAL)?;
        Ok(self.at(offset..end)?.0)
    }

    /// Copies bytes from `offset` on into a buffer of the kernel's, and fills that.
    ///
    /// # Errors
    ///
    /// [`EINVAL`] if there are not as many, and then nothing is copied.
    pub fn read(&self, offset: usize, to: &mut [u8]) -> Result {
        let from = self.at_offset(offset, to.len())?;
        // SAFETY: By the type invariant the bytes are mapped, and by the check above they are as
        // many. The buffer is ours, and does not overlap with them, as it is a Rust reference.
        // Whoever writes there meanwhile, this is a C function that copies bytes: any are valid in
        // the buffer, and nothing else depends on them.
        unsafe { helpers::memcpy_shared(to.as_mut_ptr().cast(), from.as_ptr().cast(), to.len()) };
        Ok(())
    }

    /// Copies all of a buffer of the kernel's to where the bytes from `offset` on are.
    ///
    /// # Errors
    ///
    /// [`EINVAL`] if there are not as many, and then nothing is copied.
    pub fn write(&self, offset: usize, from: &[u8]) -> Result {
        let to = self.at_offset(offset, from.len())?;
        // SAFETY: By the type invariant the bytes are mapped and writable, and there is no Rust
        // reference to them but to atomics, which others may write to. By the check above they are
        // as many. Whoever reads or writes there meanwhile does not count on more than bytes.
        unsafe { helpers::memcpy_shared(to.as_ptr().cast(), from.as_ptr().cast(), from.len()) };
        Ok(())
    }

    /// Sets a range of the bytes to `byte`.
    ///
    /// # Errors
    ///
    /// [`EINVAL`] if they are not all there, and then none is set.
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
    /// [`EINVAL`] if they are not all there, and then none is set.
    pub fn clear(&self, range: Range<usize>) -> Result {
        self.fill(range, 0)
    }

    /// Copies a range of the bytes to user space, `_copy_to_iter()`. Returns how many; fewer where
    /// user space has no memory or wants less. May sleep.
    ///
    /// # Errors
    ///
    /// [`EINVAL`] if they are not all there, and then nothing is copied.
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
        // above the bytes are mapped. Whoever writes there meanwhile, this copies bytes and nothing
        // else.
        Ok(unsafe { bindings::_copy_to_iter(from.as_ptr().cast(), len, to.as_raw()) })
    }

    /// Copies a range of the bytes from user space, `_copy_from_iter()`. Returns how many; fewer
    /// where user space has no memory or gives less. May sleep.
    ///
    /// # Errors
    ///
    /// [`EINVAL`] if they are not all there, and then nothing is copied.
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

    /// The atomic at an offset in bytes, if it is all there, and aligned to its size.
    ///
    /// It is one of the integers, for which any bits are valid.
    #[inline]
    pub fn atomic<T: AtomicType + FromBytes>(&self, offset: usize) -> Option<&'a Atomic<T>> {
        let ptr = self.at_offset(offset, size_of::<T>()).ok()?;
        if ptr.addr().get() % size_of::<T>() != 0 {
            return None;
        }
        // SAFETY: By the checks above it is in the memory, and aligned: a type has no larger
        // alignment than its size.
        Some(unsafe { Self::atomic_from_ptr(ptr) })
    }

    /// Word number `N`, if the memory were an array of `T`. One that need not be there fails to
    /// compile.
    #[inline]
    pub fn word<T: AtomicType + FromBytes, const N: usize>(&self) -> &'a Atomic<T> {
        const { assert!(N < MIN / size_of::<T>(), "there may be no such word") };
        // SAFETY: By the type invariant and the check above it is in the memory, which starts with
        // a page, so that it is aligned.
        unsafe { Self::atomic_from_ptr(self.ptr.add(N * size_of::<T>())) }
    }

    /// # Safety
    ///
    /// A `T` at this address must be in the memory that there is for `'a`, and aligned.
    #[inline]
    unsafe fn atomic_from_ptr<T: AtomicType + FromBytes>(ptr: NonNull<u8>) -> &'a Atomic<T> {
        // SAFETY: As the caller promises, it is there and aligned. By the type invariant it is
        // initialized, and as a `T` is `FromBytes`, any bits are valid, and stay so whatever others
        // write. All accesses of Rust are atomic. What user space does is no part of the kernel's
        // memory model: whatever it stores, and how, a load here gives some bits. The copies and
        // fills of C are marked as races that are meant, and promise no more than some bits either.
        unsafe { Atomic::from_ptr(ptr.cast().as_ptr()) }
    }
}
