// SPDX-License-Identifier: GPL-2.0

//! Several devices of one driver, which come and go while the module is loaded.
//!
//! C header: [`include/linux/miscdevice.h`](srctree/include/linux/miscdevice.h).

use super::{
    miscdevice::{
        MiscDevice,
        MiscDeviceOptions,
        Register,
        Registration, //
    },
    pci::{
        as_raw,
        BoundSpace, //
    }, //
};
use kernel::{
    devres,
    prelude::*,
    str::CString,
    sync::{
        atomic::{
            Atomic,
            Full,
            Relaxed, //
        },
        Arc, //
    }, //
};

/// Gives numbers to a driver's devices. Each device gets the lowest number that is free, and
/// [`MiscDevice::NAME`] followed by the number for its name. The first number is 0.
///
/// # Examples
///
/// ```
/// static DEVICES: NumberedDevices = NumberedDevices::new();
///
/// fn register<T: MiscDevice>(space: BoundSpace<'_, '_>, device: Arc<T>) -> Result {
///     let number = DEVICES.register(space, device)?;
///     pr_info!("{}{number}\n", T::NAME);
///     Ok(())
/// }
/// ```
pub struct NumberedDevices {
    /// A bit for each number that is taken.
    taken: Atomic<u64>,
}

impl NumberedDevices {
    /// Makes one with no number taken.
    #[expect(clippy::new_without_default)]
    pub const fn new() -> Self {
        Self {
            taken: Atomic::new(0),
        }
    }

    /// Registers a device until the PCI device that `space` was made for is unbound. Returns the
    /// device's number.
    ///
    /// When the unbind returns, the device's node is gone, the frames of the device are unmapped,
    /// and calls on files that are still open fail with [`ENODEV`]. The unbind does not wait for
    /// processes that have the device open or mapped.
    ///
    /// The unbind does not wake processes that wait in a call or in `poll`. The driver can do that
    /// in the drop of a value that it gave to [`devres::register`] before it called this function:
    /// such a value is dropped after the device is gone, also if `probe` fails after this function.
    /// `poll` then reports an error to a process that is woken.
    ///
    /// # Errors
    ///
    /// - [`ENOSPC`] if there are 64 devices.
    /// - [`ENOMEM`] if there is no memory.
    /// - [`EINVAL`] if the name cannot be that of a node, see [`Devices::add_with`].
    /// - [`EEXIST`] if there is another device of this name, [`EBUSY`] if there are too many misc
    ///   devices.
    ///
    /// [`Devices::add_with`]: super::module::Devices::add_with
    pub fn register<T: MiscDevice>(
        &'static self,
        space: BoundSpace<'_, '_>,
        device: Arc<T>,
    ) -> Result<u32> {
        let number = self.take()?;
        let options = MiscDeviceOptions {
            name: CString::try_from_fmt(fmt!("{}{}", T::NAME, number.number))?,
            minor: None,
        };
        let (pdev, space) = space.into_parts();
        // SAFETY: The PCI device is bound.
        let parent = unsafe { &raw mut (*as_raw(pdev)).dev };
        // SAFETY: The PCI device is bound for longer than the misc device is registered.
        let registration = unsafe { Registration::new(device, options, space, parent) }?;
        // SAFETY: The registration is in a box of its own, and nobody moves it out of the box. It
        // is dropped when the PCI device is unbound, which is before the module is unloaded, see
        // `check_own`; or here, if this fails. Devres will release what is registered with it here,
        // because this is a callback of the bus, and devres begins to release only after that
        // returns.
        unsafe { registration.register() }?;
        let taken = number.number;
        devres::register(
            pdev.as_ref(),
            NumberedRegistration {
                _registration: registration,
                _number: number,
            },
            GFP_KERNEL,
        )?;
        Ok(taken)
    }

    fn take(&'static self) -> Result<Number> {
        let mut taken = self.taken.load(Relaxed);
        loop {
            let number = taken.trailing_ones();
            if number == u64::BITS {
                return Err(ENOSPC);
            }
            match self.taken.cmpxchg(taken, taken | 1 << number, Full) {
                Ok(_) => {
                    return Ok(Number {
                        number,
                        devices: self,
                    })
                }
                Err(now) => taken = now,
            }
        }
    }
}

/// A number that is taken, until this is dropped.
struct Number {
    number: u32,
    devices: &'static NumberedDevices,
}

impl Drop for Number {
    fn drop(&mut self) {
        let mut taken = self.devices.taken.load(Relaxed);
        while let Err(now) = self
            .devices
            .taken
            .cmpxchg(taken, taken & !(1 << self.number), Full)
        {
            taken = now;
        }
    }
}

/// A device that is registered, and its number.
struct NumberedRegistration<T: MiscDevice> {
    // The order of the fields matters: the node must be gone when the number becomes free.
    _registration: KBox<Registration<T>>,
    _number: Number,
}
