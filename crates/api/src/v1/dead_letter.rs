//! A queue's dead-letter.

use sealane_core::id::JobId;
use sealane_core::limits;
use sealane_core::queue::{DeadFilter, DeadPage, JobView};
use sealane_core::time::Time;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::attempts;
use super::dead_filter::{DeadFilterIn, TokenOf, show_fingerprint};
use crate::problem::Problem;
use crate::wire::{Bytes, Timestamp, some_map_only};

/// A page of dead-letter, as wished.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DeadLetterIn {
    /// Which jobs; all where absent.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "some_map_only")]
    pub filter: Option<DeadFilterIn>,
    /// At most so many jobs, 1 to 1000; 100 where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max: Option<u32>,
    /// What the page before ended with, as its `next`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
}

impl DeadLetterIn {
    /// Which jobs are meant, with `token` standing for texts.
    pub fn filter(&self, token: TokenOf<'_>) -> Result<DeadFilter, Problem> {
        DeadFilterIn::read(self.filter.as_ref(), token)
    }

    /// How many, within their limit.
    pub fn max(&self) -> Result<usize, Problem> {
        read_max(self.max)
    }

    /// Behind which job, where the page before ended with one.
    pub fn after(&self) -> Result<Option<(Time, JobId)>, Problem> {
        read_after(self.after.as_deref())
    }
}

/// Reads how many jobs a page shows.
pub(super) fn read_max(max: Option<u32>) -> Result<usize, Problem> {
    let max = usize::try_from(max.unwrap_or(100)).unwrap_or(usize::MAX);
    if (1..=limits::BATCH_ITEMS_MAX).contains(&max) {
        return Ok(max);
    }
    Err(Problem::invalid(format!("max must be 1 to {}", limits::BATCH_ITEMS_MAX)))
}

/// Reads where the page before ended.
pub(super) fn read_after(after: Option<&str>) -> Result<Option<(Time, JobId)>, Problem> {
    let read = |text: &str| {
        let (ms, id) = text.split_once('.')?;
        Some((Time::from_unix_ms(ms.parse().ok()?), JobId::parse(id).ok()?))
    };
    match after {
        None => Ok(None),
        Some(text) => {
            read(text).map(Some).ok_or_else(|| Problem::invalid("after is the next of the page before"))
        }
    }
}

/// Says where a page ended.
pub(super) fn show_next(next: Option<(Time, JobId)>) -> Option<String> {
    next.map(|(at, id)| format!("{}.{id}", at.unix_ms()))
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
    /// When its last attempt failed, or a job that it waited for ended otherwise than completed.
    pub died_at: Timestamp,
    /// When an attempt of its failed first; absent where none did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_failed_at: Option<Timestamp>,
    /// Who ran its last attempt; absent where a job that it waited for was its end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub worker: Option<String>,
    /// Which of that one's workers, as it calls itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instance: Option<String>,
    /// Which version of its code that worker ran, as it says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code_version: Option<String>,
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
    /// What the worker of the last attempt calls the error.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// Tells equal errors, where that worker said so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fingerprint: Option<Bytes>,
}

impl DeadJob {
    fn show(view: &JobView) -> Self {
        Self {
            id: view.id.to_string(),
            owner: view.owner.to_string(),
            created_at: Timestamp(view.created_at),
            died_at: Timestamp(view.finished_at.expect("a dead job has the time of its last attempt")),
            first_failed_at: view.first_failed_at.map(Timestamp),
            worker: view.dead_by.as_ref().map(|by| by.worker.to_string()),
            instance: view.dead_by.as_ref().and_then(attempts::instance),
            code_version: view.dead_by.as_ref().and_then(attempts::code_version),
            attempt: view.attempt,
            redrives: view.redrives,
            because: view.dead_reason.map(|reason| reason.to_string()),
            code: view.dead_code.as_ref().map(ToString::to_string),
            fingerprint: view.dead_fingerprint.as_ref().map(show_fingerprint),
            category: view.last_failure.map(|failure| failure.category.to_string()),
        }
    }
}

/// A page of dead-letter.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DeadLetterOut {
    /// The jobs, the oldest first.
    pub jobs: Vec<DeadJob>,
    /// How many were looked at: with a filter at most 10000 for one page, which may then hold few.
    #[serde(default)]
    pub looked_at: u64,
    /// Jobs that may be meant by the filter: what kind they are and how they are tagged is not known yet.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub not_known: u64,
    /// What to ask for the page behind this one with; absent on the last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

impl DeadLetterOut {
    /// A page.
    pub fn show(page: &DeadPage) -> Self {
        Self {
            jobs: page.jobs.iter().map(DeadJob::show).collect(),
            looked_at: page.looked_at,
            not_known: page.not_known,
            next: show_next(page.next),
        }
    }
}

/// What bulk work with a filter would be for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DeadPreviewOut {
    /// Jobs that are meant, of those that were looked at.
    pub meant: u64,
    /// Those of them that no re-drive would send through again: they were re-driven as often as they may
    /// be, or their sealed bodies do not open any more.
    pub stuck: u64,
    /// Jobs that may be meant: what kind they are and how they are tagged is not known yet.
    pub not_known: u64,
    /// How many were looked at, at most 10000.
    pub looked_at: u64,
    /// The first of the jobs that are meant.
    pub jobs: Vec<DeadJob>,
    /// What to ask for the rest with; absent where all was looked at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

impl DeadPreviewOut {
    /// What was found.
    pub fn show(page: &DeadPage) -> Self {
        Self {
            meant: page.meant,
            stuck: page.stuck,
            not_known: page.not_known,
            looked_at: page.looked_at,
            jobs: page.jobs.iter().map(DeadJob::show).collect(),
            next: show_next(page.next),
        }
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands over a reference")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}
