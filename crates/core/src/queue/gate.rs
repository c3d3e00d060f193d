//! What a limit of runs has to remember: how many run, and what of the rate is spent.
//!
//! The bucket is kept as what is missing in it, in units of which one token has as many as the period
//! has milliseconds, and of which `starts` come back each millisecond. So all of it is exact in whole
//! numbers, and what is missing now follows from the starts alone.

use super::run_limit::{Rate, RunLimit};
use crate::time::{Millis, Time};

/// The runs of a queue, or of one fair key in it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Gate {
    pub(super) running: u32,
    /// What was missing in the bucket,
    pub(super) missing: u64,
    /// at this time.
    pub(super) at: Time,
}

/// Whether one more job may start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Standing {
    #[default]
    Open,
    /// Not before one of those that run has ended.
    Full,
    /// Not before this time.
    Spent(Time),
}

impl Gate {
    pub(super) fn begun(&mut self) {
        self.running = self.running.saturating_add(1);
    }

    pub(super) fn ended(&mut self) {
        self.running = self.running.saturating_sub(1);
    }

    pub(super) fn running(&self) -> u32 {
        self.running
    }

    /// A job was handed out.
    pub(super) fn spend(&mut self, limit: &RunLimit, at: Time) {
        if let Some(rate) = &limit.rate {
            self.catch_up(limit, at);
            self.missing = self.missing.saturating_add(rate.period.get());
        }
    }

    /// A job that was handed out reached nobody.
    pub(super) fn give_back(&mut self, limit: &RunLimit, at: Time) {
        if let Some(rate) = &limit.rate {
            self.catch_up(limit, at);
            self.missing = self.missing.saturating_sub(rate.period.get());
        }
    }

    /// Takes notice of what came back by now.
    pub(super) fn catch_up(&mut self, limit: &RunLimit, now: Time) {
        if let Some(rate) = &limit.rate {
            self.missing = self.missing(rate, now);
            self.at = self.at.max(now);
        }
    }

    /// Another rate begins with a full bucket.
    pub(super) fn refill(&mut self) {
        (self.missing, self.at) = (0, Time::default());
    }

    /// How many more jobs may start.
    pub(super) fn room(&self, limit: &RunLimit, now: Time) -> u64 {
        let slots = limit.concurrency.map_or(u64::MAX, |jobs| u64::from(jobs.saturating_sub(self.running)));
        let tokens = limit.rate.map_or(u64::MAX, |rate| {
            let left = capacity(&rate).saturating_sub(self.missing(&rate, now));
            left / rate.period.get().max(1)
        });
        slots.min(tokens)
    }

    /// How it stands, whatever time it is.
    pub(super) fn standing(&self, limit: &RunLimit) -> Standing {
        if limit.concurrency.is_some_and(|jobs| self.running >= jobs) {
            return Standing::Full;
        }
        let Some(rate) = &limit.rate else { return Standing::Open };
        let may_be_missing = capacity(rate).saturating_sub(rate.period.get());
        match self.missing.saturating_sub(may_be_missing) {
            0 => Standing::Open,
            too_much => Standing::Spent(self.at.plus(time_for(rate, too_much))),
        }
    }

    /// From when on nothing is missing.
    pub(super) fn full_at(&self, limit: &RunLimit) -> Time {
        match &limit.rate {
            Some(rate) if self.missing > 0 => self.at.plus(time_for(rate, self.missing)),
            _ => Time::default(),
        }
    }

    fn missing(&self, rate: &Rate, now: Time) -> u64 {
        let back = now.since(self.at).get().saturating_mul(u64::from(rate.starts));
        self.missing.saturating_sub(back)
    }
}

fn capacity(rate: &Rate) -> u64 {
    u64::from(rate.burst).saturating_mul(rate.period.get())
}

/// How long it takes until so much has come back.
fn time_for(rate: &Rate, units: u64) -> Millis {
    Millis::new(units.div_ceil(u64::from(rate.starts.max(1))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_was_set_back_gives_nothing_back_twice() {
        let rate = Rate { starts: 1, period: Millis::from_secs(1), burst: 1 };
        let limit = RunLimit { rate: Some(rate), concurrency: None };
        let (mut gate, at) = (Gate::default(), Time::from_unix_ms);
        gate.spend(&limit, at(10_000));
        gate.catch_up(&limit, at(5_000));
        assert_eq!(gate.room(&limit, at(10_999)), 0);
        assert_eq!(gate.room(&limit, at(11_000)), 1);
    }
}
