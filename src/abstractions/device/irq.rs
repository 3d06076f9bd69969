// SPDX-License-Identifier: GPL-2.0

//! The interrupt pin of a PCI device.
//!
//! In the `kernel` crate of 7.3 a driver needs `unsafe` to request an interrupt, because safe code
//! could forget the registration. Here the driver does not get the registration, which lasts until
//! the device is unbound.
//!
//! C header: [`include/linux/interrupt.h`](srctree/include/linux/interrupt.h).

use super::pci::{
    as_raw,
    check_own, //
};
use crate::compat::series::{
    IRQ_HANDLED,
    IRQ_NONE,
    IRQ_WAKE_THREAD, //
};
use kernel::{
    bindings,
    device::Core,
    devres,
    error::to_result,
    pci::Device,
    prelude::*,
    str::CStr,
    sync::Arc, //
};

/// What a driver does when its device interrupts.
///
/// # Examples
///
/// ```
/// struct Device;
///
/// impl InterruptHandler for Device {
///     fn handle(&self) -> bool {
///         // Ask the device whether it interrupted, and have it stop that.
///         true
///     }
///
///     fn handle_threaded(&self) {
///         pr_info!("interrupted\n");
///     }
/// }
/// # let _ = Device;
/// ```
pub trait InterruptHandler: Send + Sync + 'static {
    /// Returns whether this device has interrupted, as other devices can share the interrupt. If it
    /// has, this must make the device stop interrupting. Must not sleep.
    fn handle(&self) -> bool;

    /// Does the rest of the work for an interrupt, in a thread. May sleep.
    fn handle_threaded(&self);
}

/// Has `handler` called when the device interrupts by its pin, until the device is unbound:
/// `devm_request_threaded_irq()`. Unbinding disables the pin. The device must be enabled before
/// this is called, because its interrupt is not known before that.
///
/// # Errors
///
/// - [`ENXIO`] if the device has no interrupt pin, or the pin is not connected.
/// - [`EBUSY`] if another device has the same interrupt, and does not share it, or if this device
///   uses messages (MSI, MSI-X) in place of its pin.
/// - [`ENOMEM`] if there is no memory.
/// - [`EINVAL`] if the device is bound to a driver of another module, or if the name cannot be that
///   of a directory in `/proc/irq/<number>`: it is empty, `.` or `..`, has a `/`, has 128 bytes or
///   more, or the kernel has a file of that name there.
///
/// # Examples
///
/// ```
/// use kernel::{
///     device::Core,
///     pci, //
/// };
///
/// fn probe<T: InterruptHandler>(pdev: &pci::Device<Core<'_>>, device: &Arc<T>) -> Result {
///     request_threaded_irq(pdev, c"example", device.clone())
/// }
/// ```
pub fn request_threaded_irq<T: InterruptHandler>(
    pdev: &Device<Core<'_>>,
    name: &'static CStr,
    handler: Arc<T>,
) -> Result {
    // The C side identifies the handler by its address, so nothing else may have the same address.
    const {
        assert!(
            size_of::<T>() != 0,
            "the handler has no data, and so no address of its own"
        )
    };
    check_own(pdev)?;
    check_name(name)?;
    let pdev_raw = as_raw(pdev);
    // SAFETY: The device is bound.
    let (irq, pin, has_messages) = unsafe {
        let pdev = &*pdev_raw;
        (
            pdev.irq,
            pdev.pin,
            pdev.msi_enabled() != 0 || pdev.msix_enabled() != 0,
        )
    };
    // The last of these is IRQ_NOTCONNECTED.
    if pin == 0 || irq == 0 || irq == 1 << 31 {
        return Err(ENXIO);
    }
    if has_messages {
        return Err(EBUSY);
    }
    let cookie = Arc::as_ptr(&handler).cast_mut().cast();
    // Devres drops in reverse order: it disables the pin, then frees the interrupt, and then drops
    // the handler.
    devres::register(pdev.as_ref(), handler, GFP_KERNEL)?;
    // SAFETY: The device is bound. The C side calls the two functions with the pointer to the
    // handler until it frees the interrupt, and the handler is dropped after that.
    to_result(unsafe {
        bindings::devm_request_threaded_irq(
            &raw mut (*pdev_raw).dev,
            irq,
            Some(handle::<T>),
            Some(handle_threaded::<T>),
            bindings::IRQF_SHARED as c_ulong,
            name.as_char_ptr(),
            cookie,
        )
    })?;
    let intx = IntxPin(pdev_raw);
    intx.enable(true);
    devres::register(pdev.as_ref(), intx, GFP_KERNEL)
}

/// Refuses a name of which `register_handler_proc()` cannot make a directory, because it would
/// warn.
fn check_name(name: &CStr) -> Result {
    let name = name.to_bytes();
    let is_taken = matches!(
        name,
        b"" | b"."
            | b".."
            | b"smp_affinity"
            | b"smp_affinity_list"
            | b"affinity_hint"
            | b"node"
            | b"effective_affinity"
            | b"effective_affinity_list"
            | b"spurious"
    );
    // register_handler_proc() truncates a longer name.
    if is_taken || name.contains(&b'/') || name.len() >= 128 {
        return Err(EINVAL);
    }
    Ok(())
}

/// The interrupt pin of a device, which dropping this disables. After the drop nobody would make
/// the device stop interrupting, and the kernel would disable an interrupt that other devices may
/// share.
///
/// # Invariants
///
/// The device is bound.
struct IntxPin(*mut bindings::pci_dev);

// SAFETY: The pin may be switched by any thread.
unsafe impl Send for IntxPin {}

impl IntxPin {
    fn enable(&self, enable: bool) {
        // SAFETY: By the type invariant the device is bound.
        unsafe { bindings::pci_intx(self.0, enable.into()) };
    }
}

impl Drop for IntxPin {
    fn drop(&mut self) {
        self.enable(false);
    }
}

/// # Safety
///
/// `handler` must be a pointer to a `T` that stays valid until this returns.
unsafe extern "C" fn handle<T: InterruptHandler>(
    _irq: c_int,
    handler: *mut c_void,
) -> bindings::irqreturn_t {
    // SAFETY: By the safety requirements of this function, `handler` points to a `T` that stays
    // valid until this returns.
    if unsafe { &*handler.cast::<T>() }.handle() {
        IRQ_WAKE_THREAD
    } else {
        IRQ_NONE
    }
}

/// # Safety
///
/// As for [`handle`].
unsafe extern "C" fn handle_threaded<T: InterruptHandler>(
    _irq: c_int,
    handler: *mut c_void,
) -> bindings::irqreturn_t {
    // SAFETY: By the safety requirements of this function, `handler` points to a `T` that stays
    // valid until this returns.
    unsafe { &*handler.cast::<T>() }.handle_threaded();
    IRQ_HANDLED
}
