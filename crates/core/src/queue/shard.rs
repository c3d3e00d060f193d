//! One namespace: its queues, its live jobs and the indexes over them.
//!
//! Indexes are functions of the jobs. [`Shard::change`] is the only way to touch a live job: it takes
//! the job's entries out of every index, lets the change happen, and puts the new entries in. The job
//! itself stays where it is.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::sync::Arc;

use super::event::QueueNumber;
use super::finished::Finished;
use super::job::{Deadline, Job, JobView, Phase};
use super::ready::Ready;
use super::report::Logs;
use super::schedule::Schedules;
use super::settings::{QueueMode, QueueSettings};
use super::sweep::Sweep;
use crate::id::JobId;
use crate::job::State;
use crate::name::{Principal, QueueName};
use crate::time::Time;

/// Jobs of a queue by state. Kept with every change, never counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct QueueCounts {
    counts: [u64; 6],
    /// Jobs completed since the journal began.
    pub completed: u64,
    /// Jobs that expired and were not re-driven since.
    pub expired: u64,
    /// Jobs that were cancelled and not re-driven since.
    pub cancelled: u64,
}

impl QueueCounts {
    /// Live jobs in a state; ended ones since the beginning.
    pub fn of(&self, state: State) -> u64 {
        match state {
            State::Completed => self.completed,
            State::Expired => self.expired,
            State::Cancelled => self.cancelled,
            live => self.counts[slot(live)],
        }
    }

    /// Jobs that wait: for their time, for a worker, or for their next attempt.
    pub fn waiting(&self) -> u64 {
        [State::Delayed, State::Ready, State::Retrying].into_iter().map(|state| self.of(state)).sum()
    }

    pub(super) fn add(&mut self, state: State) {
        *self.of_mut(state) += 1;
    }

    pub(super) fn remove(&mut self, state: State) {
        *self.of_mut(state) -= 1;
    }

    fn of_mut(&mut self, state: State) -> &mut u64 {
        match state {
            State::Completed => &mut self.completed,
            State::Expired => &mut self.expired,
            State::Cancelled => &mut self.cancelled,
            live => &mut self.counts[slot(live)],
        }
    }
}

