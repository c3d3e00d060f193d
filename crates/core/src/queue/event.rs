//! What can happen to a namespace's queues. An event is a fact: it was judged before it was stored,
//! and applying it cannot fail.

use std::sync::Arc;

use crate::id::{JobId, LeaseId, LockId, ScheduleId};
use crate::job::{Category, HoldReason, Priority, words};
use crate::name::{ErrorCode, Principal, QueueName, ScheduleName};
use crate::queue::death::Labels;
use crate::queue::keys::IdempotencyKey;
use crate::queue::options::JobOptions;
use crate::queue::report::Report;
use crate::queue::runner::Runner;
use crate::queue::schedule::{ScheduleSettings, SkipReason};
use crate::queue::session::SessionEnd;
use crate::queue::settings::{QueueMode, QueueSettings};
use crate::queue::sweep::SweepWish;
use crate::time::Time;
use crate::token::Token;

/// A queue's number inside its namespace: what events and indexes carry instead of the name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct QueueNumber(pub u32);

/// What happens next to a job whose attempt did not succeed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Dead-letter.
    Dead,
    /// Another attempt, not before this time.
    Retry(Time),
}

/// Why a lease ended without an outcome.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReleaseReason {
    /// The worker handed the job back.
    Returned,
    /// The answer that carried the lease never reached a worker.
    Undelivered,
}

words! {
    /// What the end of a job means for one that waits for it.
    AfterParent {
        /// It waits on: for others.
        Waits = "waits" / 1,
        /// Nothing is left to wait for.
        Runs = "runs" / 2,
        /// It goes to dead-letter.
        Dies = "dies" / 3,
        /// It is cancelled as well.
        Cancelled = "cancelled" / 4,
    }
}

words! {
    /// What ended a job that is not wanted any more.
    CancelReason {
        /// A person, while it waited.
        Asked = "asked" / 1,
        /// A person, against its running worker.
        Forced = "forced" / 2,
        /// A purge of its queue or of dead-letter.
        Purged = "purged" / 3,
        /// Its worker, which was asked to stop, by failing the attempt.
        WorkerFailed = "worker_failed" / 4,
        /// Its worker, which was asked to stop, by handing it back.
        WorkerReleased = "worker_released" / 5,
        /// Its worker, which was asked to stop, by setting it aside.
        WorkerHeld = "worker_held" / 6,
        /// The end of the lease, after its worker was asked to stop.
        LeaseEnded = "lease_ended" / 7,
    }
}

