//! A queue's dead-letter.

use sealane_core::id::JobId;
use sealane_core::limits;
use sealane_core::name::QueueName;
use sealane_core::queue::{JobView, SweepKind};
use sealane_core::time::Time;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::problem::Problem;
use crate::wire::Timestamp;

/// A page of dead-letter, as wished.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DeadLetterIn {
    /// At most so many jobs, 1 to 1000; 100 where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max: Option<u32>,
    /// What the page before ended with, as its `next`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
}

impl DeadLetterIn {
    /// How many, within their limit.
    pub fn max(&self) -> Result<usize, Problem> {
        let max = usize::try_from(self.max.unwrap_or(100)).unwrap_or(usize::MAX);
        if (1..=limits::BATCH_ITEMS_MAX).contains(&max) {
            return Ok(max);
        }
        Err(Problem::invalid(format!("max must be 1 to {}", limits::BATCH_ITEMS_MAX)))
    }

    /// Behind which job, where the page before ended with one.
    pub fn after(&self) -> Result<Option<(Time, JobId)>, Problem> {
        let read = |text: &str| {
            let (ms, id) = text.split_once('.')?;
            Some((Time::from_unix_ms(ms.parse().ok()?), JobId::parse(id).ok()?))
        };
        match self.after.as_deref() {
            None => Ok(None),
            Some(text) => {
                read(text).map(Some).ok_or_else(|| Problem::invalid("after is the next of the page before"))
            }
        }
    }
}

/// One job in dead-letter.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DeadJob {
    /// The job's id.
    pub id: String,
    /// Who sent it.
    pub owner: String,
    /// When it was sent.
    pub created_at: Timestamp,
    /// When its last attempt failed.
    pub died_at: Timestamp,
    /// Attempts of its whole life.
    pub attempt: u32,
    /// How often it was re-driven.
    pub redrives: u32,
    /// Why the last attempt failed, in one word.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub category: Option<String>,
    /// Why it is here: `permanent`, `attempts_used`, `worker_lost`, `run_too_long` or
    /// `parent_ended`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub because: Option<String>,
}

impl DeadJob {
    fn show(view: &JobView) -> Self {
        Self {
            id: view.id.to_string(),
            owner: view.owner.to_string(),
            created_at: Timestamp(view.created_at),
            died_at: Timestamp(view.finished_at.expect("a dead job has the time of its last attempt")),
            attempt: view.attempt,
            redrives: view.redrives,
            because: view.dead_reason.map(|reason| reason.to_string()),
            category: view.last_failure.map(|failure| failure.category.to_string()),
        }
    }
}

/// A page of dead-letter.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DeadLetterOut {
    /// The jobs, the oldest first.
    pub jobs: Vec<DeadJob>,
    /// What to ask for the page behind this one with; absent on the last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

impl DeadLetterOut {
    /// The page of these jobs, the last one if there are fewer than were asked for.
    pub fn show(views: &[JobView], max: usize) -> Self {
        let next = views
            .last()
            .filter(|_| views.len() >= max)
            .and_then(|view| view.finished_at.map(|died_at| format!("{}.{}", died_at.unix_ms(), view.id)));
        Self { jobs: views.iter().map(DeadJob::show).collect(), next }
    }
}

/// Bulk work on a queue. It goes on by itself, also after a restart.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SweepOut {
    /// The queue.
    pub queue: String,
    /// `redrive_dead`, `purge_dead` or `purge_waiting`.
    pub work: String,
    /// Whether it is on its way. False: there was nothing to do.
    pub running: bool,
    /// Jobs that it is for, counted now: all of them as it begins, those left when it is asked for again.
    pub jobs: u64,
}

impl SweepOut {
    /// What became of the wish for bulk work.
    pub fn show(queue: &QueueName, kind: SweepKind, running: bool, jobs: u64) -> Self {
        Self { queue: queue.to_string(), work: kind.to_string(), running, jobs }
    }
}
