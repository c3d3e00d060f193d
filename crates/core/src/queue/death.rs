//! What is known of a dead job's end: why, how, and by which words it is found again.
//!
//! The labels are a caller's texts and stand here as tokens only. Whoever can read the job's record
//! makes them once, after the job has died or was held, so that the many that never are pay nothing for them.

use super::attempt::{AttemptEnd, RunBy};
use super::event::Event;
use super::job::{Job, Phase};
use super::shard::Shard;
use crate::id::JobId;
use crate::job::{Category, words};
use crate::limits;
use crate::name::ErrorCode;
use crate::record::RecordRef;
use crate::time::Time;
use crate::token::Token;

words! {
    /// Why a job is in dead-letter.
    DeadReason {
        /// Its worker said that it will never go better.
        Permanent = "permanent" / 1,
        /// All attempts failed.
        AttemptsUsed = "attempts_used" / 2,
        /// The worker of the last attempt went silent: the job may be what kills workers.
        WorkerLost = "worker_lost" / 3,
        /// The last attempt ran for longer than a run may take.
        RunTooLong = "run_too_long" / 4,
        /// A job that it waited for ended otherwise than completed.
        ParentEnded = "parent_ended" / 5,
    }
}

impl DeadReason {
    /// Of a job whose last attempt ended like this.
    pub(super) fn after(end: AttemptEnd, category: Category) -> Self {
        match (end, category) {
            (AttemptEnd::Lost, _) => Self::WorkerLost,
            (AttemptEnd::Overrun, _) => Self::RunTooLong,
            (_, Category::Permanent) => Self::Permanent,
            _ => Self::AttemptsUsed,
        }
    }
}

/// How a job ended in dead-letter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Death {
    /// When.
    pub at: Time,
    /// Why it is there.
    pub reason: DeadReason,
    /// Why the last attempt failed, in one word; `cancelled` where none was needed to end it.
    pub category: Category,
    /// What its worker calls the error.
    pub code: Option<ErrorCode>,
    /// Who ran its last attempt; nobody where it died without one.
    pub by: Option<RunBy>,
    /// Tells equal errors, where its worker said so.
    pub fingerprint: Option<Token>,
    /// What its record says of it; `None` until somebody has read that.
    pub labels: Option<Labels>,
}

/// What a dead or held job's record says of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Labels {
    /// What sort of job it is; `None` where the record does not open.
    pub kind: Option<Token>,
    /// Its search words.
    pub tags: Vec<Token>,
    /// When its sealed body stops to open.
    pub seal_expires: Option<Time>,
}

impl Shard {
    /// Dead and held jobs whose record nobody has read yet, with where it is: so many at most.
    pub fn unlabelled(&self, max: usize) -> Vec<(JobId, RecordRef)> {
        let jobs = self.unlabelled.iter().take(max);
        jobs.filter_map(|id| self.jobs.get(id).map(|job| (*id, job.view(*id).input))).collect()
    }

    /// Whether there are any.
    pub fn has_unlabelled(&self) -> bool {
        !self.unlabelled.is_empty()
    }

    /// A job that is neither dead nor held any more needs no labels, and one that has some keeps them.
    pub(super) fn decide_label(&self, now: Time, job: JobId, labels: &Labels) -> Vec<Event> {
        if !self.unlabelled.contains(&job) {
            return Vec::new();
        }
        let mut labels = labels.clone();
        labels.tags.truncate(limits::TAGS_MAX);
        vec![Event::DeadLabelled { job, labels: Box::new(labels), at: now }]
    }
}

impl Job {
    pub(super) fn death(&self) -> Option<&Death> {
        match &self.phase {
            Phase::Dead(death) => Some(death),
            _ => None,
        }
    }

    /// Whether it is one that is found by its labels, and nobody has read them yet.
    pub(super) fn lacks_labels(&self) -> bool {
        match &self.phase {
            Phase::Dead(death) => death.labels.is_none(),
            Phase::Held { labels, .. } => labels.is_none(),
            _ => false,
        }
    }

    /// Whether its record says of its body that no worker would open it.
    pub(super) fn is_seal_expired(&self, now: Time) -> bool {
        let labels = self.death().and_then(|death| death.labels.as_ref());
        labels.and_then(|labels| labels.seal_expires).is_some_and(|end| end <= now)
    }
}