/// A fact about one namespace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A queue was created.
    QueueCreated {
        /// The number it has from now on.
        number: QueueNumber,
        /// Its name.
        queue: QueueName,
        /// Its settings.
        settings: Box<QueueSettings>,
        /// When.
        at: Time,
    },
    /// A queue's settings were replaced.
    QueueChanged {
        /// Which queue.
        number: QueueNumber,
        /// The settings from now on.
        settings: Box<QueueSettings>,
        /// When.
        at: Time,
    },
    /// A job was accepted. The record that stores this event carries what the producer supplied.
    JobEnqueued(JobEnqueued),
    /// A delayed or retrying job's time has come.
    JobDue {
        /// Which job.
        job: JobId,
        /// When.
        at: Time,
    },
    /// A worker holds the job from now on.
    JobLeased {
        /// Which job.
        job: JobId,
        /// The lease.
        lease: LeaseId,
        /// Whose lease.
        holder: Principal,
        /// What the worker says of itself.
        runner: Option<Arc<Runner>>,
        /// The hold of the job's session that it was leased under.
        lock: Option<LockId>,
        /// When it ends unless extended.
        until: Time,
        /// When.
        at: Time,
    },
    /// A lease ends later than it would have.
    LeaseExtended {
        /// Which job.
        job: JobId,
        /// The new end.
        until: Time,
        /// When.
        at: Time,
    },
    /// A lease ended without a word from its worker. The attempt counts.
    LeaseExpired {
        /// Which job.
        job: JobId,
        /// What is next.
        next: Next,
        /// When.
        at: Time,
    },
    /// A lease was handed back. The attempt does not count.
    JobReleased {
        /// Which job.
        job: JobId,
        /// Why.
        reason: ReleaseReason,
        /// Not before this time; at or before `at` means at once.
        run_at: Time,
        /// When.
        at: Time,
    },
    /// A worker said how it goes. The record carries the bytes of what it said.
    JobReported {
        /// Which job.
        job: JobId,
        /// What was said.
        report: Report,
        /// When.
        at: Time,
    },
    /// The job is done. The record carries the result, if any.
    JobCompleted {
        /// Which job.
        job: JobId,
        /// When.
        at: Time,
    },
    /// An attempt failed. The record carries the error, if any.
    JobFailed {
        /// Which job.
        job: JobId,
        /// Why, in one word.
        category: Category,
        /// What the worker calls the error.
        code: Option<ErrorCode>,
        /// Tells equal errors, where the worker said so.
        fingerprint: Option<Token>,
        /// What is next.
        next: Next,
        /// When.
        at: Time,
    },
    /// The job was set aside. An attempt that its worker was at does not count.
    JobHeld {
        /// Which job.
        job: JobId,
        /// Why.
        reason: HoldReason,
        /// When.
        at: Time,
    },
    /// A waiting job's time to live ran out.
    JobExpired {
        /// Which job.
        job: JobId,
        /// When.
        at: Time,
    },
    /// A running job's worker is to stop: it hears so at its next heartbeat.
    JobCancelRequested {
        /// Which job.
        job: JobId,
        /// When.
        at: Time,
    },
    /// A job was ended because it is not wanted any more. The record carries what its worker said, if any.
    JobCancelled {
        /// Which job.
        job: JobId,
        /// What ended it.
        reason: CancelReason,
        /// When.
        at: Time,
    },
    /// A waiting job does not wait for its time any more.
    JobPromoted {
        /// Which job.
        job: JobId,
        /// When.
        at: Time,
    },
    /// An ended job begins anew, behind those that wait: all its attempts, and its time to live once more.
    JobRedriven {
        /// Which job.
        job: JobId,
        /// When.
        at: Time,
    },
    /// A held job goes on.
    HoldReleased {
        /// Which job.
        job: JobId,
        /// When.
        at: Time,
    },
    /// A job is more or less urgent than before.
    JobReprioritised {
        /// Which job.
        job: JobId,
        /// How urgent.
        priority: Priority,
        /// When.
        at: Time,
    },
    /// A job waits in another queue from now on.
    JobMoved {
        /// Which job.
        job: JobId,
        /// Where it waits.
        queue: QueueNumber,
        /// When.
        at: Time,
    },
    /// Another job stood in for one that was sent: it has the same unique key. Noted where the answer
    /// is kept under an idempotency key.
    JobMerged {
        /// Which job stood in.
        job: JobId,
        /// Who sent.
        sender: Principal,
        /// What a repeat is told by.
        key: IdempotencyKey,
        /// When.
        at: Time,
    },
    /// The windows of idempotency keys are over.
    KeysForgotten {
        /// The last one's window was over at this time,
        gone_at: Time,
        /// and it was this one.
        key: Token,
        /// When.
        at: Time,
    },
    /// A queue was paused, drains, or is open again.
    QueueModeChanged {
        /// Which queue.
        queue: QueueNumber,
        /// What it does from now on.
        mode: QueueMode,
        /// When.
        at: Time,
    },
    /// Bulk work on a queue began.
    SweepBegun {
        /// Which queue.
        queue: QueueNumber,
        /// What it is for.
        wish: Box<SweepWish>,
        /// When.
        at: Time,
    },
    /// A slice of bulk work is done.
    SweepAdvanced {
        /// Which queue.
        queue: QueueNumber,
        /// It has looked at jobs that died up to here,
        died_at: Time,
        /// and among those of that moment up to this one.
        job: JobId,
        /// Jobs that it ended or re-drove in this slice.
        jobs: u32,
        /// The next slice does not follow before this time.
        due: Time,
        /// When.
        at: Time,
    },
    /// Bulk work on a queue is over.
    SweepEnded {
        /// Which queue.
        queue: QueueNumber,
        /// When.
        at: Time,
    },
    /// Somebody holds a session from now on. Where it was asked for by name, the record carries the name.
    SessionAccepted {
        /// Of which queue.
        queue: QueueNumber,
        /// Which.
        session: Token,
        /// What the hold is known by.
        lock: LockId,
        /// Who.
        holder: Principal,
        /// When it ends unless renewed.
        until: Time,
        /// When.
        at: Time,
    },
    /// A session is held for longer.
    SessionRenewed {
        /// Of which queue.
        queue: QueueNumber,
        /// Which.
        session: Token,
        /// The new end.
        until: Time,
        /// When.
        at: Time,
    },
    /// Nobody holds a session any more.
    SessionEnded {
        /// Of which queue.
        queue: QueueNumber,
        /// Which.
        session: Token,
        /// What ended the hold.
        end: SessionEnd,
        /// When.
        at: Time,
    },
    /// A session remembers something. The record carries it.
    SessionStateSet {
        /// Of which queue.
        queue: QueueNumber,
        /// Which.
        session: Token,
        /// When.
        at: Time,
    },
    /// A session remembers nothing any more.
    SessionStateCleared {
        /// Of which queue.
        queue: QueueNumber,
        /// Which.
        session: Token,
        /// When.
        at: Time,
    },
    /// A job that another one waits for ended, and that one has heard of it.
    ParentEnded {
        /// Which job waits.
        job: JobId,
        /// Which one ended.
        parent: JobId,
        /// What that means.
        next: AfterParent,
        /// When it heard of it.
        at: Time,
    },
    /// A dead or held job's record was read: what is said in it, the job can be found by from now on.
    DeadLabelled {
        /// Which job.
        job: JobId,
        /// What its record says.
        labels: Box<Labels>,
        /// When.
        at: Time,
    },
    /// A schedule was made, or told something else. The record carries what each of its jobs does.
    SchedulePut(Box<SchedulePut>),
    /// A firing became a job.
    ScheduleFired {
        /// Which schedule.
        schedule: ScheduleId,
        /// When the firing was due.
        due: Time,
        /// The job.
        job: JobId,
        /// When it is due next.
        next: Option<Time>,
        /// When.
        at: Time,
    },
    /// A firing was left out, or a row of them.
    ScheduleSkipped {
        /// Which schedule.
        schedule: ScheduleId,
        /// When the first of them was due.
        due: Time,
        /// Why.
        reason: SkipReason,
        /// When it is due next.
        next: Option<Time>,
        /// When.
        at: Time,
    },
    /// A schedule fires no more until it is resumed.
    SchedulePaused {
        /// Which schedule.
        schedule: ScheduleId,
        /// When.
        at: Time,
    },
    /// A schedule fires again.
    ScheduleResumed {
        /// Which schedule.
        schedule: ScheduleId,
        /// When it is due next.
        next: Option<Time>,
        /// When.
        at: Time,
    },
    /// A schedule is gone.
    ScheduleRemoved {
        /// Which schedule.
        schedule: ScheduleId,
        /// When.
        at: Time,
    },
    /// The server started: leases that were running go on for as long as they had left.
    ServerStarted {
        /// When.
        at: Time,
    },
}

