//! One job: what every one has, and in boxes what only some have.

use std::sync::Arc;

use crate::id::{JobId, LeaseId, LockId};
use crate::job::{Category, HoldReason, Priority, State, words};
use crate::name::{ErrorCode, Principal, QueueName};
use crate::queue::attempt::{Attempt, RunBy};
use crate::queue::death::{DeadReason, Death, Labels};
use crate::queue::event::QueueNumber;
use crate::queue::live_options::LiveOptions;
use crate::queue::parents::Parents;
use crate::queue::ready::FairKey;
use crate::queue::report::{Reported, Reports};
use crate::queue::runner::Runner;
use crate::queue::schedule::Firing;
use crate::queue::transitions::{self, Cause};
use crate::record::RecordRef;
use crate::retry::Backoff;
use crate::time::Time;
use crate::token::Token;

/// What a state needs to remember.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Nothing: what it waits for stands among its links.
    Blocked,
    /// Nothing: its time is the job's own.
    Delayed,
    /// Nothing.
    Ready,
    /// Its lease.
    Running(Box<Running>),
    /// When the next attempt may begin.
    Retrying {
        /// Not before this time.
        until: Time,
    },
    /// Why it was set aside.
    Held {
        /// In one word.
        reason: HoldReason,
        /// What its record says of it, once somebody has read that.
        labels: Option<Box<Labels>>,
    },
    /// How it died.
    Dead(Box<Death>),
    /// How it ended for good.
    Ended(Ended),
}

/// The lease of a running job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Running {
    /// The lease.
    pub lease: LeaseId,
    /// Whose.
    pub holder: Principal,
    /// What that one says of itself.
    pub runner: Option<Arc<Runner>>,
    /// The hold of the job's session that it was leased under.
    pub lock: Option<LockId>,
    /// When it ends unless extended.
    pub until: Time,
    /// When the attempt began.
    pub started_at: Time,
    /// No heartbeat makes the run longer than this.
    pub run_until: Time,
    /// Somebody wants it to stop: no further attempt follows, however this one ends.
    pub cancel_requested: bool,
}

words! {
    /// How a job ended for good.
    Ended {
        /// It was not wanted any more.
        Cancelled = "cancelled" / 1,
        /// It was done.
        Completed = "completed" / 2,
        /// Its time to live ran out.
        Expired = "expired" / 3,
    }
}

words! {
    /// How the last lease ended: lets a worker repeat a settle whose answer it never got.
    Settled {
        /// The job was done.
        Completed = "completed" / 1,
        /// The attempt failed.
        Failed = "failed" / 2,
        /// The job was handed back.
        Released = "released" / 3,
        /// The job was set aside.
        Held = "held" / 4,
    }
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
    /// The record that may carry the error; `None` where no worker said anything.
    pub record: Option<RecordRef>,
}

/// One job. A million of them wait at once, so the widths are chosen by what a value can be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Job {
    pub(super) queue: QueueNumber,
    /// Shared by the jobs of one sender.
    pub(super) owner: Arc<Principal>,
    pub(super) priority: Priority,
    /// Order inside a priority. Kept through retries, so a job that comes back goes to the front.
    pub(super) sequence: u64,
    pub(super) phase: Phase,
    /// Attempts of its whole life that count, the running one included. Never goes back to a number
    /// that was reported under: sealed results and errors are bound to it.
    pub(super) attempt: u32,
    /// Attempts that it may have since it was sent or re-driven.
    pub(super) max_attempts: u16,
    pub(super) created_at: Time,
    pub(super) run_at: Time,
    pub(super) delayed_at_first: bool,
    pub(super) expires: Expiry,
    pub(super) digest: [u8; 16],
    pub(super) input_lsn: u64,
    pub(super) input_bytes: u32,
    /// Most jobs have none.
    pub(super) options: Option<Box<LiveOptions>>,
    /// Most jobs have none: it begins with the first lease that ended.
    pub(super) past: Option<Box<Past>>,
}

/// When a job is worth nothing any more: a time, or the end of all time for never.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Expiry(u64);

impl Expiry {
    pub(super) fn at(time: Option<Time>) -> Self {
        Self(time.map_or(u64::MAX, Time::unix_ms))
    }

    pub(super) fn time(self) -> Option<Time> {
        (self.0 < u64::MAX).then_some(Time::from_unix_ms(self.0))
    }
}

