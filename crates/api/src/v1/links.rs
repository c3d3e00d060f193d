//! What jobs wait for, as it is sent and shown, and what reaches them of those that they waited for.

use std::borrow::Cow;

use sealane_core::id::JobId;
use sealane_core::job::State;
use sealane_core::queue::{Links, LinksView, OnFailure, ParentEnd};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::problem::Problem;
use crate::wire::{Bytes, Id, Text};

/// What a job waits for, and how far that is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DependenciesOut {
    /// The flow that it was submitted with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub flow: Option<String>,
    /// It runs after all of these.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub after: Vec<DependencyOut>,
    /// It runs after at least one of these.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub after_any: Vec<DependencyOut>,
    /// What happens when one ends otherwise than completed: `fail`, `cancel` or `run`.
    pub on_failure: String,
    /// Those that it still waits for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub blocked_by: Vec<Id>,
    /// Whose end became its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_with: Option<Id>,
}

/// A job that another one waits or waited for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DependencyOut {
    /// Which job.
    pub job_id: Id,
    /// Where it stands, for those who may see it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
}

impl DependenciesOut {
    /// What a job waits for; `state` tells where one of those stands, where the caller may know. It is given what the
    /// job has heard of that one's end, for where nothing else is known of it any more.
    pub fn show(view: &LinksView, state: impl Fn(&JobId, Option<State>) -> Option<State>) -> Self {
        let dependency = |job: &JobId| {
            let heard = view.ended.iter().find(|end| end.job == *job).map(|end| end.state);
            DependencyOut { job_id: Id(*job), state: state(job, heard).map(|state| state.to_string()) }
        };
        Self {
            flow: view.links.flow().map(|flow| flow.to_string()),
            after: view.links.all().iter().map(dependency).collect(),
            after_any: view.links.any().iter().map(dependency).collect(),
            on_failure: view.links.on_failure().to_string(),
            blocked_by: view.blocked_by.iter().copied().map(Id).collect(),
            ended_with: view.lost_to.map(Id),
        }
    }
}

/// A job that ended before this one began, which waited for it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ParentOut {
    /// Which job.
    pub job_id: Id,
    /// The queue that it was sent to: a sealed result is bound to that one.
    pub origin_queue: Text,
    /// The attempt that completed it: a sealed result is bound to that one.
    pub attempt: u32,
    /// How it ended.
    pub state: Cow<'static, str>,
    /// What its worker returned, sealed if the job was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result: Option<Bytes>,
    /// Whether the result has the form of a sealed one.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub sealed: bool,
    /// True where there is a result and the results together are too large to be handed out.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub result_left_out: bool,
}

impl ParentOut {
    /// A job that ended, without its result.
    pub fn show(end: &ParentEnd, origin: &sealane_core::name::QueueName) -> Self {
        Self {
            job_id: Id(end.job),
            origin_queue: origin.into(),
            attempt: end.attempt,
            state: end.state.as_str().into(),
            result: None,
            sealed: false,
            result_left_out: false,
        }
    }

    /// The same with what its worker returned.
    #[must_use]
    pub fn with_result(mut self, result: Bytes) -> Self {
        // Why by its form: whoever opens it decides by his own keys, and refuses what only claims to be plain.
        self.sealed = sealane_core::sealed::Header::parse(&result.0).is_ok();
        self.result = Some(result);
        self
    }
}

impl std::fmt::Debug for ParentOut {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Why: a result is the caller's data.
        f.debug_struct("ParentOut")
            .field("job_id", &self.job_id)
            .field("state", &self.state)
            .finish_non_exhaustive()
    }
}

/// Reads what a job that is sent by itself waits for.
pub(super) fn links(
    after: Vec<Id>,
    after_any: Vec<Id>,
    on_failure: Option<&str>,
) -> Result<Option<Box<Links>>, Problem> {
    let policy = policy(on_failure)?;
    if after.is_empty() && after_any.is_empty() {
        if on_failure.is_some() {
            return Err(Problem::invalid(
                "on_failure says what happens when a job in after or after_any fails: name one there",
            ));
        }
        return Ok(None);
    }
    let ids = |ids: Vec<Id>| ids.into_iter().map(|id| id.0).collect();
    Ok(Some(Box::new(Links::new(None, ids(after), ids(after_any), policy)?)))
}

/// Reads a policy.
pub(super) fn policy(word: Option<&str>) -> Result<OnFailure, Problem> {
    let Some(word) = word else { return Ok(OnFailure::Fail) };
    OnFailure::parse(word).ok_or_else(|| Problem::invalid("on_failure must be one of fail, cancel, run"))
}
