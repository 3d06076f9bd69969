// SPDX-License-Identifier: GPL-2.0

//! The right to reach physical memory that is not one's own.
//!
//! C headers: [`include/linux/capability.h`](srctree/include/linux/capability.h),
//! [`include/linux/security.h`](srctree/include/linux/security.h).

use kernel::{
    bindings,
    error::to_result,
    prelude::*, //
};

/// Proof that a process may reach physical memory: it was found to have `CAP_SYS_RAWIO` while the
/// kernel was not locked down.
pub struct RawIo(());

impl RawIo {
    /// Asks for the current process.
    ///
    /// # Errors
    ///
    /// [`EPERM`] if it has no `CAP_SYS_RAWIO`, see `capable()`, or the kernel is locked down.
    pub fn of_current() -> Result<Self> {
        check_lockdown()?;
        // SAFETY: The current process may always be asked for its capabilities.
        if !unsafe { bindings::capable(bindings::CAP_SYS_RAWIO as c_int) } {
            return Err(EPERM);
        }
        Ok(Self(()))
    }
}

/// Whether the kernel lets anybody reach physical memory, `security_locked_down()` for
/// `LOCKDOWN_DEV_MEM`.
///
/// # Errors
///
/// [`EPERM`] if it is locked down.
pub fn check_lockdown() -> Result {
    // SAFETY: This may always be asked.
    to_result(unsafe { bindings::security_locked_down(bindings::lockdown_reason_LOCKDOWN_DEV_MEM) })
}
