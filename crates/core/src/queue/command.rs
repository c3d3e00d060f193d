//! What can be asked of a namespace's queues. Everything that a rule needs to know stands in the
//! command; ids and random numbers were drawn by whoever made it.

use std::sync::Arc;

use crate::id::{JobId, LeaseId, LockId, ScheduleId};
use crate::job::{Category, HoldReason, JobInput, Priority, State};
use crate::name::{ErrorCode, Principal, QueueName, ScheduleName};
use crate::queue::death::Labels;
use crate::queue::options::JobOptions;
use crate::queue::report::Report;
use crate::queue::runner::Runner;
use crate::queue::schedule::{Firing, ScheduleSettings};
use crate::queue::session::SessionCommand;
use crate::queue::settings::{QueueMode, QueueSettings};
use crate::queue::sweep::SweepWish;
use crate::time::{Millis, Time};
use crate::token::Token;

/// Accept a job.
#[derive(Clone, Copy, Debug)]
pub struct Enqueue<'a> {
    /// Its id.
    pub job: JobId,
    /// Whether the producer chose the id. A sealed body is bound to its job's id, so it must have.
    pub id_given: bool,
    /// Where to.
    pub queue: &'a QueueName,
    /// Who sends.
    pub owner: &'a Principal,
    /// What the producer supplied.
    pub input: &'a JobInput,
    /// How urgent.
    pub priority: Priority,
    /// When the first attempt may begin.
    pub start: Start,
    /// How long the job is worth anything.
    pub ttl: Option<Lifetime>,
    /// Attempts before dead-letter, where not the queue's.
    pub max_attempts: Option<u32>,
    /// What only some jobs are sent with.
    pub options: Option<&'a JobOptions>,
    /// Digest over owner, queue and everything supplied.
    pub digest: [u8; 16],
}

/// When a job's first attempt may begin. What is in the past means at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// So long after the job is accepted.
    After(Millis),
    /// At a time.
    At(Time),
}

/// How long a job is worth anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lifetime {
    /// So long after the job is accepted.
    For(Millis),
    /// Up to a time, which must lie ahead.
    Until(Time),
}

/// Hand out jobs.
#[derive(Clone, Copy, Debug)]
pub struct Lease<'a> {
    /// From which queue.
    pub queue: &'a QueueName,
    /// To whom.
    pub holder: &'a Principal,
    /// What that one says of itself.
    pub runner: Option<&'a Arc<Runner>>,
    /// For how long, where not as the queue says.
    pub lease: Option<Millis>,
    /// One random id for each job wanted: their number is the most that is handed out.
    pub lease_ids: &'a [LeaseId],
}

/// Which attempt of which job is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// The job.
    pub job: JobId,
    /// The attempt, first = 1.
    pub attempt: u32,
    /// The lease of this attempt.
    pub lease: LeaseId,
    /// The hold of the job's session that it was leased under.
    pub lock: Option<LockId>,
}

/// What became of a leased job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Settle {
    /// It is done.
    Complete,
    /// The attempt failed.
    Fail {
        /// Why, in one word.
        category: Category,
        /// What the worker calls the error.
        code: Option<ErrorCode>,
        /// Tells equal errors, where the worker says so.
        fingerprint: Option<Token>,
        /// Wish for the next attempt's time.
        retry_after: Option<Millis>,
        /// Moves the back-off.
        random: u32,
    },
    /// The worker hands it back; the attempt does not count.
    Release {
        /// Wait before the next attempt.
        delay: Millis,
    },
    /// The answer that carried the lease reached nobody; the attempt does not count.
    Undelivered,
    /// Set it aside; the attempt does not count.
    Hold(HoldReason),
}

/// What a person asks of one job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Act {
    /// End it. A running job's worker is told at its next heartbeat.
    Cancel {
        /// End a running job's lease as well, whatever its worker does.
        force: bool,
        /// A dead one as well: that purges it from dead-letter.
        dead: bool,
    },
    /// Set it aside: it waits for a person and for nothing else.
    Hold,
    /// Let it wait in another queue.
    Move {
        /// In which.
        queue: QueueName,
        /// Whether its body is sealed: the queue's policy counts.
        sealed: bool,
    },
    /// Do not wait for its time.
    Promote,
    /// Send an ended job through once more.
    Redrive {
        /// When its sealed body stops to open, as the body says.
        seal_expires: Option<Time>,
    },
    /// Let a held job go on.
    Release,
    /// Make it more or less urgent.
    Reprioritise {
        /// How urgent.
        priority: Priority,
    },
}

