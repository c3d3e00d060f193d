//! Where a reader is in a feed, as a text that it can come back with.

use std::fmt;

/// What tells one life of a feed from another: drawn anew with every start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Incarnation(pub u64);

/// A place in a feed: everything up to a step, that one included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Of which feed.
    pub incarnation: Incarnation,
    /// Up to which step; 0 is before the first.
    pub step: u64,
}

impl Place {
    /// Reads the text. One text for each place: whatever is written otherwise is none.
    pub fn parse(text: &str) -> Option<Self> {
        let (incarnation, step) = text.split_once('-')?;
        let place = Self {
            incarnation: Incarnation(u64::from_str_radix(incarnation, 16).ok()?),
            step: step.parse().ok()?,
        };
        (place.to_string() == text).then_some(place)
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}-{}", self.incarnation.0, self.step)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_read_as_it_was_written_and_in_no_other_way() {
        for place in [(0, 0), (1, 7), (u64::MAX, u64::MAX)] {
            let place = Place { incarnation: Incarnation(place.0), step: place.1 };
            assert_eq!(Place::parse(&place.to_string()), Some(place));
        }
        let good = "00000000000000ab-7";
        assert!(Place::parse(good).is_some());
        for bad in ["", "-", "7", "ab-7", "00000000000000AB-7", "00000000000000ab-07", "00000000000000ab-+7"]
        {
            assert_eq!(Place::parse(bad), None, "{bad}");
        }
        for bad in [format!("{good} "), format!(" {good}"), format!("{good}-1"), format!("0{good}")] {
            assert_eq!(Place::parse(&bad), None, "{bad}");
        }
    }
}