/// What the queue's rules need to know of an accepted job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobEnqueued {
    /// Which job.
    pub job: JobId,
    /// Where it waits.
    pub queue: QueueNumber,
    /// Who sent it.
    pub owner: Principal,
    /// How urgent.
    pub priority: Priority,
    /// Not before this time; at or before `at` means at once.
    pub run_at: Time,
    /// When it is worth nothing any more.
    pub expires_at: Option<Time>,
    /// Attempts before dead-letter.
    pub max_attempts: u32,
    /// What only some jobs are sent with.
    pub options: Option<Box<JobOptions>>,
    /// Digest over everything the producer supplied: tells a repeat from a conflict.
    pub digest: [u8; 16],
    /// When.
    pub at: Time,
}

/// What the rules need to know of a schedule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SchedulePut {
    /// Its id.
    pub schedule: ScheduleId,
    /// Its name.
    pub name: ScheduleName,
    /// Where its jobs wait.
    pub queue: QueueNumber,
    /// Who put it.
    pub owner: Principal,
    /// What it is told.
    pub settings: ScheduleSettings,
    /// Whether its template is sealed.
    pub sealed: bool,
    /// Digest over owner, queue and everything supplied for the jobs.
    pub digest: [u8; 16],
    /// When it is due first from now on.
    pub next: Option<Time>,
    /// When.
    pub at: Time,
}

