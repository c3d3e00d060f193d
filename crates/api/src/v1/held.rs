//! A queue's held jobs: which are meant, a look at them, and letting them go on.

use sealane_core::id::JobId;
use sealane_core::job::HoldReason;
use sealane_core::name::{Kind, Principal, Tag};
use sealane_core::queue::{HeldFilter, HeldPage, JobView, SweepWish};
use sealane_core::time::Time;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::bulk::read_rate;
use super::dead_filter::{KIND_FIELD, TAG_FIELD, TokenOf};
use super::dead_letter::{read_after, read_max, show_next};
use crate::problem::Problem;
use crate::wire::{Timestamp, some_map_only};

/// Which held jobs are meant: those that everything said here is true of.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct HeldFilterIn {
    /// Why it is held: `unopenable`, `unreadable` or `quarantined`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// What sort of job it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// One of its search words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tag: Option<String>,
    /// Who sent it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// It is held in this queue since this time or later (RFC 3339),
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held_from: Option<Timestamp>,
    /// and since before this one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held_before: Option<Timestamp>,
}

impl HeldFilterIn {
    /// The filter, with `token` standing for texts that the queues must not know.
    fn read(filter: Option<&Self>, token: TokenOf<'_>) -> Result<HeldFilter, Problem> {
        let Some(filter) = filter else { return Ok(HeldFilter::default()) };
        let Self { reason, kind, tag, owner, held_from, held_before } = filter;
        if held_from.zip(*held_before).is_some_and(|(from, before)| from.0 >= before.0) {
            return Err(Problem::invalid("held_from must be before held_before"));
        }
        let kind = kind.as_deref().map(Kind::parse).transpose().map_err(Problem::invalid)?;
        let tag = tag.as_deref().map(Tag::parse).transpose().map_err(Problem::invalid)?;
        Ok(HeldFilter {
            reason: reason.as_deref().map(read_reason).transpose()?,
            kind: kind.map(|kind| token(KIND_FIELD, kind.as_str())),
            tag: tag.map(|tag| token(TAG_FIELD, tag.as_str())),
            owner: owner.as_deref().map(Principal::parse).transpose().map_err(Problem::invalid)?,
            held_from: held_from.map(|at| at.0),
            held_before: held_before.map(|at| at.0),
        })
    }
}

fn read_reason(word: &str) -> Result<HoldReason, Problem> {
    HoldReason::parse(word)
        .ok_or_else(|| Problem::invalid("reason must be one of unopenable, unreadable, quarantined"))
}

/// Which held jobs to let go on, and how fast; all of them at once where nothing is said.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct HeldReleaseIn {
    /// Which jobs; all where absent.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "some_map_only")]
    pub filter: Option<HeldFilterIn>,
    /// At most so many in a second, 1 to 100000; as fast as it goes where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate: Option<u32>,
}

impl HeldReleaseIn {
    /// What is wished for, with `token` standing for texts.
    pub fn wish(&self, token: TokenOf<'_>) -> Result<SweepWish, Problem> {
        let rate = read_rate(self.rate)?;
        Ok(SweepWish::ReleaseHeld { filter: HeldFilterIn::read(self.filter.as_ref(), token)?, rate })
    }
}

/// A look at held jobs, as wished.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct HeldPreviewIn {
    /// Which jobs; all where absent.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "some_map_only")]
    pub filter: Option<HeldFilterIn>,
    /// Show at most so many jobs, 1 to 1000; 100 where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max: Option<u32>,
    /// What the look before ended with, as its `next`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
}

impl HeldPreviewIn {
    /// Which jobs are meant, with `token` standing for texts.
    pub fn filter(&self, token: TokenOf<'_>) -> Result<HeldFilter, Problem> {
        HeldFilterIn::read(self.filter.as_ref(), token)
    }

    /// How many, within their limit.
    pub fn max(&self) -> Result<usize, Problem> {
        read_max(self.max)
    }

    /// Behind which job, where the look before ended with one.
    pub fn after(&self) -> Result<Option<(Time, JobId)>, Problem> {
        read_after(self.after.as_deref())
    }
}

/// One held job.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct HeldJob {
    /// The job's id.
    pub id: String,
    /// Who sent it.
    pub owner: String,
    /// When it was sent.
    pub created_at: Timestamp,
    /// Since when it is held in this queue.
    pub held_since: Timestamp,
    /// Why: `unopenable`, `unreadable` or `quarantined`.
    pub reason: String,
    /// Attempts of its whole life.
    pub attempt: u32,
}

impl HeldJob {
    fn show((since, view): &(Time, JobView)) -> Self {
        Self {
            id: view.id.to_string(),
            owner: view.owner.to_string(),
            created_at: Timestamp(view.created_at),
            held_since: Timestamp(*since),
            reason: view.hold_reason.expect("a held job has its reason").to_string(),
            attempt: view.attempt,
        }
    }
}

/// What letting held jobs go on would be for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct HeldPreviewOut {
    /// Jobs that are meant, of those that were looked at.
    pub meant: u64,
    /// Jobs that may be meant: what kind they are and how they are tagged is not known yet.
    pub not_known: u64,
    /// How many were looked at, at most 10000.
    pub looked_at: u64,
    /// The first of the jobs that are meant, those held for longest first.
    pub jobs: Vec<HeldJob>,
    /// What to ask for the rest with; absent where all was looked at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

impl HeldPreviewOut {
    /// What was found.
    pub fn show(page: &HeldPage) -> Self {
        Self {
            meant: page.meant,
            not_known: page.not_known,
            looked_at: page.looked_at,
            jobs: page.jobs.iter().map(HeldJob::show).collect(),
            next: show_next(page.next),
        }
    }
}
