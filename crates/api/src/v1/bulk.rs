//! Bulk work on a queue: what it is for, and what became of the wish.

use sealane_core::limits;
use sealane_core::name::QueueName;
use sealane_core::queue::{RedriveRate, Sweep, SweepWish};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::dead_filter::{DeadFilterIn, TokenOf};
use crate::problem::Problem;
use crate::wire::{Timestamp, some_map_only};

/// Which jobs of a dead-letter to end; all of them where nothing is said.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DeadPurgeIn {
    /// Which jobs; all where absent.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "some_map_only")]
    pub filter: Option<DeadFilterIn>,
}

impl DeadPurgeIn {
    /// What is wished for, with `token` standing for texts.
    pub fn wish(&self, token: TokenOf<'_>) -> Result<SweepWish, Problem> {
        Ok(SweepWish::PurgeDead { filter: DeadFilterIn::read(self.filter.as_ref(), token)? })
    }
}

/// Which jobs of a dead-letter to re-drive, and how fast; all of them at once where nothing is said.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DeadRedriveIn {
    /// Which jobs; all where absent.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "some_map_only")]
    pub filter: Option<DeadFilterIn>,
    /// At most so many in a second, 1 to 100000; as fast as it goes where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate: Option<u32>,
}

impl DeadRedriveIn {
    /// What is wished for, with `token` standing for texts.
    pub fn wish(&self, token: TokenOf<'_>) -> Result<SweepWish, Problem> {
        let rate = read_rate(self.rate)?;
        Ok(SweepWish::RedriveDead { filter: DeadFilterIn::read(self.filter.as_ref(), token)?, rate })
    }
}

/// Reads how fast.
pub(super) fn read_rate(rate: Option<u32>) -> Result<Option<RedriveRate>, Problem> {
    let read = |rate: u32| {
        RedriveRate::per_second(rate).ok_or_else(|| {
            Problem::invalid(format!("rate must be 1 to {} jobs a second", limits::REDRIVE_RATE_MAX))
        })
    };
    rate.map(read).transpose()
}

/// Bulk work on a queue. It goes on by itself, also after a restart.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SweepOut {
    /// The queue.
    pub queue: String,
    /// `redrive_dead`, `purge_dead`, `purge_waiting` or `release_held`.
    pub work: String,
    /// Whether it is on its way. False: there was nothing to do.
    pub running: bool,
    /// Jobs that it is for, counted now: all of them as it begins, those left when it is asked for again.
    /// With a filter at most 10000 jobs are looked at to count them.
    pub jobs: u64,
    /// Whether there may be more than those.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub more: bool,
}

impl SweepOut {
    /// What became of the wish for bulk work, which is for so many jobs or for more.
    pub fn show(queue: &QueueName, wish: &SweepWish, running: bool, (jobs, more): (u64, bool)) -> Self {
        Self { queue: queue.to_string(), work: wish.kind().to_string(), running, jobs, more }
    }
}

/// Bulk work on its way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WorkOut {
    /// `redrive_dead`, `purge_dead`, `purge_waiting` or `release_held`.
    pub work: String,
    /// When it began.
    pub begun_at: Timestamp,
    /// Jobs that it has ended, re-driven or released so far.
    pub done: u64,
    /// At most so many in a second, where somebody said so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate: Option<u32>,
}

impl From<&Sweep> for WorkOut {
    fn from(sweep: &Sweep) -> Self {
        Self {
            work: sweep.wish.kind().to_string(),
            begun_at: Timestamp(sweep.begun_at),
            done: sweep.done,
            rate: sweep.wish.rate().map(RedriveRate::get),
        }
    }
}
