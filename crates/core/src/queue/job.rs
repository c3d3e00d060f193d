//! One live job, and how a job looks from outside.

use crate::id::{JobId, LeaseId};
use crate::job::{Category, HoldReason, Priority, State};
use crate::name::Principal;
use crate::queue::event::QueueNumber;
use crate::record::RecordRef;
use crate::time::Time;

/// What a state needs to remember.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    Delayed,
    Ready,
    Running { lease: LeaseId, holder: Principal, until: Time },
    Retrying { until: Time },
    Held { reason: HoldReason },
    Dead { at: Time },
}

/// How the last lease ended: lets a worker repeat a settle whose answer it never got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Settled {
    Completed,
    Failed,
    Released,
    Held,
}

/// The last failed attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Failure {
    /// Which attempt, first = 1.
    pub attempt: u32,
    /// Why, in one word.
    pub category: Category,
    /// When.
    pub at: Time,
    /// The record that carries the error.
    pub record: RecordRef,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Job {
    pub(super) queue: QueueNumber,
    pub(super) owner: Principal,
    pub(super) priority: Priority,
    /// Order inside a priority. Kept through retries, so a job that comes back goes to the front.
    pub(super) sequence: u64,
    pub(super) phase: Phase,
    pub(super) attempt: u32,
    pub(super) max_attempts: u32,
    pub(super) created_at: Time,
    pub(super) run_at: Time,
    pub(super) delayed_at_first: bool,
    pub(super) expires_at: Option<Time>,
    pub(super) digest: [u8; 16],
    pub(super) input: RecordRef,
    pub(super) last_failure: Option<Failure>,
    pub(super) settled: Option<(LeaseId, Settled)>,
}

/// What a job's deadline is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Deadline {
    /// The time to live ends. Before `Due`: a job that expires at the moment it would start is not
    /// started.
    Expiry,
    /// A delayed or retrying job becomes ready.
    Due,
    /// A lease ends.
    LeaseEnd,
}

impl Job {
    pub(super) fn state(&self) -> State {
        match self.phase {
            Phase::Delayed => State::Delayed,
            Phase::Ready => State::Ready,
            Phase::Running { .. } => State::Running,
            Phase::Retrying { .. } => State::Retrying,
            Phase::Held { .. } => State::Held,
            Phase::Dead { .. } => State::Dead,
        }
    }

    /// The deadlines that this job stands in the table with: a function of the job alone, so the
    /// table can be kept by taking a job's entries out before a change and putting them in after.
    pub(super) fn deadlines(&self) -> impl Iterator<Item = (Time, Deadline)> {
        let own = match self.phase {
            Phase::Delayed => Some((self.run_at, Deadline::Due)),
            Phase::Retrying { until } => Some((until, Deadline::Due)),
            Phase::Running { until, .. } => Some((until, Deadline::LeaseEnd)),
            Phase::Ready | Phase::Held { .. } | Phase::Dead { .. } => None,
        };
        let waits = matches!(self.phase, Phase::Delayed | Phase::Ready | Phase::Retrying { .. });
        let expiry = self.expires_at.filter(|_| waits).map(|at| (at, Deadline::Expiry));
        own.into_iter().chain(expiry)
    }

    pub(super) fn is_expired(&self, now: Time) -> bool {
        self.expires_at.is_some_and(|at| at <= now)
    }

    pub(super) fn view(&self, id: JobId) -> JobView {
        let (lease_expires_at, holder) = match &self.phase {
            Phase::Running { until, holder, .. } => (Some(*until), Some(holder.clone())),
            _ => (None, None),
        };
        JobView {
            id,
            queue: self.queue,
            owner: self.owner.clone(),
            priority: self.priority,
            state: self.state(),
            attempt: self.attempt,
            max_attempts: self.max_attempts,
            created_at: self.created_at,
            run_at: self.run_at,
            delayed_at_first: self.delayed_at_first,
            expires_at: self.expires_at,
            lease_expires_at,
            holder,
            finished_at: match self.phase {
                Phase::Dead { at } => Some(at),
                _ => None,
            },
            hold_reason: match self.phase {
                Phase::Held { reason } => Some(reason),
                _ => None,
            },
            input: self.input,
            last_failure: self.last_failure,
            result: None,
        }
    }
}

/// A job as it stands, finished or not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobView {
    /// Which job.
    pub id: JobId,
    /// Its queue.
    pub queue: QueueNumber,
    /// Who sent it.
    pub owner: Principal,
    /// How urgent.
    pub priority: Priority,
    /// Where it stands.
    pub state: State,
    /// The running attempt, or the last one that counted.
    pub attempt: u32,
    /// Attempts before dead-letter.
    pub max_attempts: u32,
    /// When it was accepted.
    pub created_at: Time,
    /// Not before this time.
    pub run_at: Time,
    /// Whether it was accepted as `delayed`, not as `ready`: what a repeated enqueue is answered.
    pub delayed_at_first: bool,
    /// When it is worth nothing any more.
    pub expires_at: Option<Time>,
    /// When the running lease ends.
    pub lease_expires_at: Option<Time>,
    /// Who holds it.
    pub holder: Option<Principal>,
    /// When it ended.
    pub finished_at: Option<Time>,
    /// Why it is held.
    pub hold_reason: Option<HoldReason>,
    /// The record with what the producer supplied.
    pub input: RecordRef,
    /// The last failed attempt.
    pub last_failure: Option<Failure>,
    /// The record of its completion, which may carry a result.
    pub result: Option<RecordRef>,
}
