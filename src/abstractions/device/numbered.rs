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

/// The numbers of a driver's devices, of which each has the lowest that was free: the first is
/// [`MiscDevice::NAME`] and 0.
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
    /// None so far.
    #[expect(clippy::new_without_default)]
    pub const fn new() -> Self {
        Self {
            taken: Atomic::new(0),
        }
    }

    /// Registers a device until the one that `space` is for is unbound. By the time that the unbind
    /// returns, its node is gone, the device's own frames are unmapped, and what is done with files
    /// that are still open is [`ENODEV`]. That waits for no process that has it open or mapped.
    /// Returns the number.
    ///
    /// Nobody is woken by it who waits, in a call or in `poll`. The driver does that when a value
    /// is dropped that it gave to [`devres::register`] before this: that comes after the device is
    /// gone, also where `probe` fails after this. Who is woken in `poll` is told of an error then.
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
        // SAFETY: It is bound for longer than this is registered.
        let registration = unsafe { Registration::new(device, options, space, parent) }?;
        // SAFETY: The device is in a box of its own, which nobody moves it out of. It is dropped
        // when the PCI device is unbound, which is before the module is unloaded, see `check_own`;
        // or here, if this fails. What is registered with a device is released then, as this is a
        // callback of the bus, which is over before that begins.
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
    // The order matters: the number is free when the node is gone.
    _registration: KBox<Registration<T>>,
    _number: Number,
}
