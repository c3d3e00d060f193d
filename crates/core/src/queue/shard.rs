//! One namespace: its queues, its live jobs and the indexes over them.
//!
//! Indexes are functions of the jobs. [`Shard::change`] is the only way to touch a live job: it takes
//! the job's entries out of every index, lets the change happen, and puts the new entries in. The job
//! itself stays where it is.

use std::collections::{BTreeMap, BTreeSet};

use super::dead_letter::{DeadLetter, Deaths};
use super::event::QueueNumber;
use super::finished::Finished;
use super::held::Held;
use super::job::{Deadline, Job, JobView, Phase};
use super::keys::Keys;
use super::owned::Owned;
use super::parents::ParentEnd;
use super::ready::Ready;
use super::report::Logs;
use super::runner::Runner;
use super::schedule::Schedules;
use super::session::{SessionCounts, Sessions};
use super::settings::{QueueMode, QueueSettings};
use super::shared::Shared;
use super::sweep::{Sweep, Sweeps};
use crate::id::{FlowId, JobId};
use crate::job::State;
use crate::name::{Principal, QueueName};
use crate::time::Time;
use crate::token::Token;

/// Jobs of a queue by state. Kept with every change, never counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct QueueCounts {
    counts: [u64; 7],
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

    /// Jobs that have not ended for good: dead ones count.
    pub fn unfinished(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// Jobs that wait: for other jobs, for their time, for a worker, or for their next attempt.
    pub fn waiting(&self) -> u64 {
        [State::Blocked, State::Delayed, State::Ready, State::Retrying]
            .into_iter()
            .map(|state| self.of(state))
            .sum()
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
        State::Blocked => 6,
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
    pub(super) dead: DeadLetter,
    pub(super) held: Held,
    /// Who has which unique key.
    pub(super) unique: BTreeMap<Token, JobId>,
    pub(super) died: Deaths,
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
    /// Its sessions.
    pub sessions: SessionCounts,
    /// Its jobs' deaths.
    pub deaths: Deaths,
    /// Bulk work on its way.
    pub work: Option<Sweep>,
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
    pub(super) owned: Owned,
    /// Bulk work that goes on by itself, one slice a turn.
    pub(super) sweeps: Sweeps,
    /// Dead and held jobs whose record nobody has read yet.
    pub(super) unlabelled: BTreeSet<JobId>,
    /// Attempts that live jobs remember.
    pub(super) attempts_kept: usize,
    pub(super) deadlines: Deadlines,
    pub(super) sessions: Sessions,
    pub(super) finished: Finished,
    pub(super) logs: Logs,
    pub(super) keys: Keys,
    /// Who waits, by whom they wait for.
    pub(super) waiting: BTreeMap<JobId, BTreeSet<JobId>>,
    /// Jobs that ended and have not been heard of by everybody who waits for them.
    pub(super) ends: BTreeMap<JobId, ParentEnd>,
    /// Jobs that others wait for or waited for, as often as they are named.
    pub(super) links_kept: usize,
    /// Jobs of flows, live or remembered.
    pub(super) flows: BTreeSet<(FlowId, JobId)>,
    pub(super) schedules: Schedules,
    /// Senders, each once.
    pub(super) owners: Shared<Principal>,
    /// Workers as they call themselves, each once.
    pub(super) runners: Shared<Runner>,
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
        self.names.get(name).map(|number| self.view(*number))
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
        self.names.values().map(|number| self.view(*number))
    }

    /// The time of the latest event.
    pub fn last_at(&self) -> Time {
        self.last_at
    }

    /// All queues, the oldest first: the place of each stays the same whatever queues are made.
    pub fn queues_by_age(&self) -> impl Iterator<Item = QueueView> {
        let mut numbers: Vec<QueueNumber> = self.names.values().copied().collect();
        numbers.sort_unstable();
        numbers.into_iter().map(|number| self.view(number))
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

    /// When something happens by itself next.
    pub fn next_deadline(&self) -> Option<Time> {
        let deadline = self.deadlines.first().map(|(at, _, _)| *at);
        let firing = self.schedules.first_due().map(|(due, _)| due);
        let keys = self.keys.next_deadline();
        // What follows from a job's end is due at once.
        let at_once = (!self.ends.is_empty()).then(Time::default);
        let holds = self.sessions.next_end();
        [deadline, firing, keys, self.sweeps.next_turn(), holds, at_once].into_iter().flatten().min()
    }

    fn view(&self, number: QueueNumber) -> QueueView {
        let queue = self.queue_at(number);
        QueueView {
            name: queue.name.clone(),
            settings: queue.settings,
            mode: queue.mode,
            created_at: queue.created_at,
            counts: queue.counts,
            sessions: self.session_counts(number),
            deaths: queue.died.clone(),
            fair_keys: queue.ready.keys(),
            opens_at: queue.ready.opens_at().filter(|at| *at > Time::default()),
            work: self.sweeps.of(number).cloned(),
        }
    }

    pub(super) fn queue_at(&self, number: QueueNumber) -> &Queue {
        self.queues.get(index(number)).expect("queue numbers come from events, which created the queue first")
    }

    pub(super) fn queue_at_mut(&mut self, number: QueueNumber) -> &mut Queue {
        queue_in(&mut self.queues, number)
    }

    /// Puts a new job under all indexes.
    pub(super) fn insert(&mut self, id: JobId, job: Box<Job>) {
        self.indexes().0.add(id, &job);
        self.owned.add(&job.owner);
        let in_session = job.session().is_some();
        self.jobs.insert(id, job);
        if in_session {
            self.enter_session(&id);
        }
    }

    /// Takes a job out from under all indexes.
    pub(super) fn remove(&mut self, id: &JobId) -> Option<Box<Job>> {
        let session = self.jobs.get(id).and_then(|job| self.session_key(job));
        if let Some(key) = session {
            self.withdraw_job(key, id);
        }
        let (mut indexes, jobs) = self.indexes();
        let job = jobs.remove(id)?;
        indexes.remove(*id, &job);
        self.owned.remove(&job.owner);
        if let Some(key) = session {
            self.sessions.leave(key, &job);
            self.offer(key);
        }
        Some(job)
    }

    /// Changes a job and keeps the indexes in step.
    pub(super) fn change(&mut self, id: &JobId, change: impl FnOnce(&mut Job)) {
        match self.jobs.get(id).is_some_and(|job| job.session().is_some()) {
            true => self.change_in_session(id, change),
            false => self.change_alone(id, change),
        }
    }

    /// The same for the job alone, whatever its session.
    pub(super) fn change_alone(&mut self, id: &JobId, change: impl FnOnce(&mut Job)) {
        let (mut indexes, jobs) = self.indexes();
        if let Some(job) = jobs.get_mut(id) {
            indexes.remove(*id, job);
            change(job);
            indexes.add(*id, job);
        }
    }

    pub(super) fn indexes(&mut self) -> (Indexes<'_>, &mut BTreeMap<JobId, Box<Job>>) {
        let at = self.sessions.at;
        let Self { deadlines, queues, unlabelled, attempts_kept, jobs, .. } = self;
        (Indexes { deadlines, queues, unlabelled, attempts_kept, at }, jobs)
    }
}

type Deadlines = BTreeSet<(Time, Deadline, JobId)>;

/// Everything that is a function of the live jobs.
pub(super) struct Indexes<'a> {
    deadlines: &'a mut Deadlines,
    queues: &'a mut [Queue],
    unlabelled: &'a mut BTreeSet<JobId>,
    attempts_kept: &'a mut usize,
    /// The time of the event that changes them.
    at: Time,
}

