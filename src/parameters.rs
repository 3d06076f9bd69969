// SPDX-License-Identifier: GPL-2.0

//! The module's parameters, and their ranges.

use crate::{
    events::Events,
    region, //
};
use kernel::{
    fmt,
    prelude::*, //
};

/// Parameters that are in their ranges.
#[derive(Debug, PartialEq)]
pub(crate) struct Parameters {
    /// Pages in the region of each device.
    pub(crate) pages: usize,
    /// The trace level.
    pub(crate) trace: u8,
    /// Whether offsets in simpler are physical addresses.
    pub(crate) physical: bool,
}

/// A parameter that is not.
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
    /// Takes them as the loader of the module gave them.
    pub(crate) fn new(pages: usize, trace: u8, physical: u8) -> Result<Self, OutOfRange> {
        check("pages", pages, 1, region::MAX_PAGES)?;
        check("trace", trace.into(), 0, Events::MAX_TRACE.into())?;
        check("physical", physical.into(), 0, 1)?;
        Ok(Self {
            pages,
            trace,
            physical: physical == 1,
        })
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

    /// The name of the parameter that is refused.
    fn refused(pages: usize, trace: u8, physical: u8) -> Option<&'static str> {
        Parameters::new(pages, trace, physical)
            .err()
            .map(|refusal| refusal.name)
    }

    #[test]
    fn limits_are_taken() {
        assert_eq!(refused(1, 0, 0), None);
        assert_eq!(refused(region::MAX_PAGES, 2, 1), None);
        let taken = Parameters::new(16, 1, 1);
        let wanted = Parameters {
            pages: 16,
            trace: 1,
            physical: true,
        };
        assert_eq!(taken, Ok(wanted));
    }

    #[test]
    fn what_is_past_them_is_refused() {
        assert_eq!(refused(0, 0, 0), Some("pages"));
        assert_eq!(refused(region::MAX_PAGES + 1, 0, 0), Some("pages"));
        assert_eq!(refused(usize::MAX, 0, 0), Some("pages"));
        assert_eq!(refused(1, 3, 0), Some("trace"));
        assert_eq!(refused(1, 255, 0), Some("trace"));
        assert_eq!(refused(1, 0, 2), Some("physical"));
    }

    #[test]
    fn refusal_says_which_and_why() {
        let refusal = OutOfRange {
            name: "pages",
            value: 0,
            min: 1,
            max: region::MAX_PAGES,
        };
        assert_eq!(Parameters::new(0, 0, 0), Err(refusal));
    }
}
