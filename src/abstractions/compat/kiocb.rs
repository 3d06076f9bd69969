// SPDX-License-Identifier: GPL-2.0

//! What else a `read` or `write` asks for: not to wait.
//!
//! C header: [`include/linux/fs.h`](srctree/include/linux/fs.h), `struct kiocb`.

use super::helpers;
use kernel::{
    bindings,
    fs::Kiocb,
    types::ForeignOwnable, //
};

/// Whether this `read` or `write` must not wait: the file has `O_NONBLOCK`, or the call has
/// `RWF_NOWAIT`, as the first attempt of io_uring does. If it would have to wait, it must fail with
/// `EAGAIN`.
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
    // As READ_ONCE(): fcntl() can change the flags at any time.
    // SAFETY: The kiocb is valid, and so is its file.
    let flags = unsafe { (&raw const (*(*kiocb.as_raw()).ki_filp).f_flags).read_volatile() };
    // SAFETY: The kiocb is valid, and its flags may be read until the call returns.
    let is_nowait = unsafe { (*kiocb.as_raw()).ki_flags } & helpers::IOCB_NOWAIT != 0;
    is_nowait || flags & bindings::O_NONBLOCK != 0
}