impl Indexes<'_> {
    fn add(&mut self, id: JobId, job: &Job) {
        self.add_out_of_line(id, job);
        let queue = queue_in(self.queues, job.queue);
        if job.phase == Phase::Ready && !queue.keeps_session_of(job) {
            queue.ready.insert(id, job, self.at);
        }
    }

    /// The same but for its place among those that wait for a worker.
    pub(super) fn add_out_of_line(&mut self, id: JobId, job: &Job) {
        self.deadlines.extend(job.deadlines().map(|(at, what)| (at, what, id)));
        *self.attempts_kept += job.attempts_kept();
        let queue = queue_in(self.queues, job.queue);
        queue.counts.add(job.state());
        if let Some(key) = job.unique_key() {
            queue.unique.insert(key, id);
        }
        queue.ready.enter(job);
        match &job.phase {
            Phase::Dead(death) => queue.dead.insert(id, death),
            Phase::Held { .. } => {
                queue.held.insert((job.here_since(), id));
            }
            _ => {}
        }
        if job.lacks_labels() {
            self.unlabelled.insert(id);
        }
    }

    fn remove(&mut self, id: JobId, job: &Job) {
        for (at, what) in job.deadlines() {
            self.deadlines.remove(&(at, what, id));
        }
        *self.attempts_kept -= job.attempts_kept();
        let queue = queue_in(self.queues, job.queue);
        queue.counts.remove(job.state());
        if let Some(key) = job.unique_key() {
            queue.unique.remove(&key);
        }
        match &job.phase {
            Phase::Ready if !queue.keeps_session_of(job) => queue.ready.remove(job),
            Phase::Dead(death) => queue.dead.remove(id, death),
            Phase::Held { .. } => {
                queue.held.remove(&(job.here_since(), id));
            }
            _ => {}
        }
        if job.lacks_labels() {
            self.unlabelled.remove(&id);
        }
        queue.ready.leave(job, self.at);
    }
}

pub(super) fn queue_in(queues: &mut [Queue], number: QueueNumber) -> &mut Queue {
    queues.get_mut(index(number)).expect("queue numbers come from events, which created the queue first")
}

impl Queue {
    /// Whether it is the line of its session that says when a job is handed out.
    pub(super) fn keeps_session_of(&self, job: &Job) -> bool {
        self.settings.sessions.are_kept() && job.session().is_some()
    }
}

fn index(number: QueueNumber) -> usize {
    usize::try_from(number.0).expect("a usize holds a u32 on every supported machine")
}
