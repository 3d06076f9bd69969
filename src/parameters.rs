// SPDX-License-Identifier: GPL-2.0

//! The module's parameters, and their ranges.

use crate::{
    events,
    region, //
};
use core::ops::RangeInclusive;
use kernel::{
    fmt,
    prelude::*,
    sync::atomic::Atomic, //
};
use simple_mmap::prelude::*;

/// The parameters as they were given when the module was loaded.
#[derive(Clone, Copy)]
pub(crate) struct Given {
    pub(crate) pages: usize,
    pub(crate) order: usize,
    pub(crate) huge: u8,
    pub(crate) trace: u8,
    pub(crate) physical: u8,
    pub(crate) minor: u8,
}

/// Parameters of which each is in its range.
#[derive(Debug, PartialEq)]
pub(crate) struct Parameters {
    /// Pages in the region of each device.
    pub(crate) pages: usize,
    /// simplen allocates and maps 2^`order` pages at once.
    pub(crate) order: u32,
    /// Whether simpler maps with huge pages.
    pub(crate) huge: bool,
    /// The trace level.
    pub(crate) trace: u8,
    /// Whether offsets in simpler are physical addresses.
    pub(crate) physical: bool,
    /// The minor number of simpler; simplen has the next one. `None` if the kernel chooses both.
    pub(crate) minor: Option<u8>,
}

/// The largest order: a folio of this order has the size that one entry of a PMD maps.
const MAX_ORDER: u32 = Folio::MAX_ORDER;

/// The minor numbers that simpler can have: those of misc devices that are reserved for local use
/// (`Documentation/admin-guide/devices.txt`), except the last, after which there is none for
/// simplen.
const LOCAL_MINORS: RangeInclusive<u8> = 243..=253;

/// A parameter whose value is out of its range.
#[derive(Debug, PartialEq)]
pub(crate) struct OutOfRange {
    name: &'static str,
    value: usize,
    min: usize,
    max: usize,
}

impl fmt::Display for OutOfRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            name,
            value,
            min,
            max,
        } = self;
        write!(f, "parameter {name} is {value}, but must be {min} to {max}")
    }
}

impl Parameters {
    /// Checks the range of each parameter. Returns the parameters, with the largest `order` if
    /// `huge` is 1, or the first parameter that is out of its range.
    pub(crate) fn new(given: Given) -> Result<Self, OutOfRange> {
        check("pages", given.pages, 1, region::MAX_PAGES)?;
        check("order", given.order, 0, MAX_ORDER as usize)?;
        check("huge", given.huge.into(), 0, 1)?;
        check("trace", given.trace.into(), 0, events::MAX_TRACE.into())?;
        check("physical", given.physical.into(), 0, 1)?;
        let minor = (given.minor != 0).then_some(given.minor);
        if let Some(minor) = minor {
            let (first, last) = LOCAL_MINORS.into_inner();
            check("minor", minor.into(), first.into(), last.into())?;
        }
        let huge = given.huge == 1;
        Ok(Self {
            pages: given.pages,
            order: if huge { MAX_ORDER } else { given.order as u32 },
            huge,
            trace: given.trace,
            physical: given.physical == 1,
            minor,
        })
    }
}

/// The values of the parameters, as debugfs shows them.
pub(crate) struct Shown {
    pages: Atomic<i64>,
    order: Atomic<i64>,
    huge: Atomic<i64>,
    trace: Atomic<i64>,
    physical: Atomic<i64>,
    minor: Atomic<i64>,
}

impl Parameters {
    /// Shows the parameters as files in the debugfs directory "parameters", because the parameters
    /// of a Rust module have no files in sysfs.
    pub(crate) fn publish(&self, parent: Arc<Dir>) -> Result<Counters<Shown>> {
        let shown = Shown {
            pages: Atomic::new(self.pages as i64),
            order: Atomic::new(self.order.into()),
            huge: Atomic::new(self.huge.into()),
            trace: Atomic::new(self.trace.into()),
            physical: Atomic::new(self.physical.into()),
            minor: Atomic::new(self.minor.unwrap_or(0).into()),
        };
        let files: [(&CStr, Counter<Shown>); 6] = [
            (c"pages", |shown| &shown.pages),
            (c"order", |shown| &shown.order),
            (c"huge", |shown| &shown.huge),
            (c"trace", |shown| &shown.trace),
            (c"physical", |shown| &shown.physical),
            (c"minor", |shown| &shown.minor),
        ];
        let shown = Arc::new(shown, GFP_KERNEL)?;
        Ok(Counters::new(parent, c"parameters", shown, &files))
    }
}

fn check(name: &'static str, value: usize, min: usize, max: usize) -> Result<(), OutOfRange> {
    if value < min || value > max {
        return Err(OutOfRange {
            name,
            value,
            min,
            max,
        });
    }
    Ok(())
}

#[kernel::macros::kunit_tests(simple_parameters)]
mod tests {
    use super::*;

    const SMALLEST: Given = Given {
        pages: 1,
        order: 0,
        huge: 0,
        trace: 0,
        physical: 0,
        minor: 0,
    };
    const LARGEST: Given = Given {
        pages: region::MAX_PAGES,
        order: MAX_ORDER as usize,
        huge: 1,
        trace: events::MAX_TRACE,
        physical: 1,
        minor: *LOCAL_MINORS.end(),
    };

    /// The name of the parameter that [`Parameters::new`] refuses, if it refuses one.
    fn refused(given: Given) -> Option<&'static str> {
        Parameters::new(given).err().map(|refusal| refusal.name)
    }

    #[test]
    fn limits_are_taken() {
        assert_eq!(refused(SMALLEST), None);
        let wanted = Parameters {
            pages: region::MAX_PAGES,
            order: MAX_ORDER,
            huge: true,
            trace: 2,
            physical: true,
            minor: Some(253),
        };
        assert_eq!(Parameters::new(LARGEST), Ok(wanted));
    }

    #[test]
    fn what_is_past_them_is_refused() {
        for pages in [0, region::MAX_PAGES + 1, usize::MAX] {
            assert_eq!(refused(Given { pages, ..LARGEST }), Some("pages"));
        }
        for order in [MAX_ORDER as usize + 1, usize::MAX] {
            assert_eq!(refused(Given { order, ..LARGEST }), Some("order"));
        }
        for trace in [3, 255] {
            assert_eq!(refused(Given { trace, ..LARGEST }), Some("trace"));
        }
        assert_eq!(refused(Given { huge: 2, ..LARGEST }), Some("huge"));
        for minor in [1, 242, 254, 255] {
            assert_eq!(refused(Given { minor, ..LARGEST }), Some("minor"));
        }
        let physical = 2;
        assert_eq!(
            refused(Given {
                physical,
                ..LARGEST
            }),
            Some("physical")
        );
    }

    #[test]
    fn refusal_says_which_and_why() {
        let refusal = OutOfRange {
            name: "order",
            value: 100,
            min: 0,
            max: MAX_ORDER as usize,
        };
        let order = 100;
        assert_eq!(Parameters::new(Given { order, ..SMALLEST }), Err(refusal));
    }

    #[test]
    fn huge_is_the_largest_order() {
        let order = |huge| Parameters::new(Given { huge, ..SMALLEST }).map(|taken| taken.order);
        assert_eq!(order(0), Ok(0));
        assert_eq!(order(1), Ok(MAX_ORDER));
    }
}
