//! How much an open loop asks of a server, as typed: jobs a second, or a part of what a closed loop
//! reached a moment before.

use std::fmt;

/// More than any server answers; it is what bounds the numbers of a schedule.
const PER_SECOND_MAX: u32 = 1_000_000;
/// Past the maximum, so that a plot shows what overload does.
const PERCENT_MAX: u32 = 200;

/// One rate over all producers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rate {
    /// Of the closed loop's figure for the same work.
    Percent(u32),
    /// Jobs.
    PerSecond(u32),
}

impl Rate {
    /// Reads `500` or `25%`.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let rule = || {
            format!(
                "must be jobs per second from 1 to {PER_SECOND_MAX}, or 1% to {PERCENT_MAX}% of a measured maximum"
            )
        };
        let (digits, most) = match text.strip_suffix('%') {
            Some(digits) => (digits, PERCENT_MAX),
            None => (text, PER_SECOND_MAX),
        };
        let plain = digits.bytes().all(|byte| byte.is_ascii_digit());
        let number: Option<u32> = digits.parse().ok().filter(|_| plain);
        let number = number.filter(|number| (1..=most).contains(number)).ok_or_else(rule)?;
        Ok(if text.ends_with('%') { Self::Percent(number) } else { Self::PerSecond(number) })
    }

    /// Jobs a second where the closed loop reached so many; one at least.
    pub(super) fn jobs_per_s(self, reached: f64) -> f64 {
        match self {
            Self::PerSecond(jobs) => f64::from(jobs),
            Self::Percent(percent) => (reached * f64::from(percent) / 100.0).round().max(1.0),
        }
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::PerSecond(jobs) => write!(formatter, "{jobs}"),
            Self::Percent(percent) => write!(formatter, "{percent}%"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // attack 55
    #[test]
    fn a_rate_is_jobs_or_a_part() {
        for (text, rate) in [
            ("1", Rate::PerSecond(1)),
            ("1000000", Rate::PerSecond(1_000_000)),
            ("1%", Rate::Percent(1)),
            ("200%", Rate::Percent(200)),
        ] {
            assert_eq!(Rate::parse(text), Ok(rate));
            assert_eq!(rate.to_string(), text);
        }
        for bad in ["", "%", "0", "0%", "201%", "1000001", "+5", "-5", "1.5", "5 %", "5%%", "99999999999"] {
            assert!(Rate::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_part_is_of_what_was_reached_and_never_nothing() {
        assert_eq!(Rate::Percent(25).jobs_per_s(2_001.0), 500.0);
        assert_eq!(Rate::Percent(1).jobs_per_s(0.0), 1.0);
        assert_eq!(Rate::PerSecond(7).jobs_per_s(2_000.0), 7.0);
    }
}
