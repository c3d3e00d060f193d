//! When a schedule fires: by a cron pattern in a time zone, or at a fixed interval.
//!
//! A pure function of the time it is asked for: the time zone rules are part of the program and are
//! not read from the machine. What was computed is stored with the event, so rules that change with a
//! later version of the program change the future only.

use std::fmt;
use std::str::FromStr as _;

use croner::Cron;
use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::limits;
use crate::name::{CronPattern, ZoneName};
use crate::time::{Millis, Time};

/// When a schedule fires.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cadence {
    /// By the clock on the wall of a place.
    ///
    /// Five fields (minute, hour, day of month, month, day of week), six with seconds in front, seven with
    /// the year at the end; names, lists, ranges, steps, `L`, `W` and `#` as in the Open Cron Pattern
    /// Specification 1.4. Where clocks go forward, a fixed time inside of the gap fires once right behind it,
    /// and what repeats leaves the gap out. Where clocks go back, a fixed time fires once, at the first of
    /// the two, and what repeats fires in both.
    Cron {
        /// The pattern.
        pattern: CronPattern,
        /// Where the clock hangs.
        zone: ZoneName,
    },
    /// Each so many milliseconds, counted from a time on.
    Every {
        /// How long between two.
        every: Millis,
        /// The first one.
        from: Time,
    },
}

/// A cadence that cannot be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CadenceError {
    /// The pattern is none.
    Pattern {
        /// What is wrong with it.
        why: String,
    },
    /// There is no such time zone.
    Zone,
    /// The interval is too short or too long.
    Interval,
    /// It will never fire.
    Never,
}

impl fmt::Display for CadenceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pattern { why } => write!(f, "cron is not a pattern: {why}"),
            Self::Zone => {
                f.write_str("time_zone must be a name of the IANA time zone database, as Europe/Berlin")
            }
            Self::Interval => write!(
                f,
                "every_ms must be {} to {}",
                limits::SCHEDULE_EVERY_MS_MIN,
                limits::SCHEDULE_EVERY_MS_MAX
            ),
            Self::Never => f.write_str("this schedule would never fire: no date matches it any more"),
        }
    }
}

impl std::error::Error for CadenceError {}

impl Cadence {
    /// Refuses one that cannot be, and one that does not fire after `now` any more.
    ///
    /// # Errors
    /// See [`CadenceError`].
    pub fn check(&self, now: Time) -> Result<(), CadenceError> {
        match self {
            Self::Cron { pattern, zone } => {
                parsed(pattern).map_err(|error| CadenceError::Pattern { why: error.to_string() })?;
                TimeZone::get(zone.as_str()).map_err(|_| CadenceError::Zone)?;
            }
            Self::Every { every, .. } => {
                let range = limits::SCHEDULE_EVERY_MS_MIN..=limits::SCHEDULE_EVERY_MS_MAX;
                if !range.contains(&every.get()) {
                    return Err(CadenceError::Interval);
                }
            }
        }
        self.next_after(now).map(|_| ()).ok_or(CadenceError::Never)
    }

    /// The first time after `after` that it fires; `None` when it never does again.
    pub fn next_after(&self, after: Time) -> Option<Time> {
        match self {
            Self::Cron { pattern, zone } => {
                let zone = TimeZone::get(zone.as_str()).ok()?;
                let after = Timestamp::from_millisecond(i64::try_from(after.unix_ms()).ok()?).ok()?;
                let next = parsed(pattern).ok()?.find_next_occurrence(&after.to_zoned(zone), false).ok()?;
                // Why whole seconds: the search keeps the fraction of the second that it began at.
                u64::try_from(next.timestamp().as_second()).ok().map(|s| Time::from_unix_ms(s * 1_000))
            }
            Self::Every { every, from } => {
                let every = every.get().max(1);
                if after < *from {
                    return Some(*from);
                }
                let rounds = after.since(*from).get() / every + 1;
                rounds
                    .checked_mul(every)
                    .and_then(|ms| from.unix_ms().checked_add(ms))
                    .map(Time::from_unix_ms)
            }
        }
    }
}

