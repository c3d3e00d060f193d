//! Bulk work on a queue that goes on by itself: begun by one command, done in slices between other
//! work, and gone on with after a restart, since where it stands is stored with every slice.

use std::collections::BTreeSet;
use std::ops::Bound;

use super::event::{CancelReason, Event, QueueNumber};
use super::refusal::Refusal;
use super::shard::Shard;
use crate::id::JobId;
use crate::job::{State, words};
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
        /// Ends every job that waits in the queue as cancelled.
        PurgeWaiting = "purge_waiting" / 3,
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

    /// How many jobs a sweep of a queue would concern, were it begun now.
    pub fn concerned(&self, queue: &QueueName, kind: SweepKind) -> u64 {
        let Some(number) = self.names.get(queue) else { return 0 };
        let counts = &self.queue_at(*number).counts;
        match kind {
            SweepKind::PurgeDead | SweepKind::RedriveDead => counts.of(State::Dead),
            SweepKind::PurgeWaiting => counts.waiting(),
        }
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
            None if self.concerned(queue, kind) == 0 => Ok(Vec::new()),
            None => Ok(vec![Event::SweepBegun { queue: number, kind, at: now }]),
        }
    }

    /// The next slice of the first sweep. Jobs that something else happens to in this turn are left
    /// alone: they are not what they were when it began.
    pub(super) fn sweep_slice(&self, now: Time, busy: &BTreeSet<JobId>) -> Vec<Event> {
        let Some((queue, sweep)) = self.sweeps.first_key_value() else { return Vec::new() };
        let slice = match sweep.kind {
            SweepKind::PurgeDead | SweepKind::RedriveDead => self.slice_of_dead(*queue, sweep),
            SweepKind::PurgeWaiting => self.slice_of_all(sweep),
        };
        let mut events: Vec<Event> = slice
            .iter()
            .filter(|(_, id)| !busy.contains(id))
            .filter_map(|(_, id)| {
                let job = self.jobs.get(id)?;
                let purged = Event::JobCancelled { job: *id, reason: CancelReason::Purged, at: now };
                match sweep.kind {
                    SweepKind::PurgeDead => Some(purged),
                    SweepKind::RedriveDead => {
                        job.may_be_redriven().then_some(Event::JobRedriven { job: *id, at: now })
                    }
                    SweepKind::PurgeWaiting => {
                        let waits = matches!(job.state(), State::Delayed | State::Ready | State::Retrying);
                        let meant = waits && job.queue == *queue && job.created_at <= sweep.begun_at;
                        meant.then_some(purged)
                    }
                }
            })
            .collect();
        events.push(match slice.last().copied() {
            Some((died_at, job)) => Event::SweepAdvanced { queue: *queue, died_at, job, at: now },
            None => Event::SweepEnded { queue: *queue, at: now },
        });
        events
    }

    fn slice_of_dead(&self, queue: QueueNumber, sweep: &Sweep) -> Vec<(Time, JobId)> {
        let from = sweep.through.map_or(Bound::Unbounded, Bound::Excluded);
        let dead = self.queue_at(queue).dead.range((from, Bound::Unbounded));
        let meant = dead.take_while(|(died_at, _)| *died_at <= sweep.begun_at);
        meant.take(limits::SWEEP_JOBS_PER_TURN_MAX).copied().collect()
    }

    /// Jobs of all queues by id. Why not by queue: an index over what waits would cost every waiting job
    /// its bytes, and a purge is rare; each turn looks at so many jobs and no more.
    fn slice_of_all(&self, sweep: &Sweep) -> Vec<(Time, JobId)> {
        let from = sweep.through.map_or(Bound::Unbounded, |(_, job)| Bound::Excluded(job));
        let jobs = self.jobs.range((from, Bound::Unbounded)).take(limits::SWEEP_JOBS_PER_TURN_MAX);
        jobs.map(|(id, _)| (Time::default(), *id)).collect()
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