impl Event {
    /// The job that it is about, where it is about one.
    pub fn job(&self) -> Option<JobId> {
        match self {
            Self::JobEnqueued(enqueued) => Some(enqueued.job),
            Self::JobDue { job, .. }
            | Self::JobLeased { job, .. }
            | Self::LeaseExtended { job, .. }
            | Self::LeaseExpired { job, .. }
            | Self::JobReleased { job, .. }
            | Self::JobCompleted { job, .. }
            | Self::JobFailed { job, .. }
            | Self::JobHeld { job, .. }
            | Self::JobExpired { job, .. }
            | Self::JobCancelRequested { job, .. }
            | Self::JobCancelled { job, .. }
            | Self::JobPromoted { job, .. }
            | Self::JobRedriven { job, .. }
            | Self::HoldReleased { job, .. }
            | Self::JobReprioritised { job, .. }
            | Self::JobMoved { job, .. }
            | Self::ParentEnded { job, .. } => Some(*job),
            _ => None,
        }
    }

    /// The job that this may have ended.
    pub fn may_end(&self) -> Option<&JobId> {
        match self {
            Self::JobCancelled { job, .. }
            | Self::JobCompleted { job, .. }
            | Self::ParentEnded { job, .. }
            | Self::JobExpired { job, .. }
            | Self::JobFailed { job, .. }
            | Self::LeaseExpired { job, .. } => Some(job),
            _ => None,
        }
    }

    /// When it happened.
    pub fn at(&self) -> Time {
        match self {
            Self::JobEnqueued(enqueued) => enqueued.at,
            Self::SchedulePut(put) => put.at,
            Self::QueueCreated { at, .. }
            | Self::QueueChanged { at, .. }
            | Self::JobDue { at, .. }
            | Self::JobLeased { at, .. }
            | Self::LeaseExtended { at, .. }
            | Self::LeaseExpired { at, .. }
            | Self::JobReleased { at, .. }
            | Self::JobReported { at, .. }
            | Self::JobCompleted { at, .. }
            | Self::JobFailed { at, .. }
            | Self::JobHeld { at, .. }
            | Self::JobExpired { at, .. }
            | Self::JobCancelRequested { at, .. }
            | Self::JobCancelled { at, .. }
            | Self::JobPromoted { at, .. }
            | Self::JobRedriven { at, .. }
            | Self::HoldReleased { at, .. }
            | Self::JobReprioritised { at, .. }
            | Self::JobMoved { at, .. }
            | Self::JobMerged { at, .. }
            | Self::KeysForgotten { at, .. }
            | Self::QueueModeChanged { at, .. }
            | Self::SweepBegun { at, .. }
            | Self::SweepAdvanced { at, .. }
            | Self::SweepEnded { at, .. }
            | Self::SessionAccepted { at, .. }
            | Self::SessionEnded { at, .. }
            | Self::SessionRenewed { at, .. }
            | Self::SessionStateCleared { at, .. }
            | Self::SessionStateSet { at, .. }
            | Self::ParentEnded { at, .. }
            | Self::DeadLabelled { at, .. }
            | Self::ScheduleFired { at, .. }
            | Self::ScheduleSkipped { at, .. }
            | Self::SchedulePaused { at, .. }
            | Self::ScheduleResumed { at, .. }
            | Self::ScheduleRemoved { at, .. }
            | Self::ServerStarted { at } => *at,
        }
    }
}
