//! What is remembered of a job's attempts: the last few, and how each ended.

use std::sync::Arc;

use super::event::CancelReason;
use super::job::{Job, Running};
use super::runner::Runner;
use super::shard::Shard;
use crate::id::JobId;
use crate::job::{Category, words};
use crate::limits;
use crate::name::{ErrorCode, Principal};
use crate::time::Time;

words! {
    /// How an attempt ended.
    AttemptEnd {
        /// The job was done.
        Completed = "completed" / 1,
        /// Its worker said that it failed.
        Failed = "failed" / 2,
        /// Its worker handed the job back; it does not count.
        Released = "released" / 3,
        /// Its worker set the job aside; it does not count.
        Held = "held" / 4,
        /// Its worker went silent until the lease ended.
        Lost = "lost" / 5,
        /// It ran for longer than a run may take.
        Overrun = "overrun" / 6,
        /// The job was cancelled meanwhile.
        Cancelled = "cancelled" / 7,
    }
}

/// Who ran an attempt, and since when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunBy {
    /// Whose worker.
    pub worker: Principal,
    /// What that worker says of itself.
    pub runner: Option<Arc<Runner>>,
    /// When it began.
    pub started_at: Time,
}

/// One attempt that is over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// Its number, first = 1.
    pub number: u32,
    /// Who ran it.
    pub by: RunBy,
    /// When it ended.
    pub ended_at: Time,
    /// How it ended.
    pub end: AttemptEnd,
    /// Why it failed, in one word.
    pub category: Option<Category>,
    /// What its worker calls the error.
    pub code: Option<ErrorCode>,
}

impl Shard {
    /// The attempts of a job that are over, the oldest first: the last few of them.
    pub fn attempts(&self, id: &JobId) -> Vec<Attempt> {
        let finished = self.finished.get(id);
        let Some(job) = self.jobs.get(id).or(finished.map(|finished| &finished.job)) else {
            return Vec::new();
        };
        let Some(past) = &job.past else { return Vec::new() };
        let completed = past.completed_by.clone().zip(finished).map(|(by, finished)| Attempt {
            number: job.attempt,
            by,
            ended_at: finished.at,
            end: AttemptEnd::Completed,
            category: None,
            code: None,
        });
        past.attempts.iter().cloned().chain(completed).collect()
    }
}

impl Shard {
    /// Lets go of a job's oldest attempt where all jobs together remember more than they may.
    pub(super) fn bound_attempts(&mut self, id: &JobId) {
        if self.attempts_kept + self.finished.attempts_kept() > limits::ATTEMPTS_KEPT_MAX {
            self.change(id, Job::forget_attempt);
        }
    }

    /// The same for a job that is no more live and not finished yet.
    pub(super) fn bound_attempts_of(&self, job: &mut Job) {
        let others = self.attempts_kept + self.finished.attempts_kept();
        if others + job.attempts_kept() > limits::ATTEMPTS_KEPT_MAX {
            job.forget_attempt();
        }
    }
}

impl Running {
    /// Who runs it, and since when.
    pub(super) fn by(&self) -> RunBy {
        RunBy { worker: self.holder.clone(), runner: self.runner.clone(), started_at: self.started_at }
    }
}

impl Job {
    /// How many attempts it remembers.
    pub(super) fn attempts_kept(&self) -> usize {
        self.past.as_ref().map_or(0, |past| past.attempts.len())
    }

    fn forget_attempt(&mut self) {
        if let Some(past) = self.past.as_mut().filter(|past| !past.attempts.is_empty()) {
            past.attempts.remove(0);
        }
    }

    /// Remembers how the running attempt ended. Called before its lease is taken away.
    pub(super) fn note_end(
        &mut self,
        at: Time,
        end: AttemptEnd,
        category: Option<Category>,
        code: Option<ErrorCode>,
    ) {
        let Some(running) = self.running() else { return };
        let (number, by) = (self.attempt, running.by());
        let attempts = &mut self.past().attempts;
        if attempts.len() >= limits::ATTEMPTS_REMEMBERED_MAX {
            attempts.remove(0);
        }
        // Why exact: most jobs that fail at all fail once.
        attempts.reserve_exact(1);
        attempts.push(Attempt { number, by, ended_at: at, end, category, code });
    }

    /// How the attempt of a cancelled job ended.
    pub(super) fn note_cancelled(&mut self, at: Time, reason: CancelReason) {
        let category = match reason {
            CancelReason::WorkerReleased | CancelReason::WorkerHeld => None,
            _ => Some(Category::Cancelled),
        };
        self.note_end(at, AttemptEnd::Cancelled, category, None);
    }
}
