// SPDX-License-Identifier: GPL-2.0

//! Modules that register devices.
//!
//! The C side calls a module's code for a registered device, so the device must be deregistered
//! before the module is unloaded. Rust does not promise that a value is dropped, because
//! [`core::mem::forget`] is safe: a driver can forget the registrations of the `kernel` crate. Here
//! a driver does not get its registrations: [`WithDevices`] has them. `module_devices!` keeps that
//! in a static, which is dropped at unload.
//!
//! C header: [`include/linux/module.h`](srctree/include/linux/module.h).

use super::miscdevice::{
    MiscDevice,
    MiscDeviceOptions,
    Register,
    Registration, //
};
use crate::mm::address_space::AddressSpace;
use core::ptr;
use kernel::{
    prelude::*,
    str::CString,
    sync::{
        atomic::{
            Atomic,
            Full, //
        },
        Arc, //
    }, //
};

/// A module that registers devices.
///
/// # Examples
///
/// ```
/// // module_devices! { type: Driver, ... }
///
/// struct Driver;
///
/// impl DeviceModule for Driver {
///     fn init(devices: &mut Devices) -> Result<Self> {
///         pr_info!("{} devices so far\n", devices.count());
///         Ok(Self)
///     }
/// }
/// # let _ = Driver;
/// ```
pub trait DeviceModule: Sized + Send + Sync + 'static {
    /// Makes the module's state, and [adds](Devices::add) its devices.
    ///
    /// The devices are registered after this has succeeded, so nobody can open one before. The
    /// returned value is dropped after the devices are deregistered.
    ///
    /// # Errors
    ///
    /// On any error the module is not loaded.
    fn init(devices: &mut Devices) -> Result<Self>;
}

/// The devices of a module.
pub struct Devices(KVec<KBox<dyn Register>>);

impl Devices {
    /// Adds a device with the name [`MiscDevice::NAME`] and a minor number that the kernel chooses.
    /// The device will be registered after [`DeviceModule::init`] has succeeded.
    ///
    /// # Errors
    ///
    /// As for [`Self::add_with`].
    pub fn add<T: MiscDevice>(&mut self, device: Arc<T>) -> Result {
        const { assert!(!T::NAME.to_bytes().is_empty(), "the device has no name") };
        let options = MiscDeviceOptions {
            name: CString::try_from(T::NAME)?,
            minor: None,
        };
        self.add_with(options, device)
    }

    /// Adds a device with a name and a minor number that are chosen at run time, for example one of
    /// several of a type. The device will be registered after [`DeviceModule::init`] has succeeded.
    ///
    /// # Errors
    ///
    /// - [`ENOMEM`] if there is no memory.
    /// - [`EEXIST`] if a device of this name was added.
    /// - [`EINVAL`] if the name cannot be that of a node in `/dev`: it is empty, `.` or `..`, or
    ///   longer than `NAME_MAX`, 255 bytes, or has a `/` in it, or a `!`, which the kernel makes a
    ///   `/` of.
    /// - [`EINVAL`] if the minor number is `MISC_DYNAMIC_MINOR`, 255, or more.
    /// - [`EPERM`] if the device's offsets are physical addresses, and the kernel would write into
    ///   memory that is added before it calls any memory notifier (`memmap_on_memory`).
    ///
    /// Some errors are only found when the device is registered (`misc_register()`), and make the
    /// module's load fail. [`EBUSY`]: the minor number is in use, possibly by a device that was
    /// added here, or there are too many misc devices. [`EEXIST`]: another module has a misc device
    /// of this name, which the kernel also logs.
    pub fn add_with<T: MiscDevice>(
        &mut self,
        options: MiscDeviceOptions,
        device: Arc<T>,
    ) -> Result {
        if self.0.iter().any(|other| other.name() == &*options.name) {
            return Err(EEXIST);
        }
        let space = AddressSpace::new()?;
        // SAFETY: The device has no parent.
        let registration = unsafe { Registration::new(device, options, space, ptr::null_mut()) }?;
        self.0.push(registration, GFP_KERNEL)?;
        Ok(())
    }

    /// The number of devices that were added.
    pub fn count(&self) -> usize {
        self.0.len()
    }
}

/// Declares a module that registers devices. It takes the same arguments as `kernel::module!`, with
/// a type that implements [`DeviceModule`].
///
/// The code that `kernel::module!` makes uses the crate by its name, `kernel`. If a driver gives
/// this name to another crate (`extern crate self as kernel`), the promises of this macro do not
/// hold.
///
/// # Examples
///
/// ```ignore
/// module_devices! {
///     type: Driver,
///     name: "driver",
///     authors: ["A. Developer"],
///     description: "A driver",
///     license: "GPL v2",
/// }
/// ```
#[macro_export]
macro_rules! module_devices {
    (type: $module:ty, $($rest:tt)*) => {
        $crate::__kernel::prelude::module! {
            type: __ModuleOfDevices,
            $($rest)*
        }

        // Its page would have a link to `WithDevices`, which has none.
        #[doc(hidden)]
        struct __ModuleOfDevices(
            // The value is dropped at unload.
            #[allow(dead_code)] $crate::device::module::WithDevices<$module>,
        );

        impl $crate::__kernel::Module for __ModuleOfDevices {
            fn init(
                _module: &'static $crate::__kernel::ThisModule,
            ) -> $crate::__kernel::error::Result<Self> {
                // SAFETY: The module is declared above with this type, and keeps the returned value
                // until it is unloaded.
                unsafe { $crate::device::module::WithDevices::init() }.map(Self)
            }
        }
    };
}
pub use module_devices;

/// The state of the module: what [`DeviceModule::init`] returned, and the devices that it added.
#[doc(hidden)]
pub struct WithDevices<M> {
    // The order matters: fields are dropped from first to last.
    devices: Devices,
    _module: M,
}

/// Whether [`WithDevices::init`] was called.
static IS_INITIALIZED: Atomic<i32> = Atomic::new(0);

impl<M: DeviceModule> WithDevices<M> {
    /// Initializes the module.
    ///
    /// # Safety
    ///
    /// The first call must be that of the module's init. The returned value must be dropped before
    /// the module is unloaded.
    #[doc(hidden)]
    pub unsafe fn init() -> Result<Self> {
        // Only the module's init may get the registrations, and not a driver that calls this.
        if IS_INITIALIZED.xchg(1, Full) != 0 {
            return Err(EBUSY);
        }
        let mut devices = Devices(KVec::new());
        let module = M::init(&mut devices)?;
        let this = Self {
            devices,
            _module: module,
        };
        for device in &this.devices.0 {
            // SAFETY: The registration is in a box of its own, and nobody moves it out of the box.
            // It is dropped with the value that is returned here, at unload, or before that if this
            // fails.
            unsafe { device.register() }?;
        }
        Ok(this)
    }
}
