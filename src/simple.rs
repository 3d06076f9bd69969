// SPDX-License-Identifier: GPL-2.0

//! simple: two ways to map memory into a process.
//!
//! - [`simpler`] maps a whole VMA at once, in the mmap handler.
//! - [`simplen`] maps page by page, when they are touched.

use kernel::prelude::*;

pub mod abstractions;
mod region;
mod simplen;
mod simpler;
mod trace;

use abstractions::miscdevice::MiscDeviceRegistration;
use simplen::Simplen;
use simpler::Simpler;
use trace::Trace;

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
        trace: u8 {
            default: 1,
            description: "Kernel log: 0 silent, 1 open and close of VMAs, 2 faults too",
        },
    },
}

/// The module: its two devices.
#[pin_data]
struct Simple {
    #[pin]
    simpler: MiscDeviceRegistration<Simpler>,
    #[pin]
    simplen: MiscDeviceRegistration<Simplen>,
}

impl kernel::InPlaceModule for Simple {
    fn init(_module: &'static ThisModule) -> impl PinInit<Self, Error> {
        let pages = *module_parameters::pages.value();
        let trace = *module_parameters::trace.value();

        pin_init::pin_init_scope(move || {
            check("pages", pages, 1, region::MAX_PAGES)?;
            check("trace", trace.into(), 0, Trace::MAX_LEVEL.into())?;

            let simpler = Simpler::new(pages, trace)?;
            let simplen = Simplen::new(pages, trace)?;
            Ok(try_pin_init!(Self {
                simpler <- MiscDeviceRegistration::register(simpler),
                simplen <- MiscDeviceRegistration::register(simplen),
            }? Error))
        })
    }
}

/// Refuses a parameter that is not in the range from `min` to `max`.
fn check(name: &str, value: usize, min: usize, max: usize) -> Result {
    if value < min || value > max {
        pr_err!(
            "parameter {} is {}, but must be {} to {}\n",
            name,
            value,
            min,
            max
        );
        return Err(EINVAL);
    }
    Ok(())
}
