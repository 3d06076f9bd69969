// SPDX-License-Identifier: GPL-2.0

//! Ranges of a device's region, in pages.

use crate::abstractions::vma::Vma;
use core::ops::Range;
use kernel::{
    page::PAGE_SHIFT,
    prelude::*, //
};

/// The largest region, in pages: its length in bytes and a table of its pages stay well within what
/// the kernel can address and allocate.
pub(crate) const MAX_PAGES: usize = 1 << 27;

/// The pages of the region that a new mapping asks for.
///
/// # Errors
///
/// [`EINVAL`] if they are not all within the region, which has `pages` pages.
pub(crate) fn range_of(vma: &Vma, pages: usize) -> Result<Range<usize>> {
    let start = vma.pgoff();
    let end = start.checked_add(vma.pages()).ok_or(EINVAL)?;
    if end > pages {
        return Err(EINVAL);
    }
    Ok(start..end)
}

/// The offset in bytes of a page of the region.
pub(crate) fn byte_offset(page: usize) -> u64 {
    (page as u64) << PAGE_SHIFT
}
