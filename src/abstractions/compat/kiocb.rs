// SPDX-License-Identifier: GPL-2.0

//! What a read or write asks for beside bytes.
//!
//! C header: [`include/linux/fs.h`](srctree/include/linux/fs.h), `struct kiocb`.

use super::helpers;
use kernel::{
    bindings,
    fs::Kiocb,
    types::ForeignOwnable, //
};

/// Whether the process must not wait: the file has `O_NONBLOCK`, or this read or write has
/// `RWF_NOWAIT`, as io_uring tries them first. What would have to wait fails with `EAGAIN`.
///
/// # Examples
///
/// ```
/// fn wait(kiocb: &Kiocb<'_, Arc<u32>>) -> Result {
///     if is_nonblocking(kiocb) {
///         return Err(EAGAIN);
///     }
///     Ok(())
/// }
/// # let _ = wait;
/// ```
pub fn is_nonblocking<T: ForeignOwnable>(kiocb: &Kiocb<'_, T>) -> bool {
    // As READ_ONCE(): fcntl() can change it any time.
    // SAFETY: The kiocb is valid, and so is its file.
    let flags = unsafe { (&raw const (*(*kiocb.as_raw()).ki_filp).f_flags).read_volatile() };
    // SAFETY: The kiocb is valid, and its flags are ours to read until the call returns.
    let is_nowait = unsafe { (*kiocb.as_raw()).ki_flags } & helpers::IOCB_NOWAIT != 0;
    is_nowait || flags & bindings::O_NONBLOCK != 0
}
