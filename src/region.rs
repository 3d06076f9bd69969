// SPDX-License-Identifier: GPL-2.0

//! What the devices have in common: a region that `read` and `write` see, and VMAs that are traced.

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

/// The region of a device, as its open files see it.
pub(crate) trait Region: Send + Sync + 'static {
    /// How the region's memory is kept, for `/proc/<pid>/fdinfo/<fd>`.
    const MODE: &'static str;

    /// The size in bytes of the pieces that are copied at once.
    const PIECE_SIZE: usize;

    /// The size in bytes.
    fn size(&self) -> u64;

    /// What happens to the device.
    fn events(&self) -> &Events;

    /// What the trace calls the physical address of this page.
    fn phys(&self, page: FirstPage) -> PhysAddr;

    /// Copies these bytes of a piece to user space. Returns how many.
    fn read_piece(
        &self,
        number: usize,
        bytes: Range<usize>,
        to: &mut IovIterDest<'_>,
    ) -> Result<usize>;

    /// Copies these bytes of a piece from user space. Returns how many.
    fn write_piece(
        &self,
        number: usize,
        bytes: Range<usize>,
        from: &mut IovIterSource<'_>,
    ) -> Result<usize>;
}

/// Counts and traces a VMA of a region that is opened.
pub(crate) fn open(region: &impl Region, vma: &Vma) {
    region.events().open(vma, || region.phys(vma.first_page()));
}

/// Counts and traces a VMA of a region that is closed.
pub(crate) fn close(region: &impl Region, vma: &Vma) {
    region.events().close(vma, || region.phys(vma.first_page()));
}

/// Reads from a region at the position of the file, and moves that on.
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

/// Writes to a region at the position of the file, and moves that on.
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

/// Shows `/proc/<pid>/fdinfo/<fd>`.
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
/// [`EINVAL`] if it does not.
pub(crate) fn check_mapped(pgoff: Pgoff, pages: usize, size: usize) -> Result {
    let end = pgoff.index().checked_add(pages).ok_or(EINVAL)?;
    if end > size {
        return Err(EINVAL);
    }
    Ok(())
}

/// The bytes of a region of `size` bytes that a read or write of `len` bytes at `pos` reaches; an
/// empty range if that begins at the region's end or past it.
fn reached(pos: u64, len: usize, size: u64) -> Range<u64> {
    let start = min(pos, size);
    start..start + min(len as u64, size - start)
}

/// The same for a write, which has to reach something if it has something to give.
///
/// # Errors
///
/// [`ENOSPC`] if it begins at the region's end or past it.
fn written(pos: u64, len: usize, size: u64) -> Result<Range<u64>> {
    if len > 0 && pos >= size {
        return Err(ENOSPC);
    }
    Ok(reached(pos, len, size))
}

/// Splits a range at the multiples of `size`: for each piece, its number and the range within it.
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
