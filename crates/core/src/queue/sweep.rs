//! Bulk work on a queue that goes on by itself: begun by one command, done in slices between other
//! work, and gone on with after a restart, since where it stands is stored with every slice.

use std::collections::BTreeSet;
use std::ops::Bound;

use super::event::{CancelReason, Event, QueueNumber};
use super::refusal::Refusal;
use super::shard::Shard;
use crate::id::JobId;
use crate::job::words;
use crate::limits;
use crate::name::QueueName;
use crate::time::Time;

words! {
    /// What a sweep does.
    SweepKind {
        /// Ends every job in dead-letter as cancelled.
        PurgeDead = "purge_dead" / 1,
        /// Re-drives every job in dead-letter that may be.
        RedriveDead = "redrive_dead" / 2,
    }
}

/// A sweep on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sweep {
    /// What it does.
    pub kind: SweepKind,
    /// When it began: what comes later is none of its business, so it ends.
    pub begun_at: Time,
    /// It has looked at everything up to here.
    pub(super) through: Option<(Time, JobId)>,
}

impl Shard {
    /// The sweep on its way in a queue.
    pub fn sweep(&self, queue: &QueueName) -> Option<Sweep> {
        self.names.get(queue).and_then(|number| self.sweeps.get(number)).copied()
    }

    pub(super) fn decide_sweep(
        &self,
        now: Time,
        queue: &QueueName,
        kind: SweepKind,
    ) -> Result<Vec<Event>, Refusal> {
        let number = *self.names.get(queue).ok_or(Refusal::QueueUnknown)?;
        match self.sweeps.get(&number) {
            Some(sweep) if sweep.kind == kind => Ok(Vec::new()),
            Some(_) => Err(Refusal::SweepRunning),
            None if self.queue_at(number).dead.is_empty() => Ok(Vec::new()),
            None => Ok(vec![Event::SweepBegun { queue: number, kind, at: now }]),
        }
    }

    /// The next slice of the first sweep. Jobs that something else happens to in this turn wait for
    /// the next one.
    pub(super) fn sweep_slice(&self, now: Time, busy: &BTreeSet<JobId>) -> Vec<Event> {
        let Some((queue, sweep)) = self.sweeps.first_key_value() else { return Vec::new() };
        let from = sweep.through.map_or(Bound::Unbounded, Bound::Excluded);
        let slice: Vec<(Time, JobId)> = self
            .queue_at(*queue)
            .dead
            .range((from, Bound::Unbounded))
            .take_while(|(died_at, _)| *died_at <= sweep.begun_at)
            .take(limits::SWEEP_JOBS_PER_TURN_MAX)
            .copied()
            .collect();
        let mut events: Vec<Event> = slice
            .iter()
            .filter(|(_, job)| !busy.contains(job))
            .filter_map(|(_, job)| match sweep.kind {
                SweepKind::PurgeDead => {
                    Some(Event::JobCancelled { job: *job, reason: CancelReason::Purged, at: now })
                }
                SweepKind::RedriveDead => {
                    let may = self.jobs.get(job).is_some_and(|job| job.may_be_redriven());
                    may.then_some(Event::JobRedriven { job: *job, at: now })
                }
            })
            .collect();
        events.push(match slice.last().copied() {
            Some((died_at, job)) => Event::SweepAdvanced { queue: *queue, died_at, job, at: now },
            None => Event::SweepEnded { queue: *queue, at: now },
        });
        events
    }

    pub(super) fn sweep_begun(&mut self, queue: QueueNumber, kind: SweepKind, at: Time) {
        self.sweeps.insert(queue, Sweep { kind, begun_at: at, through: None });
    }

    pub(super) fn sweep_advanced(&mut self, queue: QueueNumber, died_at: Time, job: JobId) {
        if let Some(sweep) = self.sweeps.get_mut(&queue) {
            sweep.through = Some((died_at, job));
        }
    }
}
