//! Jobs that wait for a worker, and whose turn it is.
//!
//! First the class: `critical` comes before everything, always. Among the others the more urgent class
//! comes first, but a class that waits lets only so many hand-outs pass: then it is its turn. Time does
//! not come into it, the hand-outs are the clock: nobody ages in a queue that nobody works at.
//!
//! Inside a class the fair keys take turns, one job each: deficit round robin with a quantum of one job,
//! so that nothing is ever left over and no deficit needs keeping. A key that comes goes to the end of
//! the round, and so does one that had its turn. A key whose limit is reached leaves the rounds of all
//! classes, and comes back to their ends when it may go on: nobody looks at it meanwhile. Inside a key it
//! is first in, first out.
//!
//! - `ageing`: turns among classes. `line`: the jobs of one class and key. `pick`: who would be next.
//! - `saved`: all of it that does not follow from the jobs, out and in again.
//! - `keys`: what is kept of a fair key, and which take part in the rounds.

mod ageing;
mod keys;
mod line;
mod pick;
mod saved;

use std::collections::BTreeSet;

use ageing::{CLASSES, Passed};
use keys::Keys;

use super::gate::{Gate, Standing};
use super::job::Job;
use super::run_limit::RunLimit;
use super::settings::QueueSettings;
use crate::id::JobId;
use crate::job::Priority;
use crate::time::Time;
use crate::token::Token;

/// What jobs of one queue are told apart by for fairness; those sent without a key have one together.
pub(super) type FairKey = Option<Token>;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Ready {
    /// Jobs that wait, by class.
    waiting: [usize; CLASSES],
    passed: Passed,
    keys: Keys,
    /// All runs of the queue.
    gate: Gate,
    limit: RunLimit,
}

impl Ready {
    /// Takes notice of a live job, in whatever state: it is of its key, and may be running.
    pub(super) fn enter(&mut self, job: &Job) {
        self.keys.enter(job.fair_key());
        if job.running().is_some() {
            self.gate.begun();
            self.keys.begun(job.fair_key());
        }
    }

    /// Forgets a job as it entered. It does not wait here any more.
    pub(super) fn leave(&mut self, job: &Job, at: Time) {
        if job.running().is_some() {
            self.gate.ended();
            self.keys.ended(job.fair_key(), at);
        }
        self.keys.leave(job.fair_key());
    }

    /// A job that has entered waits for a worker.
    pub(super) fn insert(&mut self, id: JobId, job: &Job, at: Time) {
        self.waiting[class(job.priority)] += 1;
        self.keys.insert(job.fair_key(), class(job.priority), (job.sequence, id), at);
    }

    /// A job does not wait for a worker any more.
    pub(super) fn remove(&mut self, job: &Job) {
        self.waiting[class(job.priority)] -= 1;
        self.keys.remove(job.fair_key(), class(job.priority), job.sequence);
    }

    /// Keeps to other limits from now on. A rate that is another one begins anew.
    pub(super) fn set_limits(&mut self, settings: &QueueSettings, at: Time) {
        if self.limit.rate != settings.limit.rate {
            self.gate.refill();
        }
        self.limit = settings.limit;
        self.keys.set_limit(settings.limit_per_key, at);
    }

    /// A job was handed out, and stands here as running already.
    pub(super) fn served(&mut self, priority: Priority, key: FairKey, at: Time) {
        self.gate.spend(&self.limit, at);
        self.keys.served(key, class(priority), at);
        self.passed.served(class(priority), self.waiting.map(|jobs| jobs > 0));
    }

    /// How many more jobs may start, whatever their keys.
    pub(super) fn room_of_all(&self, now: Time) -> u64 {
        self.gate.room(&self.limit, now)
    }

    /// How many more jobs of a key may start: for whoever takes them without waiting for their turn.
    pub(super) fn room(&self, key: FairKey, now: Time) -> u64 {
        self.gate.room(&self.limit, now).min(self.keys.room(key, now))
    }

    /// A job was handed out that waited for no turn, and stands here as running already: it counts for the
    /// limits.
    pub(super) fn started(&mut self, key: FairKey, at: Time) {
        self.gate.spend(&self.limit, at);
        self.keys.started(key, at);
    }

    /// A job that was handed out reached nobody: as if it had not been started.
    pub(super) fn give_back(&mut self, key: FairKey, at: Time) {
        self.gate.give_back(&self.limit, at);
        self.keys.give_back(key, at);
    }

    /// Forgets what is not needed any more of keys without jobs.
    pub(super) fn forget_keys(&mut self, now: Time) {
        self.keys.forget(now);
    }

    /// Whether a job could be handed out now.
    pub(super) fn has_next(&self, now: Time) -> bool {
        self.opens_at().is_some_and(|at| at <= now)
    }

    /// From when on a job could be handed out, if nothing else happens. `None`: only if something does.
    pub(super) fn opens_at(&self) -> Option<Time> {
        let queue = match self.gate.standing(&self.limit) {
            Standing::Full => return None,
            Standing::Open => Time::default(),
            Standing::Spent(until) => until,
        };
        self.keys.opens_at().map(|keys| keys.max(queue))
    }

    /// Fair keys that something is known of.
    pub(super) fn keys(&self) -> usize {
        self.keys.len()
    }

    /// Whether there is room for jobs of this key, behind those of others that are on their way.
    pub(super) fn takes_key(&self, key: FairKey, ahead: &BTreeSet<FairKey>, now: Time) -> bool {
        self.keys.takes(key, ahead, now)
    }

    /// Whether the same jobs wait and run, whoever's turn it is.
    pub(super) fn same_jobs(&self, other: &Self) -> bool {
        self.waiting == other.waiting
            && self.gate.running() == other.gate.running()
            && self.keys.same_jobs(&other.keys)
    }

    /// Says what in here does not fit together.
    pub(super) fn check(&self) -> Result<(), String> {
        self.keys.check()
    }

    /// So many in the order of service, of those that may be handed out.
    pub(super) fn first(&self, wanted: usize, now: Time, may: impl Fn(&JobId) -> bool) -> Vec<JobId> {
        let room = usize::try_from(self.gate.room(&self.limit, now)).unwrap_or(usize::MAX);
        pick::pick(self, wanted.min(room), now, may)
    }
}

fn class(priority: Priority) -> usize {
    usize::from(priority.code())
}
