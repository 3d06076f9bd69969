// SPDX-License-Identifier: GPL-2.0

//! Ranges of a region: whether they lie in it, and how they fall into its pieces.
//!
//! Pure arithmetic, so that it can be tested without a device.

use core::{
    cmp::min,
    ops::Range, //
};
use kernel::{
    page::PAGE_SHIFT,
    prelude::*,
    seq_file::SeqFile,
    seq_print, //
};

/// The largest region, in pages: its size in bytes and a table of its pages stay well within what
/// the kernel can address and allocate.
pub(crate) const MAX_PAGES: usize = 1 << 27;

/// The pages of a region of `size` pages that a mapping of `pages` pages from page `pgoff` on asks
/// for.
///
/// # Errors
///
/// [`EINVAL`] if they are not all within the region.
pub(crate) fn mapped(pgoff: usize, pages: usize, size: usize) -> Result<Range<usize>> {
    let end = pgoff.checked_add(pages).ok_or(EINVAL)?;
    if end > size {
        return Err(EINVAL);
    }
    Ok(pgoff..end)
}

/// The bytes of a region of `size` bytes that a read or write of `len` bytes at `pos` reaches; an
/// empty range if that begins at the region's end or past it.
pub(crate) fn reached(pos: u64, len: usize, size: u64) -> Range<u64> {
    let start = min(pos, size);
    start..start + min(len as u64, size - start)
}

/// The same for a write, which has to reach something if it has something to give.
///
/// # Errors
///
/// [`ENOSPC`] if it begins at the region's end or past it.
pub(crate) fn written(pos: u64, len: usize, size: u64) -> Result<Range<u64>> {
    if len > 0 && pos >= size {
        return Err(ENOSPC);
    }
    Ok(reached(pos, len, size))
}

/// The offset in bytes of a page of the region.
pub(crate) fn byte_offset(page: usize) -> u64 {
    (page as u64) << PAGE_SHIFT
}

/// Splits a range at the multiples of `size`: for each piece, its number and the range within it.
pub(crate) fn pieces(
    range: Range<u64>,
    size: usize,
) -> impl Iterator<Item = (usize, Range<usize>)> {
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

/// Copies a range piece by piece, as [`pieces`] splits it. `copy` returns how many bytes of a piece
/// it copied; the first piece that is not whole is the last, and so is the one that a signal comes
/// in.
///
/// # Errors
///
/// What `copy` returned, or [`EFAULT`] if it copied nothing, and nothing was copied before.
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

/// What `/proc/<pid>/fdinfo/<fd>` says of a region of `size` bytes with `pages` pages allocated.
pub(crate) fn show_fdinfo(to: &SeqFile, mode: &str, size: u64, pages: i64) {
    seq_print!(to, "mode:\t{mode}\nsize:\t{size}\npages:\t{pages}\n");
}

#[kernel::macros::kunit_tests(simple_region)]
mod tests {
    use super::*;

    #[test]
    fn mapped_is_in_the_region() {
        assert_eq!(mapped(0, 16, 16), Ok(0..16));
        assert_eq!(mapped(15, 1, 16), Ok(15..16));
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
        // Short in the third piece.
        let third_is_short =
            |number, piece: Range<usize>| Ok(if number == 2 { 5 } else { piece.len() });
        assert_eq!(copy_pieces(0..5000, 1024, third_is_short), Ok(2053));
        // An error counts only when it is the first thing that happens.
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