fn slot(state: State) -> usize {
    match state {
        State::Delayed => 0,
        State::Ready => 1,
        State::Running => 2,
        State::Retrying => 3,
        State::Held => 4,
        State::Dead => 5,
        State::Cancelled | State::Completed | State::Expired => {
            unreachable!("finished jobs are not among the live ones")
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Queue {
    pub(super) name: QueueName,
    pub(super) settings: QueueSettings,
    pub(super) mode: QueueMode,
    pub(super) created_at: Time,
    pub(super) ready: Ready,
    /// Dead-letter, the oldest first.
    pub(super) dead: BTreeSet<(Time, JobId)>,
    pub(super) counts: QueueCounts,
}

/// A queue as it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueueView {
    /// Its name.
    pub name: QueueName,
    /// Its settings.
    pub settings: QueueSettings,
    /// What it does besides.
    pub mode: QueueMode,
    /// When it was created.
    pub created_at: Time,
    /// Its jobs by state.
    pub counts: QueueCounts,
    /// Fair keys that it knows of: those with jobs that have not ended, and those whose rate is not full
    /// again.
    pub fair_keys: usize,
    /// From when on the rates let the next job be handed out, where one is ready and waits for them.
    pub opens_at: Option<Time>,
}

/// One namespace.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Shard {
    pub(super) names: BTreeMap<QueueName, QueueNumber>,
    /// By number: numbers are given in order and queues are never renamed or removed.
    pub(super) queues: Vec<Queue>,
    // Why a box: a change of the map moves a pointer, and half-filled nodes waste pointers only.
    pub(super) jobs: BTreeMap<JobId, Box<Job>>,
    /// Bulk work that goes on by itself, one slice a turn.
    pub(super) sweeps: BTreeMap<QueueNumber, Sweep>,
    /// The queue whose sweep had the last slice.
    pub(super) swept: Option<QueueNumber>,
    pub(super) deadlines: Deadlines,
    pub(super) finished: Finished,
    pub(super) logs: Logs,
    pub(super) schedules: Schedules,
    /// Senders, each once.
    pub(super) owners: BTreeSet<Arc<Principal>>,
    pub(super) next_sequence: u64,
    /// Time of the last event: what leases are measured against when the server starts again.
    pub(super) last_at: Time,
}

impl Shard {
    /// A job, live or still remembered.
    pub fn job(&self, id: &JobId) -> Option<JobView> {
        self.jobs.get(id).map(|job| job.view(*id)).or_else(|| self.finished.get(id).map(|job| job.view(*id)))
    }

    /// A queue by name.
    pub fn queue(&self, name: &QueueName) -> Option<QueueView> {
        self.names.get(name).map(|number| self.queue_at(*number).view())
    }

    /// A queue's number.
    pub fn queue_number(&self, name: &QueueName) -> Option<QueueNumber> {
        self.names.get(name).copied()
    }

    /// A queue's name.
    pub fn queue_name(&self, number: QueueNumber) -> &QueueName {
        &self.queue_at(number).name
    }

    /// All queues by name.
    pub fn queues(&self) -> impl Iterator<Item = QueueView> {
        self.names.values().map(|number| self.queue_at(*number).view())
    }

    /// How many jobs are not finished.
    pub fn live_jobs(&self) -> usize {
        self.jobs.len()
    }

    /// How many finished jobs are still readable.
    pub fn finished_jobs(&self) -> usize {
        self.finished.len()
    }

    /// Whether a queue has a job that could be leased now.
    pub fn has_ready(&self, number: QueueNumber, now: Time) -> bool {
        let queue = self.queue_at(number);
        queue.mode != QueueMode::Paused && queue.ready.has_next(now)
    }

    /// From when on a queue has a job that could be leased, if nothing else happens until then. `None`:
    /// only if something does. For whoever waits for work: nothing happens by itself at that time.
    pub fn opens_at(&self, number: QueueNumber) -> Option<Time> {
        let queue = self.queue_at(number);
        if queue.mode == QueueMode::Paused { None } else { queue.ready.opens_at() }
    }

    /// Jobs in a queue's dead-letter, the oldest first, from behind `after`.
    pub fn dead_jobs(
        &self,
        number: QueueNumber,
        after: Option<(Time, JobId)>,
        max: usize,
    ) -> impl Iterator<Item = JobView> {
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        let dead = self.queue_at(number).dead.range((from, Bound::Unbounded)).take(max);
        dead.filter_map(|(_, id)| self.jobs.get(id).map(|job| job.view(*id)))
    }

    /// When something happens by itself next.
    pub fn next_deadline(&self) -> Option<Time> {
        let deadline = self.deadlines.first().map(|(at, _, _)| *at);
        let firing = self.schedules.first_due().map(|(due, _)| due);
        let deadline = deadline.into_iter().chain(firing).min();
        // A sweep is due at once, until it is over.
        if self.sweeps.is_empty() { deadline } else { Some(Time::default()) }
    }

    pub(super) fn queue_at(&self, number: QueueNumber) -> &Queue {
        self.queues.get(index(number)).expect("queue numbers come from events, which created the queue first")
    }

    pub(super) fn queue_at_mut(&mut self, number: QueueNumber) -> &mut Queue {
        queue_in(&mut self.queues, number)
    }

    /// Puts a new job under all indexes.
    pub(super) fn insert(&mut self, id: JobId, job: Box<Job>) {
        index_job(&mut self.deadlines, &mut self.queues, id, &job);
        self.jobs.insert(id, job);
    }

    /// Takes a job out from under all indexes.
    pub(super) fn remove(&mut self, id: &JobId) -> Option<Box<Job>> {
        let job = self.jobs.remove(id)?;
        unindex_job(&mut self.deadlines, &mut self.queues, *id, &job);
        Some(job)
    }

    /// Changes a job and keeps the indexes in step.
    pub(super) fn change(&mut self, id: &JobId, change: impl FnOnce(&mut Job)) {
        if let Some(job) = self.jobs.get_mut(id) {
            unindex_job(&mut self.deadlines, &mut self.queues, *id, job);
            change(job);
            index_job(&mut self.deadlines, &mut self.queues, *id, job);
        }
    }
}

type Deadlines = BTreeSet<(Time, Deadline, JobId)>;

fn index_job(deadlines: &mut Deadlines, queues: &mut [Queue], id: JobId, job: &Job) {
    deadlines.extend(job.deadlines().map(|(at, what)| (at, what, id)));
    let queue = queue_in(queues, job.queue);
    queue.counts.add(job.state());
    queue.ready.enter(job);
    match job.phase {
        Phase::Ready => queue.ready.insert(id, job),
        Phase::Dead { at } => {
            queue.dead.insert((at, id));
        }
        _ => {}
    }
}

fn unindex_job(deadlines: &mut Deadlines, queues: &mut [Queue], id: JobId, job: &Job) {
    for (at, what) in job.deadlines() {
        deadlines.remove(&(at, what, id));
    }
    let queue = queue_in(queues, job.queue);
    queue.counts.remove(job.state());
    match job.phase {
        Phase::Ready => queue.ready.remove(job),
        Phase::Dead { at } => {
            queue.dead.remove(&(at, id));
        }
        _ => {}
    }
    queue.ready.leave(job);
}

fn queue_in(queues: &mut [Queue], number: QueueNumber) -> &mut Queue {
    queues.get_mut(index(number)).expect("queue numbers come from events, which created the queue first")
}

impl Queue {
    fn view(&self) -> QueueView {
        QueueView {
            name: self.name.clone(),
            settings: self.settings,
            mode: self.mode,
            created_at: self.created_at,
            counts: self.counts,
            fair_keys: self.ready.keys(),
            opens_at: self.ready.opens_at().filter(|at| *at > Time::default()),
        }
    }
}

fn index(number: QueueNumber) -> usize {
    usize::try_from(number.0).expect("a usize holds a u32 on every supported machine")
}