fn parsed(pattern: &CronPattern) -> Result<Cron, croner::errors::CronError> {
    Cron::from_str(pattern.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cron(pattern: &str, zone: &str) -> Cadence {
        Cadence::Cron { pattern: CronPattern::parse(pattern).unwrap(), zone: ZoneName::parse(zone).unwrap() }
    }

    fn at(text: &str) -> Time {
        let time: Timestamp = text.parse().unwrap();
        Time::from_unix_ms(u64::try_from(time.as_millisecond()).unwrap())
    }

    fn firings(cadence: &Cadence, from: &str, count: usize) -> Vec<String> {
        let mut time = at(from);
        std::iter::repeat_with(|| {
            time = cadence.next_after(time).unwrap();
            Timestamp::from_millisecond(i64::try_from(time.unix_ms()).unwrap()).unwrap().to_string()
        })
        .take(count)
        .collect()
    }

    // covers JOB-12 (extend)
    // attack 63
    #[test]
    fn a_fixed_time_in_the_gap_fires_once_behind_it_and_a_repeated_one_once() {
        let daily = cron("30 2 * * *", "Europe/Berlin");
        let spring = ["2026-03-28T01:30:00Z", "2026-03-29T01:00:00Z", "2026-03-30T00:30:00Z"];
        assert_eq!(firings(&daily, "2026-03-27T12:00:00Z", 3), spring);
        let autumn = ["2026-10-24T00:30:00Z", "2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"];
        assert_eq!(firings(&daily, "2026-10-23T12:00:00Z", 3), autumn);
    }

    // covers JOB-12 (extend)
    // attack 63
    #[test]
    fn what_repeats_leaves_the_gap_out_and_fires_in_both_repeated_hours() {
        let half_hours = cron("*/30 * * * *", "Europe/Berlin");
        let spring = ["2026-03-29T00:30:00Z", "2026-03-29T01:00:00Z", "2026-03-29T01:30:00Z"];
        assert_eq!(firings(&half_hours, "2026-03-29T00:00:00Z", 3), spring);
        let autumn =
            ["2026-10-25T00:00:00Z", "2026-10-25T00:30:00Z", "2026-10-25T01:00:00Z", "2026-10-25T01:30:00Z"];
        assert_eq!(firings(&half_hours, "2026-10-24T23:45:00Z", 4), autumn);
    }

    // covers JOB-12 (extend)
    #[test]
    fn seconds_stand_in_front_and_fractions_do_not_carry_over() {
        let next = cron("*/20 * * * * *", "UTC").next_after(Time::from_unix_ms(1_767_225_600_123));
        assert_eq!(next, Some(Time::from_unix_ms(1_767_225_620_000)));
    }

    // covers JOB-12 (extend)
    #[test]
    fn an_interval_counts_from_its_first_firing_and_never_drifts() {
        let every = Cadence::Every { every: Millis::new(1_500), from: Time::from_unix_ms(10_000) };
        for (after, next) in
            [(0, 10_000), (9_999, 10_000), (10_000, 11_500), (11_499, 11_500), (11_500, 13_000)]
        {
            assert_eq!(
                every.next_after(Time::from_unix_ms(after)),
                Some(Time::from_unix_ms(next)),
                "{after}"
            );
        }
        assert_eq!(every.next_after(Time::from_unix_ms(u64::MAX)), None);
    }

    // attack 63
    #[test]
    fn what_cannot_be_or_never_fires_is_refused() {
        let now = at("2026-01-01T00:00:00Z");
        for pattern in ["* * * * * *", "@daily", "0 0 L * *", "0 0 * * MON#2", "0 0 0 1 1 * 4999"] {
            assert_eq!(cron(pattern, "UTC").check(now), Ok(()), "{pattern}");
        }
        for pattern in ["60 * * * *", "*", "* * * * * * * *", "0 0 0 1 1 * 9999", "x"] {
            let refused = cron(pattern, "UTC").check(now);
            assert!(matches!(refused, Err(CadenceError::Pattern { .. })), "{pattern}: {refused:?}");
        }
        for pattern in ["0 0 30 2 *", "0 0 0 1 1 * 2025"] {
            assert_eq!(cron(pattern, "UTC").check(now), Err(CadenceError::Never), "{pattern}");
        }
        assert_eq!(cron("@daily", "Europe/Atlantis").check(now), Err(CadenceError::Zone));
        let every = |ms| Cadence::Every { every: Millis::new(ms), from: now }.check(now);
        assert_eq!(every(limits::SCHEDULE_EVERY_MS_MIN - 1), Err(CadenceError::Interval));
        assert_eq!(every(limits::SCHEDULE_EVERY_MS_MIN), Ok(()));
        assert_eq!(every(limits::SCHEDULE_EVERY_MS_MAX), Ok(()));
        for beyond in [limits::SCHEDULE_EVERY_MS_MAX + 1, u64::MAX] {
            assert_eq!(every(beyond), Err(CadenceError::Interval));
        }
    }
}