/// What happened to a job besides waiting.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Past {
    pub(super) last_failure: Option<Failure>,
    /// When an attempt of its failed first, kept when that attempt is forgotten.
    pub(super) first_failed_at: Option<Time>,
    pub(super) settled: Option<(LeaseId, Settled)>,
    pub(super) redrives: u32,
    pub(super) redriven_at: Option<Time>,
    /// Attempts used up before the last re-drive.
    pub(super) attempts_before: u32,
    /// The queue that it was sent to, where it was moved: a sealed body is bound to that one.
    pub(super) origin: Option<QueueName>,
    /// Since when it waits, is held or dead, where that is not since it was sent: it came back from a worker,
    /// was held, released, re-driven, or moved here.
    pub(super) here_since: Option<Time>,
    /// The last few that did not complete the job.
    pub(super) attempts: Vec<Attempt>,
    /// What its workers reported while they ran it.
    pub(super) reports: Option<Box<Reports>>,
    /// Who completed it.
    pub(super) completed_by: Option<RunBy>,
    /// What it waits or waited for, where that is anything.
    pub(super) parents: Option<Box<Parents>>,
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
        match &self.phase {
            Phase::Blocked => State::Blocked,
            Phase::Delayed => State::Delayed,
            Phase::Ready => State::Ready,
            Phase::Running(_) => State::Running,
            Phase::Retrying { .. } => State::Retrying,
            Phase::Held { .. } => State::Held,
            Phase::Dead(_) => State::Dead,
            Phase::Ended(Ended::Cancelled) => State::Cancelled,
            Phase::Ended(Ended::Completed) => State::Completed,
            Phase::Ended(Ended::Expired) => State::Expired,
        }
    }

    /// Enters another state, by the table.
    pub(super) fn enter(&mut self, cause: Cause, phase: Phase) {
        let (from, allowed) = (self.state(), transitions::after(Some(self.state()), cause));
        self.phase = phase;
        debug_assert_eq!(allowed, Some(self.state()), "{from} and then {cause:?} is not in the table");
    }

    pub(super) fn past(&mut self) -> &mut Past {
        self.past.get_or_insert_default()
    }

    /// What it takes its turns under.
    pub(super) fn fair_key(&self) -> FairKey {
        self.options.as_ref().and_then(|options| options.fair_key())
    }

    pub(super) fn running(&self) -> Option<&Running> {
        match &self.phase {
            Phase::Running(running) => Some(running),
            _ => None,
        }
    }

    pub(super) fn running_mut(&mut self) -> Option<&mut Running> {
        match &mut self.phase {
            Phase::Running(running) => Some(running),
            _ => None,
        }
    }

    pub(super) fn lease(&self) -> Option<LeaseId> {
        self.running().map(|running| running.lease)
    }

    pub(super) fn settled(&self) -> Option<(LeaseId, Settled)> {
        self.past.as_ref().and_then(|past| past.settled)
    }

    pub(super) fn is_cancel_requested(&self) -> bool {
        self.running().is_some_and(|running| running.cancel_requested)
    }

    /// The attempt's number since the job was sent or re-driven, first = 1.
    pub(super) fn attempt_of_round(&self) -> u32 {
        self.attempt.saturating_sub(self.past.as_ref().map_or(0, |past| past.attempts_before))
    }

    pub(super) fn has_attempts_left(&self) -> bool {
        self.attempt_of_round() < u32::from(self.max_attempts)
    }

    /// The deadlines that this job stands in the table with: a function of the job alone, so the
    /// table can be kept by taking a job's entries out before a change and putting them in after.
    pub(super) fn deadlines(&self) -> impl Iterator<Item = (Time, Deadline)> + use<> {
        let own = match &self.phase {
            Phase::Delayed => Some((self.run_at, Deadline::Due)),
            Phase::Retrying { until } => Some((*until, Deadline::Due)),
            Phase::Running(running) => Some((running.until, Deadline::LeaseEnd)),
            Phase::Blocked | Phase::Ready | Phase::Held { .. } | Phase::Dead(_) | Phase::Ended(_) => None,
        };
        let waits =
            matches!(self.phase, Phase::Blocked | Phase::Delayed | Phase::Ready | Phase::Retrying { .. });
        let expiry = self.expires.time().filter(|_| waits).map(|at| (at, Deadline::Expiry));
        own.into_iter().chain(expiry)
    }

    /// What it is the only one with in its queue.
    pub(super) fn unique_key(&self) -> Option<Token> {
        self.options.as_ref().and_then(|options| options.unique())
    }

    /// Since when it waits in its queue, or is held or dead there.
    pub(super) fn here_since(&self) -> Time {
        self.past.as_ref().and_then(|past| past.here_since).unwrap_or(self.created_at)
    }

    pub(super) fn is_expired(&self, now: Time) -> bool {
        self.expires.time().is_some_and(|at| at <= now)
    }

    pub(super) fn view(&self, id: JobId) -> JobView {
        let past = self.past.as_deref();
        JobView {
            id,
            queue: self.queue,
            origin: past.and_then(|past| past.origin.clone()),
            owner: Principal::clone(&self.owner),
            priority: self.priority,
            state: self.state(),
            attempt: self.attempt,
            max_attempts: u32::from(self.max_attempts),
            redrives: past.map_or(0, |past| past.redrives),
            created_at: self.created_at,
            run_at: self.run_at,
            delayed_at_first: self.delayed_at_first,
            linked: self.links().is_some(),
            blocked_at_first: self.parents().is_some_and(|parents| parents.blocked_at_first),
            expires_at: self.expires.time(),
            lease_expires_at: self.running().map(|running| running.until),
            holder: self.running().map(|running| running.holder.clone()),
            cancel_requested: self.is_cancel_requested(),
            finished_at: self.death().map(|death| death.at),
            hold_reason: match self.phase {
                Phase::Held { reason, .. } => Some(reason),
                _ => None,
            },
            input: RecordRef { lsn: self.input_lsn, bytes: self.input_bytes },
            last_failure: past.and_then(|past| past.last_failure),
            first_failed_at: past.and_then(|past| past.first_failed_at),
            dead_reason: self.death().map(|death| death.reason),
            dead_by: self.death().and_then(|death| death.by.clone()),
            dead_code: self.death().and_then(|death| death.code.clone()),
            dead_fingerprint: self.death().and_then(|death| death.fingerprint),
            reported: self.reported(),
            firing: self.options.as_ref().and_then(|options| options.firing()),
            clone_of: self.options.as_ref().and_then(|options| options.clone_of()),
            backoff: self.options.as_ref().and_then(|options| options.backoff()),
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
    /// The queue that it was sent to, where it was moved since: a sealed body is bound to that one.
    pub origin: Option<QueueName>,
    /// Who sent it.
    pub owner: Principal,
    /// How urgent.
    pub priority: Priority,
    /// Where it stands.
    pub state: State,
    /// The running attempt, or the last one that counted, over the whole life of the job.
    pub attempt: u32,
    /// Attempts that it may have since it was sent or re-driven.
    pub max_attempts: u32,
    /// How often it was re-driven.
    pub redrives: u32,
    /// When it was accepted.
    pub created_at: Time,
    /// Not before this time.
    pub run_at: Time,
    /// Whether it was accepted as `delayed`, not as `ready`: what a repeated enqueue is answered.
    pub delayed_at_first: bool,
    /// Whether it has a place among other jobs: it waits for some, or is of a flow.
    pub linked: bool,
    /// Whether it was accepted as `blocked`.
    pub blocked_at_first: bool,
    /// When it is worth nothing any more.
    pub expires_at: Option<Time>,
    /// When the running lease ends.
    pub lease_expires_at: Option<Time>,
    /// Who holds it.
    pub holder: Option<Principal>,
    /// Whether its worker is asked to stop.
    pub cancel_requested: bool,
    /// When it ended.
    pub finished_at: Option<Time>,
    /// Why it is held.
    pub hold_reason: Option<HoldReason>,
    /// The record with what the producer supplied.
    pub input: RecordRef,
    /// The last failed attempt.
    pub last_failure: Option<Failure>,
    /// When an attempt of its failed first.
    pub first_failed_at: Option<Time>,
    /// Why it is in dead-letter.
    pub dead_reason: Option<DeadReason>,
    /// Who ran a dead job's last attempt.
    pub dead_by: Option<RunBy>,
    /// What its workers reported while they ran it.
    pub reported: Reported,
    /// What the worker of a dead job's last attempt calls the error.
    pub dead_code: Option<ErrorCode>,
    /// Tells a dead job's error from others.
    pub dead_fingerprint: Option<Token>,
    /// The firing of a schedule that it is.
    pub firing: Option<Firing>,
    /// The job that it repeats.
    pub clone_of: Option<JobId>,
    /// How long to wait between attempts, where not as the queue says.
    pub backoff: Option<Backoff>,
    /// The record of its completion, which may carry a result.
    pub result: Option<RecordRef>,
}

#[cfg(test)]
mod tests {
    // A million jobs wait in 200 MB at most: the job itself here, and two index entries of about 45 bytes each.
    #[test]
    fn a_waiting_job_is_small() {
        let bytes = size_of::<super::Job>();
        assert!(bytes <= 112, "{bytes} bytes: what only some jobs have belongs into a box");
    }
}
