// SPDX-License-Identifier: GPL-2.0

//! Modules that register devices.
//!
//! A registered device leads the C side into the module's code, so its registration must be gone
//! before the module is. Rust does not promise that a value is dropped: [`core::mem::forget`] is
//! safe. The registrations of the `kernel` crate can be forgotten so. Here a driver does not get
//! hold of one: [`WithDevices`] has them, which `module_devices!` has put in a static and dropped
//! at unload.
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
    /// Makes what the module has, and [adds](Devices::add) its devices.
    ///
    /// They are registered when this has succeeded, so nobody can open one before. What is returned
    /// is dropped when they are gone.
    ///
    /// # Errors
    ///
    /// Any makes the load fail.
    fn init(devices: &mut Devices) -> Result<Self>;
}

/// The devices of a module.
pub struct Devices(KVec<KBox<dyn Register>>);

impl Devices {
    /// Adds a device with the name [`MiscDevice::NAME`] and a minor number that the kernel chooses,
    /// to be registered when nothing else can fail.
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

    /// Adds a device with a name and a minor number that are not known before, to be registered
    /// when nothing else can fail: one of several of its type.
    ///
    /// # Errors
    ///
    /// - [`ENOMEM`] if there is no memory.
    /// - [`EEXIST`] if a device of this name was added.
    /// - [`EINVAL`] if the name cannot be that of a node in `/dev`: it is empty, `.` or `..`, or
    ///   longer than `NAME_MAX`, 255 bytes, or has a `/` in it, or a `!`, which the kernel makes a
    ///   `/` of.
    /// - [`EINVAL`] if the minor number is `MISC_DYNAMIC_MINOR`, 255, or more.
    /// - [`EPERM`] if its offsets are physical addresses, and the kernel writes into memory before
    ///   it tells that it is added.
    ///
    /// What other modules have is known only when the devices are registered, `misc_register()`,
    /// and makes the load fail: with [`EBUSY`] if the minor number is in use, also by a device that
    /// was added here, or if there are too many misc devices, and with [`EEXIST`] if another module
    /// has a misc device of this name. Of the latter the kernel complains in its log, too.
    pub fn add_with<T: MiscDevice>(
        &mut self,
        options: MiscDeviceOptions,
        device: Arc<T>,
    ) -> Result {
        if self.0.iter().any(|other| other.name() == &*options.name) {
            return Err(EEXIST);
        }
        let space = AddressSpace::new()?;
        // SAFETY: It has no parent.
        let registration = unsafe { Registration::new(device, options, space, ptr::null_mut()) }?;
        self.0.push(registration, GFP_KERNEL)?;
        Ok(())
    }

    /// How many were added.
    pub fn count(&self) -> usize {
        self.0.len()
    }
}

/// Declares a module that registers devices, as `kernel::module!` declares others: it takes the
/// same, and the type is one that implements [`DeviceModule`].
///
/// What `kernel::module!` makes names the crate `kernel`. A driver that calls another crate so
/// (`extern crate self as kernel`) does not get what this promises.
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
            // It is dropped with the module.
            #[allow(dead_code)] $crate::device::module::WithDevices<$module>,
        );

        impl $crate::__kernel::Module for __ModuleOfDevices {
            fn init(
                _module: &'static $crate::__kernel::ThisModule,
            ) -> $crate::__kernel::error::Result<Self> {
                // SAFETY: The module is declared above with this type, and keeps what is returned
                // until it is unloaded.
                unsafe { $crate::device::module::WithDevices::init() }.map(Self)
            }
        }
    };
}
pub use module_devices;

/// What [`DeviceModule::init`] returned, and the devices.
#[doc(hidden)]
pub struct WithDevices<M> {
    // The order matters: fields are dropped from first to last.
    devices: Devices,
    _module: M,
}

/// Whether the module was initialized already.
static IS_INITIALIZED: Atomic<i32> = Atomic::new(0);

impl<M: DeviceModule> WithDevices<M> {
    /// Initializes the module.
    ///
    /// # Safety
    ///
    /// The first call must be the one of the module's init. What it returns must be dropped before
    /// the module is unloaded.
    #[doc(hidden)]
    pub unsafe fn init() -> Result<Self> {
        // A driver that called this itself would get hold of registrations.
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
            // SAFETY: The device is in a box of its own, which nobody moves it out of. It is
            // dropped with what is returned here, at unload, or before that if this fails.
            unsafe { device.register() }?;
        }
        Ok(this)
    }
}
