//! How much of a queue may run: jobs at once, and starts in a time.

use super::settings::SettingsError;
use crate::limits;
use crate::time::Millis;

/// How many jobs may start in how long, by a bucket of tokens: it holds `burst` at most and is full at
/// first, every start takes one out, and `starts` of them come back evenly over each `period`. So in any
/// time `t` at most `burst + starts × t / period` jobs start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// So many starts,
    pub starts: u32,
    /// in this time.
    pub period: Millis,
    /// So many at once.
    pub burst: u32,
}

/// What bounds the runs of a queue, or of each fair key in it. `None` is no bound.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RunLimit {
    /// Starts in a time.
    pub rate: Option<Rate>,
    /// Jobs that run at once.
    pub concurrency: Option<u32>,
}

impl RunLimit {
    /// Refuses what is out of its bounds.
    pub(super) fn check(&self) -> Result<(), SettingsError> {
        if let Some(Rate { starts, period, burst }) = self.rate {
            let counts = 1..=limits::RATE_STARTS_MAX;
            let in_bounds = counts.contains(&starts) && counts.contains(&burst);
            if !in_bounds || !(1..=limits::RATE_PERIOD_MS_MAX).contains(&period.get()) {
                return Err(SettingsError::Rate);
            }
        }
        if self.concurrency.is_some_and(|jobs| !(1..=limits::CONCURRENCY_MAX).contains(&jobs)) {
            return Err(SettingsError::Concurrency);
        }
        Ok(())
    }
}
