// SPDX-License-Identifier: GPL-2.0

//! What the drivers have in common: `read` and `write` of a region, and the counts and the trace of
//! its VMAs.

use crate::events::Events;
use core::{
    cmp::min,
    ops::Range, //
};
use kernel::{
    prelude::*,
    seq_print, //
};
use simple_mmap::prelude::*;

/// The region of a device, implemented by what the device's open files refer to.
pub(crate) trait Region: Send + Sync + 'static {
    /// The kind of memory, which `/proc/<pid>/fdinfo/<fd>` shows as `mode`.
    const MODE: &'static str;

    /// The size in bytes of the pieces that [`read()`] and [`write()`] copy.
    const PIECE_SIZE: usize;

    /// The size of the region in bytes.
    fn size(&self) -> u64;

    /// The counters of the device's events.
    fn events(&self) -> &Events;

    /// The address that the trace shows as `phys` for a VMA with this first page.
    fn phys(&self, page: FirstPage) -> PhysAddr;

    /// Copies the range `bytes` of piece `number` to user space. Returns how many bytes it copied.
    fn read_piece(
        &self,
        number: usize,
        bytes: Range<usize>,
        to: &mut IovIterDest<'_>,
    ) -> Result<usize>;

    /// Copies the range `bytes` of piece `number` from user space. Returns how many bytes it
    /// copied.
    fn write_piece(
        &self,
        number: usize,
        bytes: Range<usize>,
        from: &mut IovIterSource<'_>,
    ) -> Result<usize>;
}

/// Counts and traces that a VMA of a region was opened.
pub(crate) fn open(region: &impl Region, vma: &Vma) {
    region.events().open(vma, || region.phys(vma.first_page()));
}

/// Counts and traces that a VMA of a region is closed.
pub(crate) fn close(region: &impl Region, vma: &Vma) {
    region.events().close(vma, || region.phys(vma.first_page()));
}

/// Reads from a region at the file's position, and moves the position on by what was read.
pub(crate) fn read<R: Region>(
    mut kiocb: Kiocb<'_, Arc<R>>,
    to: &mut IovIterDest<'_>,
) -> Result<usize> {
    let region = kiocb.file();
    let range = reached(kiocb.ki_pos() as u64, to.len(), region.size());
    let done = copy_pieces(range, R::PIECE_SIZE, |piece, bytes| {
        region.read_piece(piece, bytes, to)
    })?;
    *kiocb.ki_pos_mut() += done as i64;
    Ok(done)
}

/// Writes to a region at the file's position, and moves the position on by what was written.
pub(crate) fn write<R: Region>(
    mut kiocb: Kiocb<'_, Arc<R>>,
    from: &mut IovIterSource<'_>,
) -> Result<usize> {
    let region = kiocb.file();
    let range = written(kiocb.ki_pos() as u64, from.len(), region.size())?;
    let done = copy_pieces(range, R::PIECE_SIZE, |piece, bytes| {
        region.write_piece(piece, bytes, from)
    })?;
    *kiocb.ki_pos_mut() += done as i64;
    Ok(done)
}

/// Prints the mode, the size and the number of allocated pages, for `/proc/<pid>/fdinfo/<fd>`.
pub(crate) fn show_fdinfo<R: Region>(region: &R, to: &SeqFile) {
    let (mode, size, pages) = (R::MODE, region.size(), region.events().pages());
    seq_print!(to, "mode:\t{mode}\nsize:\t{size}\npages:\t{pages}\n");
}

/// The largest region, in pages: its size in bytes and a table of its pages stay well within what
/// the kernel can address and allocate.
pub(crate) const MAX_PAGES: usize = 1 << 27;

/// Checks that a mapping of `pages` pages from `pgoff` on lies in a region of `size` pages.
///
/// # Errors
///
/// [`EINVAL`] if the mapping does not lie in the region.
pub(crate) fn check_mapped(pgoff: Pgoff, pages: usize, size: usize) -> Result {
    let end = pgoff.index().checked_add(pages).ok_or(EINVAL)?;
    if end > size {
        return Err(EINVAL);
    }
    Ok(())
}

/// The range of bytes that a read or write of `len` bytes at `pos` reaches in a region of `size`
/// bytes. The range is empty if `pos` is the region's end or past it.
fn reached(pos: u64, len: usize, size: u64) -> Range<u64> {
    let start = min(pos, size);
    start..start + min(len as u64, size - start)
}

/// The same range as [`reached`] returns, for a write.
///
/// # Errors
///
/// [`ENOSPC`] if `len` is not 0 and `pos` is the region's end or past it.
fn written(pos: u64, len: usize, size: u64) -> Result<Range<u64>> {
    if len > 0 && pos >= size {
        return Err(ENOSPC);
    }
    Ok(reached(pos, len, size))
}

