//! Bulk work on a queue that goes on by itself: begun by one command, done in slices between other
//! work, and gone on with after a restart, since where it stands is stored with every slice.

use std::collections::BTreeSet;
use std::ops::Bound;

use super::event::{CancelReason, Event, QueueNumber};
use super::job::Job;
use super::refusal::Refusal;
use super::shard::Shard;
use crate::id::JobId;
use crate::job::{State, words};
use crate::limits;
use crate::name::QueueName;
use crate::time::{Millis, Time};

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
    /// When it began: what comes later is none of its business.
    pub begun_at: Time,
    /// It has looked at everything up to here.
    pub(super) through: Option<(Time, JobId)>,
}

impl Sweep {
    /// Whether a job of its queue stands as it did when the sweep began, and is one of those it is for.
    fn concerns(&self, job: &Job) -> bool {
        let meant = match self.kind {
            SweepKind::PurgeDead => job.state() == State::Dead,
            SweepKind::RedriveDead => job.state() == State::Dead && job.may_be_redriven(),
            SweepKind::PurgeWaiting => {
                matches!(job.state(), State::Blocked | State::Delayed | State::Ready | State::Retrying)
            }
        };
        meant && job.here_since() <= self.begun_at
    }
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

    /// Whether there is bulk work on its way.
    pub fn is_sweeping(&self) -> bool {
        !self.sweeps.is_empty()
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
            None => {
                if kind == SweepKind::RedriveDead {
                    self.queue_at(number).has_room()?;
                }
                Ok(vec![Event::SweepBegun { queue: number, kind, at: now }])
            }
        }
    }

    /// The next slice of the sweep whose turn it is. Jobs that something else happens to in this turn
    /// are left alone: they are not what they were when it began.
    pub(super) fn sweep_slice(&self, now: Time, busy: &BTreeSet<JobId>) -> Vec<Event> {
        let Some((queue, sweep)) = self.sweep_in_turn() else { return Vec::new() };
        let slice = match sweep.kind {
            SweepKind::PurgeDead | SweepKind::RedriveDead => self.slice_of_dead(*queue, sweep),
            SweepKind::PurgeWaiting => self.slice_of_all(sweep),
        };
        // Who died before: a job that died of another one follows that one out of dead-letter.
        let mut redriven = BTreeSet::new();
        let meant = slice.iter().filter(|(_, id)| !busy.contains(id)).filter(|(_, id)| {
            let job = self.jobs.get(id).filter(|job| job.queue == *queue && sweep.concerns(job));
            let Some(job) = job else { return false };
            if sweep.kind != SweepKind::RedriveDead {
                return true;
            }
            let may = self.check_parents_again(job, &redriven).is_ok();
            may && redriven.insert(*id)
        });
        let event = |id: &JobId| match sweep.kind {
            SweepKind::RedriveDead => Event::JobRedriven { job: *id, at: now },
            SweepKind::PurgeDead | SweepKind::PurgeWaiting => {
                Event::JobCancelled { job: *id, reason: CancelReason::Purged, at: now }
            }
        };
        let mut events: Vec<Event> = meant.map(|(_, id)| event(id)).collect();
        let room = match sweep.kind {
            SweepKind::RedriveDead => usize::try_from(self.queue_at(*queue).room()).unwrap_or(usize::MAX),
            SweepKind::PurgeDead | SweepKind::PurgeWaiting => usize::MAX,
        };
        // Why it ends there and does not wait: how long the queue stays full is its workers' affair.
        let full = events.len() > room;
        events.truncate(room);
        events.push(match slice.last().copied() {
            Some((died_at, job)) if !full => Event::SweepAdvanced { queue: *queue, died_at, job, at: now },
            _ => Event::SweepEnded { queue: *queue, at: now },
        });
        events
    }

    /// Each sweep has one slice before any has its next.
    fn sweep_in_turn(&self) -> Option<(&QueueNumber, &Sweep)> {
        let behind = self.swept.map_or(Bound::Unbounded, Bound::Excluded);
        let next = self.sweeps.range((behind, Bound::Unbounded)).next();
        next.or_else(|| self.sweeps.first_key_value())
    }

    fn slice_of_dead(&self, queue: QueueNumber, sweep: &Sweep) -> Vec<(Time, JobId)> {
        let from = sweep.through.map_or(Bound::Unbounded, Bound::Excluded);
        let dead = self.queue_at(queue).dead.range((from, Bound::Unbounded));
        let meant = dead.take_while(|(died_at, _)| *died_at <= sweep.begun_at);
        meant.take(limits::SWEEP_JOBS_PER_TURN_MAX).copied().collect()
    }

    /// Jobs of all queues by id. Why not by queue: an index over what waits would cost every waiting job
    /// its bytes, and a purge is rare; each turn looks at so many jobs and no more. It is over behind the
    /// latest id that could have been sent before it began: ids follow their time, so where new jobs
    /// keep coming it would look at them for ever.
    fn slice_of_all(&self, sweep: &Sweep) -> Vec<(Time, JobId)> {
        let through = sweep.through.map(|(_, job)| job);
        let latest = sweep.begun_at.plus(Millis::new(limits::ID_AHEAD_MS)).unix_ms();
        if through.is_some_and(|through| through > JobId::v7(latest, [u8::MAX; 10])) {
            return Vec::new();
        }
        let from = through.map_or(Bound::Unbounded, Bound::Excluded);
        let jobs = self.jobs.range((from, Bound::Unbounded)).take(limits::SWEEP_JOBS_PER_TURN_MAX);
        jobs.map(|(id, _)| (Time::default(), *id)).collect()
    }

    pub(super) fn sweep_begun(&mut self, queue: QueueNumber, kind: SweepKind, at: Time) {
        self.sweeps.insert(queue, Sweep { kind, begun_at: at, through: None });
    }

    pub(super) fn sweep_advanced(&mut self, queue: QueueNumber, died_at: Time, job: JobId) {
        self.swept = Some(queue);
        if let Some(sweep) = self.sweeps.get_mut(&queue) {
            sweep.through = Some((died_at, job));
        }
    }
}
