//! One job of the model.

use sealane_core::id::{FlowId, JobId, LeaseId, LockId};
use sealane_core::job::{Category, HoldReason, Priority, State};
use sealane_core::name::Principal;
use sealane_core::queue::{AttemptEnd, DeadReason, Firing, Labels, OnFailure, UniqueKey};
use sealane_core::retry::Backoff;
use sealane_core::token::Token;

#[derive(Clone, Debug)]
pub struct Job {
    pub id: JobId,
    pub digest: [u8; 16],
    pub owner: Principal,
    pub queue: usize,
    /// The queue that it was sent to.
    pub origin: usize,
    pub priority: Priority,
    pub state: State,
    /// When a delayed or retrying job becomes ready; when a running one's lease ends; when an ended or dead
    /// one ended.
    pub at: u64,
    /// Not before this time, as it was sent.
    pub run_at: u64,
    pub expires: Option<u64>,
    pub created: u64,
    /// When its time to live began.
    pub begun: u64,
    pub attempt: u32,
    pub before: u32,
    pub max_attempts: u32,
    pub backoff: Option<Backoff>,
    pub redrives: u32,
    /// Which place in the line.
    pub place: u64,
    /// Since when it waits here, or is dead here.
    pub here: u64,
    pub delayed_at_first: bool,
    pub blocked_at_first: bool,
    pub forgotten: bool,
    pub running: Option<Running>,
    pub settled: Option<(LeaseId, &'static str)>,
    pub history: Vec<Ended>,
    pub death: Option<Death>,
    pub held: Option<Hold>,
    /// Where it died and why, each time.
    pub deaths: Vec<(usize, DeadReason)>,
    pub unique: Option<UniqueKey>,
    pub session: Option<Token>,
    pub fair: Option<Token>,
    pub flow: Option<FlowId>,
    pub links: Option<Waits>,
    pub firing: Option<Firing>,
    pub clone_of: Option<JobId>,
    /// Attempt and number of every report.
    pub reports: Vec<(u32, u32)>,
    pub progress: Option<(u32, u32, u8)>,
    /// Attempt, number and bytes.
    pub log: Vec<(u32, u32, u32)>,
    pub log_dropped: u64,
    pub checkpoint: Option<(u32, u32)>,
}

#[derive(Clone, Debug)]
pub struct Running {
    pub lease: LeaseId,
    pub lock: Option<LockId>,
    pub holder: Principal,
    pub started: u64,
    pub run_until: u64,
    pub stopping: bool,
}

/// An attempt that is over.
#[derive(Clone, Debug, PartialEq)]
pub struct Ended {
    pub number: u32,
    pub worker: Principal,
    pub started: u64,
    pub ended: u64,
    pub end: AttemptEnd,
    pub category: Option<Category>,
    pub code: Option<u8>,
}

#[derive(Clone, Debug)]
pub struct Death {
    pub reason: DeadReason,
    pub category: Category,
    pub code: Option<u8>,
    pub like: Option<Token>,
    pub labels: Option<Labels>,
}

/// Why a job is held, and what its record says of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Hold {
    pub reason: HoldReason,
    pub labels: Option<Labels>,
}

/// What a job waits or waited for.
#[derive(Clone, Debug)]
pub struct Waits {
    pub all: Vec<JobId>,
    pub any: Vec<JobId>,
    pub on_failure: OnFailure,
    /// Ends that it has heard of.
    pub heard: Vec<Heard>,
    /// Those that are forgotten, and that it goes without.
    pub without: Vec<JobId>,
    pub lost_to: Option<JobId>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Heard {
    pub job: JobId,
    pub origin: usize,
    pub attempt: u32,
    pub state: State,
}

impl Job {
    pub fn is_finished(&self) -> bool {
        matches!(self.state, State::Completed | State::Cancelled | State::Expired)
    }

    /// Whether it counts for `max_depth`.
    pub fn waits(&self) -> bool {
        matches!(self.state, State::Blocked | State::Delayed | State::Ready | State::Retrying)
    }

    pub fn is_expired(&self, now: u64) -> bool {
        self.expires.is_some_and(|at| at <= now)
    }

    pub fn is_stopping(&self) -> bool {
        self.running.as_ref().is_some_and(|run| run.stopping)
    }

    pub fn lock(&self) -> Option<LockId> {
        self.running.as_ref().and_then(|run| run.lock)
    }

    pub fn attempts_left(&self) -> bool {
        self.attempt - self.before < self.max_attempts
    }

    /// Ends its run, and remembers how.
    pub fn end_run(&mut self, now: u64, end: AttemptEnd, category: Option<Category>, code: Option<u8>) {
        let Some(run) = self.running.take() else { return };
        self.history.push(Ended {
            number: self.attempt,
            worker: run.holder,
            started: run.started,
            ended: now,
            end,
            category,
            code,
        });
    }

    pub fn finish(&mut self, now: u64, state: State) {
        (self.state, self.at) = (state, now);
        (self.running, self.death, self.held) = (None, None, None);
    }

    pub fn hold(&mut self, now: u64, reason: HoldReason) {
        (self.state, self.here) = (State::Held, now);
        self.held = Some(Hold { reason, labels: None });
    }

    pub fn die(&mut self, now: u64, death: Death) {
        (self.state, self.at, self.here) = (State::Dead, now, now);
        self.deaths.push((self.queue, death.reason));
        self.death = Some(death);
    }
}
