// SPDX-License-Identifier: GPL-2.0

//! simple: two ways to map memory into a process.
//!
//! - `simpler` maps a whole VMA at once, in the mmap handler.
//! - `simplen` maps page by page, when they are touched.

use kernel::{
    prelude::*,
    sync::Arc, //
};

pub mod abstractions;
mod events;
mod parameters;
mod physical;
mod region;
mod simplen;
mod simpler;

use abstractions::{
    debugfs,
    miscdevice::{
        MiscDevice,
        MiscDeviceRegistration, //
    },
    series::parameter, //
};
use events::Events;
use parameters::{
    Given,
    Parameters, //
};
use physical::Physical;
use simplen::Simplen;
use simpler::Simpler;

module! {
    type: Simple,
    name: "simple",
    authors: ["The simple developers"],
    description: "Two ways to map memory into a process",
    license: "GPL v2",
    params: {
        pages: usize {
            default: 1024,
            description: "Pages in the region of each device",
        },
        around: usize {
            default: 16,
            description: "Pages that a fault in simplen maps at most, a power of two",
        },
        huge: u8 {
            default: 0,
            description: "1: map with huge pages where possible",
        },
        trace: u8 {
            default: 1,
            description: "Kernel log: 0 sums at unload, 1 also open and close of VMAs, 2 faults",
        },
        physical: u8 {
            default: 0,
            description: "1: offsets in simpler are physical addresses of device memory",
        },
    },
}

/// The module: its two devices, and their counters.
struct Simple {
    /// Of the two that are called simpler there is one.
    _simpler: Option<Registration<Simpler>>,
    _physical: Option<Registration<Physical>>,
    _simplen: Registration<Simplen>,
    _counters: [debugfs::Counters<Events>; 2],
}

type Registration<T> = Pin<KBox<MiscDeviceRegistration<T>>>;

impl kernel::Module for Simple {
    fn init(_module: &'static ThisModule) -> Result<Self> {
        let Parameters {
            pages,
            around_order,
            huge,
            trace,
            physical,
        } = Parameters::new(Given {
            pages: parameter(&module_parameters::pages),
            around: parameter(&module_parameters::around),
            huge: parameter(&module_parameters::huge),
            trace: parameter(&module_parameters::trace),
            physical: parameter(&module_parameters::physical),
        })
        .map_err(|refusal| {
            pr_err!("{refusal}\n");
            EINVAL
        })?;

        events::trace(trace);
        let debugfs = debugfs::Dir::new(c"simple")?;
        let simpler_events = Events::new(Simpler::NAME)?;
        let simplen_events = Events::new(Simplen::NAME)?;
        let counters = [
            simpler_events.clone().publish(debugfs.clone()),
            simplen_events.clone().publish(debugfs),
        ];

        let (simpler, physical) = if physical {
            (None, Some(register(Physical::new(simpler_events)?)?))
        } else {
            (
                Some(register(Simpler::new(pages, huge, simpler_events)?)?),
                None,
            )
        };
        let simplen = Simplen::new(pages, around_order, huge, simplen_events)?;
        Ok(Self {
            _simpler: simpler,
            _physical: physical,
            _simplen: register(simplen)?,
            _counters: counters,
        })
    }
}

/// Registers a device.
fn register<T: MiscDevice>(device: Arc<T>) -> Result<Registration<T>> {
    KBox::pin_init(MiscDeviceRegistration::register(device), GFP_KERNEL)
}
