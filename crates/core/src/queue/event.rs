//! What can happen to a namespace's queues. An event is a fact: it was judged before it was stored,
//! and applying it cannot fail.

use crate::id::{JobId, LeaseId};
use crate::job::{Category, HoldReason, Priority};
use crate::name::{Principal, QueueName};
use crate::queue::settings::QueueSettings;
use crate::time::Time;

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
        settings: QueueSettings,
        /// When.
        at: Time,
    },
    /// A queue's settings were replaced.
    QueueChanged {
        /// Which queue.
        number: QueueNumber,
        /// The settings from now on.
        settings: QueueSettings,
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
        /// What is next.
        next: Next,
        /// When.
        at: Time,
    },
    /// The job was set aside. The attempt does not count.
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
    /// Digest over everything the producer supplied: tells a repeat from a conflict.
    pub digest: [u8; 16],
    /// When.
    pub at: Time,
}

impl Event {
    /// When it happened.
    pub fn at(&self) -> Time {
        match self {
            Self::JobEnqueued(enqueued) => enqueued.at,
            Self::QueueCreated { at, .. }
            | Self::QueueChanged { at, .. }
            | Self::JobDue { at, .. }
            | Self::JobLeased { at, .. }
            | Self::LeaseExtended { at, .. }
            | Self::LeaseExpired { at, .. }
            | Self::JobReleased { at, .. }
            | Self::JobCompleted { at, .. }
            | Self::JobFailed { at, .. }
            | Self::JobHeld { at, .. }
            | Self::JobExpired { at, .. }
            | Self::ServerStarted { at } => *at,
        }
    }
}
