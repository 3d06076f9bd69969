// SPDX-License-Identifier: GPL-2.0

//! The right to reach physical memory that is not one's own.
//!
//! C headers: [`include/linux/capability.h`](srctree/include/linux/capability.h),
//! [`include/linux/security.h`](srctree/include/linux/security.h).

use super::miscdevice::{
    MiscDevice,
    Opening, //
};
use crate::mm::address_space::AddressSpace;
use kernel::{
    bindings,
    error::to_result,
    prelude::*, //
};

/// Proof that a process may reach physical memory through a file: when it opened the file, it had
/// `CAP_SYS_RAWIO`, and the kernel was not locked down.
///
/// Whoever has a reference to the value has the right: a driver that keeps the value anywhere
/// except in the file lends the right to others.
///
/// # Invariants
///
/// `space` is that of a device with [`MiscDevice::PHYSICAL`], so memory that becomes RAM is
/// unmapped from it.
///
/// # Examples
///
/// ```
/// fn open<D: MiscDevice>(opening: &Opening<'_, D>) -> Result<RawIo> {
///     check_lockdown()?;
///     RawIo::of_current(opening)
/// }
/// ```
pub struct RawIo {
    space: AddressSpace,
}

impl RawIo {
    /// Checks that the current process has the right to access physical memory.
    ///
    /// # Errors
    ///
    /// [`EPERM`] if it has no `CAP_SYS_RAWIO`, see `capable()`, or the kernel is locked down.
    pub fn of_current<D: MiscDevice>(opening: &Opening<'_, D>) -> Result<Self> {
        const {
            assert!(
                D::PHYSICAL,
                "the device's offsets are no physical addresses"
            )
        };
        check_lockdown()?;
        // SAFETY: This function may always be called for the current process.
        if !unsafe { bindings::capable(bindings::CAP_SYS_RAWIO as c_int) } {
            return Err(EPERM);
        }
        // INVARIANT: The file is one of a device with `PHYSICAL`, as asserted above.
        Ok(Self {
            space: opening.address_space().clone(),
        })
    }

    /// The address space of the device.
    pub(super) fn address_space(&self) -> &AddressSpace {
        &self.space
    }
}

/// Checks that the kernel lets processes access physical memory, `security_locked_down()` for
/// `LOCKDOWN_DEV_MEM`.
///
/// # Errors
///
/// [`EPERM`] if the kernel is locked down.
pub fn check_lockdown() -> Result {
    // SAFETY: This function may always be called.
    to_result(unsafe { bindings::security_locked_down(bindings::lockdown_reason_LOCKDOWN_DEV_MEM) })
}
