// SPDX-License-Identifier: GPL-2.0

//! simple: two ways to map memory into a process.
//!
//! - `simpler` maps a whole VMA at once, when a process calls `mmap`.
//! - `simplen` maps pages when a process touches them.

use kernel::{
    prelude::*,
    str::CString, //
};

mod events;
mod parameters;
mod physical;
mod region;
mod simplen;
mod simpler;

use events::Events;
use parameters::{
    Given,
    Parameters,
    Shown, //
};
use physical::Physical;
use simple_mmap::prelude::*;
use simplen::Simplen;
use simpler::Simpler;

module_devices! {
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
        order: usize {
            default: 4,
            description: "simplen allocates and maps 2^order pages at once",
        },
        huge: u8 {
            default: 0,
            description: "1: map with huge pages where possible",
        },
        trace: u8 {
            default: 1,
            description: "Kernel log: 0 sums at unload, 1 also open, close of VMAs, 2 also faults",
        },
        physical: u8 {
            default: 0,
            description: "1: offsets in simpler are physical addresses of device memory",
        },
        minor: u8 {
            default: 0,
            description: "Minor number of simpler, 243 to 253, simplen has the next; 0: any",
        },
    },
}

/// The module's state: the files in debugfs that show its parameters, and those that show the
/// counters of its two devices.
struct Simple {
    _parameters: Counters<Shown>,
    _counters: [Counters<Events>; 2],
}

impl DeviceModule for Simple {
    fn init(devices: &mut Devices) -> Result<Self> {
        let parameters = Parameters::new(Given {
            pages: parameter(&module_parameters::pages),
            order: parameter(&module_parameters::order),
            huge: parameter(&module_parameters::huge),
            trace: parameter(&module_parameters::trace),
            physical: parameter(&module_parameters::physical),
            minor: parameter(&module_parameters::minor),
        })
        .map_err(|refusal| {
            pr_err!("{refusal}\n");
            EINVAL
        })?;

        let debugfs = Dir::new(c"simple")?;
        let shown = parameters.publish(debugfs.clone())?;
        let Parameters {
            pages,
            order,
            huge,
            trace,
            physical,
            minor,
        } = parameters;
        events::trace(trace);
        let simpler_events = Events::new(Simpler::NAME)?;
        let simplen_events = Events::new(Simplen::NAME)?;
        let counters = [
            simpler_events.clone().publish(debugfs.clone()),
            simplen_events.clone().publish(debugfs),
        ];

        let options = |name, number: u8| {
            Ok::<_, Error>(MiscDeviceOptions {
                name: CString::try_from(name)?,
                minor: minor.map(|first| u32::from(first + number)),
            })
        };
        let simpler = options(Simpler::NAME, 0)?;
        if physical {
            devices.add_with(simpler, Physical::new(simpler_events)?)?;
        } else {
            devices.add_with(simpler, Simpler::new(pages, huge, simpler_events)?)?;
        }
        let simplen = options(Simplen::NAME, 1)?;
        devices.add_with(simplen, Simplen::new(pages, order, simplen_events)?)?;
        Ok(Self {
            _parameters: shown,
            _counters: counters,
        })
    }
}
