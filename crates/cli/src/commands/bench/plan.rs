//! One run, before it is made.

use std::time::Duration;

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

use super::rate::Rate;
use crate::failure::Failure;

/// What one producer repeats.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(super) enum Op {
    /// Send a batch and be answered.
    Enqueue,
    /// Send a batch, lease as many, open them, complete them.
    Cycle,
    /// Send from all producers and work what they send, over one client that they share.
    Work,
}

/// One run.
#[derive(Clone, Copy, Debug)]
pub(super) struct Plan {
    pub(super) op: Op,
    pub(super) producers: usize,
    pub(super) batch: usize,
    pub(super) size: usize,
    pub(super) time: Duration,
    /// A closed loop where there is none: each producer goes on when it is answered.
    pub(super) rate: Option<Rate>,
}

impl Op {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Enqueue => "enqueue",
            Self::Cycle => "cycle",
            Self::Work => "work",
        }
    }
}

impl Plan {
    /// Producers with a connection of their own.
    pub(super) fn lanes(&self) -> usize {
        if self.op == Op::Work { 0 } else { self.producers }
    }

    /// From one batch to the next at this rate. Refuses what a run is too short for: one batch says nothing
    /// about a rate.
    pub(super) fn spacing(&self, jobs_per_s: f64) -> Result<Duration, Failure> {
        let spacing = Duration::from_secs_f64(self.jobs_per_step() as f64 / jobs_per_s.max(0.001));
        if spacing <= self.time {
            return Ok(spacing);
        }
        Err(Failure::usage(format!(
            "at {jobs_per_s:.0} jobs a second a batch of {} begins every {:.2} s, longer than the run of {:.2} s: name a higher --rate, a smaller --batch or more --seconds",
            self.batch,
            spacing.as_secs_f64(),
            self.time.as_secs_f64()
        )))
    }

    /// Jobs of one step.
    pub(super) fn jobs_per_step(&self) -> u64 {
        u64::try_from(self.batch).unwrap_or(u64::MAX)
    }
}