/// Make a schedule, or replace what it was told.
#[derive(Clone, Copy)]
pub struct PutSchedule<'a> {
    /// Its id.
    pub id: ScheduleId,
    /// Its name.
    pub name: &'a ScheduleName,
    /// Where its jobs wait.
    pub queue: &'a QueueName,
    /// Who puts it, and owns its jobs.
    pub owner: &'a Principal,
    /// What it is told.
    pub settings: &'a ScheduleSettings,
    /// What each of its jobs carries.
    pub input: &'a JobInput,
    /// Whether a schedule of another owner may not be replaced.
    pub own_only: bool,
    /// Whether who puts it may touch a queue: the one where a schedule of this name sends its jobs so far.
    pub opens: &'a dyn Fn(&QueueName) -> bool,
    /// Digest over owner, queue and everything supplied for the jobs.
    pub digest: [u8; 16],
}

impl std::fmt::Debug for PutSchedule<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PutSchedule").field("id", &self.id).field("name", &self.name).finish_non_exhaustive()
    }
}

/// What else can be done with a schedule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ScheduleAct {
    /// It fires no more until it is resumed.
    Pause,
    /// It fires again, from now on.
    Resume,
}

/// See to a firing.
#[derive(Clone, Copy, Debug)]
pub struct Fire {
    /// Which.
    pub firing: Firing,
    /// The job that it is going to be: [`Firing::job`].
    pub job: JobId,
    /// Whether a person asks for it, out of turn.
    pub asked: bool,
    /// Whether the stored template could be read.
    pub readable: bool,
}

/// What can be asked.
#[derive(Clone, Copy, Debug)]
pub enum Command<'a> {
    /// Create a queue, or replace its settings.
    PutQueue {
        /// Its name.
        queue: &'a QueueName,
        /// Its settings.
        settings: QueueSettings,
    },
    /// Pause a queue, let it drain, or open it.
    SetMode {
        /// Which.
        queue: &'a QueueName,
        /// What it does from now on.
        mode: QueueMode,
    },
    /// Accept a job.
    Enqueue(Enqueue<'a>),
    /// Hand out jobs.
    Lease(Lease<'a>),
    /// Make a lease end later.
    Extend {
        /// Which lease.
        receipt: Receipt,
        /// From now on for how long, where not as the queue says.
        lease: Option<Millis>,
    },
    /// Say what became of a leased job.
    Settle {
        /// Which attempt.
        receipt: Receipt,
        /// What became of it.
        outcome: &'a Settle,
    },
    /// Say how it goes with a leased job.
    Report {
        /// Which attempt.
        receipt: Receipt,
        /// What is said.
        report: Report,
    },
    /// Do something with one job.
    Act {
        /// Which.
        job: JobId,
        /// What.
        act: &'a Act,
    },
    /// Do something with many jobs of a queue, slice by slice.
    Sweep {
        /// Where.
        queue: &'a QueueName,
        /// What.
        wish: &'a SweepWish,
    },
    /// Give up bulk work on a queue's dead or held jobs where it stands.
    StopSweep {
        /// Where.
        queue: &'a QueueName,
        /// Of the jobs of which state.
        of: State,
    },
    /// Say what a dead or held job's record says of it.
    Label {
        /// Which job.
        job: JobId,
        /// What.
        labels: &'a Labels,
    },
    /// Do something with a session.
    Session(SessionCommand<'a>),
    /// Make a schedule, or replace what it was told.
    PutSchedule(PutSchedule<'a>),
    /// Pause or resume a schedule.
    ActOnSchedule {
        /// Which.
        schedule: &'a ScheduleName,
        /// What.
        act: ScheduleAct,
    },
    /// Remove a schedule. Its jobs stay.
    RemoveSchedule {
        /// Which.
        schedule: &'a ScheduleName,
    },
    /// See to a firing.
    Fire(Fire),
    /// The server starts.
    Start,
}