/// Splits a range into pieces at the multiples of `size`. Returns the number of each piece, and the
/// range of bytes within the piece.
fn pieces(range: Range<u64>, size: usize) -> impl Iterator<Item = (usize, Range<usize>)> {
    let Range { mut start, end } = range;
    let size = size as u64;
    core::iter::from_fn(move || {
        if start >= end {
            return None;
        }
        let first = start % size;
        let last = min(size, first + (end - start));
        let piece = ((start / size) as usize, first as usize..last as usize);
        start += last - first;
        Some(piece)
    })
}

/// Calls `copy` for each piece of a range, as [`pieces`] splits it, and returns how many bytes were
/// copied. `copy` returns how many bytes of the piece it copied. This stops after a piece that
/// failed or was copied only in part, and when a signal is pending.
///
/// # Errors
///
/// The error of `copy`, or [`EFAULT`] if it copied 0 bytes, in both cases only if nothing was
/// copied before.
pub(crate) fn copy_pieces(
    range: Range<u64>,
    size: usize,
    mut copy: impl FnMut(usize, Range<usize>) -> Result<usize>,
) -> Result<usize> {
    let mut done = 0;
    for (number, piece) in pieces(range, size) {
        let len = piece.len();
        let copied = match copy(number, piece) {
            Ok(copied) => copied,
            Err(error) if done == 0 => return Err(error),
            Err(_) => break,
        };
        done += copied;
        if copied < len {
            if done == 0 {
                return Err(EFAULT);
            }
            break;
        }
        if current!().signal_pending() {
            break;
        }
    }
    Ok(done)
}

#[kernel::macros::kunit_tests(simple_region)]
mod tests {
    use super::*;

    fn mapped(pgoff: usize, pages: usize, size: usize) -> Result {
        check_mapped(Pgoff::new(pgoff), pages, size)
    }

    #[test]
    fn mapped_is_in_the_region() {
        assert_eq!(mapped(0, 16, 16), Ok(()));
        assert_eq!(mapped(15, 1, 16), Ok(()));
        assert_eq!(mapped(0, 17, 16), Err(EINVAL));
        assert_eq!(mapped(16, 1, 16), Err(EINVAL));
        assert_eq!(mapped(15, 2, 16), Err(EINVAL));
    }

    #[test]
    fn mapped_does_not_overflow() {
        assert_eq!(mapped(usize::MAX, 1, 16), Err(EINVAL));
        assert_eq!(mapped(1, usize::MAX, 16), Err(EINVAL));
        assert_eq!(mapped(usize::MAX, usize::MAX, usize::MAX), Err(EINVAL));
    }

    #[test]
    fn reached_is_clipped() {
        assert_eq!(reached(0, 10, 100), 0..10);
        assert_eq!(reached(95, 10, 100), 95..100);
        assert!(reached(100, 10, 100).is_empty());
        assert!(reached(u64::MAX, usize::MAX, 100).is_empty());
        assert_eq!(reached(1, usize::MAX, u64::MAX), 1..u64::MAX);
    }

    #[test]
    fn written_needs_space() {
        assert_eq!(written(95, 10, 100), Ok(95..100));
        assert_eq!(written(100, 1, 100), Err(ENOSPC));
        assert_eq!(written(u64::MAX, 1, 100), Err(ENOSPC));
        assert_eq!(written(100, 0, 100), Ok(100..100));
    }

    #[test]
    fn pieces_cover_the_range() {
        let mut split = pieces(1000..3500, 1024);
        assert_eq!(split.next(), Some((0, 1000..1024)));
        assert_eq!(split.next(), Some((1, 0..1024)));
        assert_eq!(split.next(), Some((2, 0..1024)));
        assert_eq!(split.next(), Some((3, 0..428)));
        assert_eq!(split.next(), None);
        assert_eq!(pieces(5..5, 1024).next(), None);
        assert_eq!(pieces(1024..1025, 1024).next(), Some((1, 0..1)));
    }

    #[test]
    fn copy_pieces_counts_what_was_copied() {
        assert_eq!(
            copy_pieces(0..3000, 1024, |_, piece| Ok(piece.len())),
            Ok(3000)
        );
        // Of the third piece only 5 bytes are copied.
        let third_is_short =
            |number, piece: Range<usize>| Ok(if number == 2 { 5 } else { piece.len() });
        assert_eq!(copy_pieces(0..5000, 1024, third_is_short), Ok(2053));
        // An error is returned only if nothing was copied before it.
        let second_fails = |number, piece: Range<usize>| {
            if number == 1 {
                Err(ENOMEM)
            } else {
                Ok(piece.len())
            }
        };
        assert_eq!(copy_pieces(0..5000, 1024, second_fails), Ok(1024));
        assert_eq!(copy_pieces(1024..5000, 1024, second_fails), Err(ENOMEM));
        assert_eq!(copy_pieces(0..10, 1024, |_, _| Ok(0)), Err(EFAULT));
        assert_eq!(copy_pieces(10..10, 1024, |_, _| Ok(0)), Ok(0));
    }
}
