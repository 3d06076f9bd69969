// SPDX-License-Identifier: GPL-2.0

//! The module's parameters, and their ranges.

use crate::{
    events,
    region, //
};
use kernel::{
    fmt,
    prelude::*, //
};

/// Parameters as the loader of the module gave them.
#[derive(Clone, Copy)]
pub(crate) struct Given {
    pub(crate) pages: usize,
    pub(crate) around: usize,
    pub(crate) huge: u8,
    pub(crate) trace: u8,
    pub(crate) physical: u8,
}

/// Parameters that are in their ranges.
#[derive(Debug, PartialEq)]
pub(crate) struct Parameters {
    /// Pages in the region of each device.
    pub(crate) pages: usize,
    /// What a fault of simplen maps at most is 2^this pages.
    pub(crate) around_order: u32,
    /// Whether to map with huge pages.
    pub(crate) huge: bool,
    /// The trace level.
    pub(crate) trace: u8,
    /// Whether offsets in simpler are physical addresses.
    pub(crate) physical: bool,
}

/// The most pages that a fault maps.
const MAX_AROUND: usize = 512;

/// A parameter that is not.
#[derive(Debug, PartialEq)]
pub(crate) struct OutOfRange {
    name: &'static str,
    value: usize,
    power_of_two: bool,
    min: usize,
    max: usize,
}

impl fmt::Display for OutOfRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            name,
            value,
            power_of_two,
            min,
            max,
        } = self;
        let kind = if *power_of_two {
            "a power of two, "
        } else {
            ""
        };
        write!(
            f,
            "parameter {name} is {value}, but must be {kind}{min} to {max}"
        )
    }
}

impl Parameters {
    /// Takes those that are in their ranges.
    pub(crate) fn new(given: Given) -> Result<Self, OutOfRange> {
        check("pages", given.pages, 1, region::MAX_PAGES)?;
        check_power_of_two("around", given.around, 1, MAX_AROUND)?;
        check("huge", given.huge.into(), 0, 1)?;
        check("trace", given.trace.into(), 0, events::MAX_TRACE.into())?;
        check("physical", given.physical.into(), 0, 1)?;
        Ok(Self {
            pages: given.pages,
            around_order: given.around.ilog2(),
            huge: given.huge == 1,
            trace: given.trace,
            physical: given.physical == 1,
        })
    }
}

fn check(name: &'static str, value: usize, min: usize, max: usize) -> Result<(), OutOfRange> {
    if value < min || value > max {
        return Err(OutOfRange {
            name,
            value,
            power_of_two: false,
            min,
            max,
        });
    }
    Ok(())
}

fn check_power_of_two(
    name: &'static str,
    value: usize,
    min: usize,
    max: usize,
) -> Result<(), OutOfRange> {
    if value < min || value > max || !value.is_power_of_two() {
        return Err(OutOfRange {
            name,
            value,
            power_of_two: true,
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
        around: 1,
        huge: 0,
        trace: 0,
        physical: 0,
    };
    const LARGEST: Given = Given {
        pages: region::MAX_PAGES,
        around: MAX_AROUND,
        huge: 1,
        trace: events::MAX_TRACE,
        physical: 1,
    };

    /// The name of the parameter that is refused.
    fn refused(given: Given) -> Option<&'static str> {
        Parameters::new(given).err().map(|refusal| refusal.name)
    }

    #[test]
    fn limits_are_taken() {
        assert_eq!(refused(SMALLEST), None);
        let wanted = Parameters {
            pages: region::MAX_PAGES,
            around_order: 9,
            huge: true,
            trace: 2,
            physical: true,
        };
        assert_eq!(Parameters::new(LARGEST), Ok(wanted));
    }

    #[test]
    fn what_is_past_them_is_refused() {
        for pages in [0, region::MAX_PAGES + 1, usize::MAX] {
            assert_eq!(refused(Given { pages, ..LARGEST }), Some("pages"));
        }
        for around in [0, 3, 511, 1024, usize::MAX] {
            assert_eq!(refused(Given { around, ..LARGEST }), Some("around"));
        }
        for trace in [3, 255] {
            assert_eq!(refused(Given { trace, ..LARGEST }), Some("trace"));
        }
        assert_eq!(refused(Given { huge: 2, ..LARGEST }), Some("huge"));
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
            name: "around",
            value: 3,
            power_of_two: true,
            min: 1,
            max: 512,
        };
        let around = 3;
        assert_eq!(Parameters::new(Given { around, ..SMALLEST }), Err(refusal));
    }
}
