//! Jobs by id, page by page.

use sealane_core::id::JobId;
use sealane_core::job::{JobInput, State};
use sealane_core::limits;
use sealane_core::name::{CorrelationId, Kind, Principal, QueueName, Tag};
use sealane_core::queue::JobView;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::problem::Problem;
use crate::wire::Timestamp;

/// A page of jobs, as wished: those that everything said here is true of, in the order of their ids.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct JobListIn {
    /// In which queue; in all that the caller's key opens where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub queue: Option<String>,
    /// In which state; in any but `completed`, `cancelled` and `expired` where absent. Those are listed for
    /// an hour.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
    /// What sort of job.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// One of its search words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tag: Option<String>,
    /// Who sent it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// What ties it to others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub correlation_id: Option<String>,
    /// At most so many, 1 to 1000; 100 where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max: Option<u32>,
    /// What the page before ended with, as its `next`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
}

/// The same, every part checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobWish {
    /// In which queue.
    pub queue: Option<QueueName>,
    /// In which state.
    pub state: Option<State>,
    /// Who sent it.
    pub owner: Option<Principal>,
    /// How many.
    pub max: usize,
    /// Behind which.
    pub after: Option<JobId>,
    kind: Option<Kind>,
    tag: Option<Tag>,
    correlation_id: Option<CorrelationId>,
}

impl TryFrom<&JobListIn> for JobWish {
    type Error = Problem;

    fn try_from(wish: &JobListIn) -> Result<Self, Problem> {
        let max = usize::try_from(wish.max.unwrap_or(100)).unwrap_or(usize::MAX);
        if !(1..=limits::BATCH_ITEMS_MAX).contains(&max) {
            return Err(Problem::invalid(format!("max must be 1 to {}", limits::BATCH_ITEMS_MAX)));
        }
        let state = |word: &str| {
            State::parse(word).ok_or_else(|| {
                let words: Vec<&str> = State::ALL.iter().map(|state| state.as_str()).collect();
                Problem::invalid(format!("state must be one of {}", words.join(", ")))
            })
        };
        let after = |text: &str| {
            JobId::parse(text).map_err(|_| Problem::invalid("after is the next of the page before"))
        };
        Ok(Self {
            queue: wish.queue.as_deref().map(QueueName::parse).transpose().map_err(Problem::invalid)?,
            state: wish.state.as_deref().map(state).transpose()?,
            owner: wish.owner.as_deref().map(Principal::parse).transpose().map_err(Problem::invalid)?,
            max,
            after: wish.after.as_deref().map(after).transpose()?,
            kind: wish.kind.as_deref().map(Kind::parse).transpose().map_err(Problem::invalid)?,
            tag: wish.tag.as_deref().map(Tag::parse).transpose().map_err(Problem::invalid)?,
            correlation_id: wish
                .correlation_id
                .as_deref()
                .map(CorrelationId::parse)
                .transpose()
                .map_err(Problem::invalid)?,
        })
    }
}

impl JobWish {
    /// How many jobs to look up: more than are wanted where their records choose among them.
    pub const fn candidates(&self) -> usize {
        if self.asks_records() { limits::BATCH_ITEMS_MAX } else { self.max }
    }

    const fn asks_records(&self) -> bool {
        self.kind.is_some() || self.tag.is_some() || self.correlation_id.is_some()
    }

    /// Whether a job's record says what is wanted. One that does not open says nothing.
    pub fn wants(&self, input: Option<&JobInput>) -> bool {
        let Some(input) = input else { return !self.asks_records() };
        self.kind.as_ref().is_none_or(|kind| *kind == input.kind)
            && self.tag.as_ref().is_none_or(|tag| input.tags.contains(tag))
            && (self.correlation_id.is_none() || self.correlation_id == input.correlation_id)
    }
}

/// A job in a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct JobListed {
    /// Its id.
    pub id: String,
    /// Its queue.
    pub queue: String,
    /// Where it stands.
    pub state: String,
    /// What sort of job it is; absent where its record does not open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// How urgent.
    pub priority: String,
    /// The running attempt, or the last one that counted.
    pub attempt: u32,
    /// Who sent it.
    pub owner: String,
    /// When it was accepted.
    pub created_at: Timestamp,
    /// Not before this time.
    pub run_at: Timestamp,
    /// When it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finished_at: Option<Timestamp>,
}

impl JobListed {
    /// A job as it stands.
    pub fn show(view: &JobView, queue: &QueueName, input: Option<&JobInput>) -> Self {
        Self {
            id: view.id.to_string(),
            queue: queue.to_string(),
            state: view.state.to_string(),
            kind: input.map(|input| input.kind.to_string()),
            priority: view.priority.to_string(),
            attempt: view.attempt,
            owner: view.owner.to_string(),
            created_at: Timestamp(view.created_at),
            run_at: Timestamp(view.run_at),
            finished_at: view.finished_at.map(Timestamp),
        }
    }
}

/// A page of jobs. At most 10000 are looked at for one, so that it may hold few or none and still not be
/// the last.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct JobListOut {
    /// The jobs.
    pub jobs: Vec<JobListed>,
    /// What to ask for the page behind this one with; absent on the last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}
