// SPDX-License-Identifier: GPL-2.0

//! Memory that is added while the system runs.
//!
//! C header: [`include/linux/memory.h`](srctree/include/linux/memory.h),
//! `register_memory_notifier()`.

use crate::{
    compat::helpers,
    mm::{
        address_space::AddressSpace,
        pgoff::Pgoff, //
    }, //
};
use kernel::{
    bindings,
    error::to_result,
    prelude::*,
    types::Opaque, //
};

/// Unmaps physical addresses that are about to become RAM from an address space whose offsets are
/// physical addresses.
///
/// When the kernel calls memory notifiers for memory that goes online, it has already registered
/// the memory as System RAM. So a request for these addresses after that is refused, and they are
/// not mapped again.
///
/// # Invariants
///
/// `block` is registered with `register_memory_notifier()`.
#[pin_data(PinnedDrop)]
#[repr(C)]
pub(super) struct UnmapBeforeOnline {
    // The first field: see `notify`.
    #[pin]
    block: Opaque<bindings::notifier_block>,
    space: AddressSpace,
}

impl UnmapBeforeOnline {
    /// Starts to unmap what becomes RAM.
    ///
    /// # Errors
    ///
    /// [`EPERM`] if the kernel puts the `struct page` of added memory into that memory itself
    /// (`memmap_on_memory`), because it then writes there before it calls any notifier.
    pub(super) fn new(space: AddressSpace) -> impl PinInit<Self, Error> {
        try_pin_init!(Self {
            space: {
                // SAFETY: This function may always be called.
                if unsafe { helpers::mhp_supports_memmap_on_memory() } {
                    pr_err!(
                        "no access to physical addresses: memory_hotplug.memmap_on_memory is set\n"
                    );
                    return Err(EPERM);
                }
                space
            },
            block <- Opaque::try_ffi_init(|slot: *mut bindings::notifier_block| {
                let block = bindings::notifier_block {
                    notifier_call: Some(notify),
                    ..pin_init::zeroed()
                };
                // SAFETY: `slot` points to the uninitialized memory that this closure has to fill.
                unsafe { slot.write(block) };
                // INVARIANT: The block is registered if this succeeds.
                // SAFETY: The structure is valid, and pinned; the drop unregisters it.
                to_result(unsafe { helpers::register_memory_notifier(slot) })
            }),
        })
    }
}

#[pinned_drop]
impl PinnedDrop for UnmapBeforeOnline {
    fn drop(self: core::pin::Pin<&mut Self>) {
        // SAFETY: By the type invariant the block is registered. This waits for calls that are
        // running.
        unsafe { helpers::unregister_memory_notifier(self.block.get()) };
    }
}

/// # Safety
///
/// To be called for the notifier of an [`UnmapBeforeOnline`] only.
unsafe extern "C" fn notify(
    block: *mut bindings::notifier_block,
    action: c_ulong,
    data: *mut c_void,
) -> c_int {
    // SAFETY: The block is the first field of an `UnmapBeforeOnline`, which is not dropped before
    // this returns.
    let this = unsafe { &*block.cast::<UnmapBeforeOnline>() };
    let (mut start, mut count) = (0, 0);
    // SAFETY: The data belong to the action, and the pointers are to variables.
    if unsafe { helpers::memory_going_online(action, data, &mut start, &mut count) } {
        let range = Pgoff::new(start)..Pgoff::new(start + count);
        this.space.invalidate(|| this.space.unmap(range));
    }
    bindings::NOTIFY_OK as c_int
}
