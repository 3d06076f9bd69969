// SPDX-License-Identifier: GPL-2.0

//! What a read or write asks for beside bytes.
//!
//! C header: [`include/linux/fs.h`](srctree/include/linux/fs.h), `struct kiocb`.

use kernel::{
    bindings,
    fs::Kiocb,
    types::ForeignOwnable, //
};

/// Whether the file is one that must not be waited for, `O_NONBLOCK`.
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
    flags & bindings::O_NONBLOCK != 0
}
