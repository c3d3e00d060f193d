//! What a job waits for, as it was sent: other jobs, and what is to happen when one of them ends
//! otherwise than completed. Knows nothing of how far they are; that is `parents`.

use super::refusal::Refusal;
use crate::id::{FlowId, JobId};
use crate::job::{State, words};
use crate::limits;

words! {
    /// What happens to a job when one that it waits for ends otherwise than completed.
    OnFailure {
        /// It goes to dead-letter. The default: nothing disappears unseen.
        Fail = "fail" / 1,
        /// It is cancelled.
        Cancel = "cancel" / 2,
        /// It runs all the same, as if that one were completed.
        Run = "run" / 3,
    }
}

/// A job's place among others. A job is named at most once, whether in `all` or in `any`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Links {
    flow: Option<FlowId>,
    all: Vec<JobId>,
    any: Vec<JobId>,
    on_failure: OnFailure,
}

impl Links {
    /// A job that runs after all of these and, where there are any, after at least one of those.
    ///
    /// # Errors
    /// When there are too many of them, or one is named twice.
    pub fn new(
        flow: Option<FlowId>,
        mut all: Vec<JobId>,
        mut any: Vec<JobId>,
        on_failure: OnFailure,
    ) -> Result<Self, Refusal> {
        if all.len().saturating_add(any.len()) > limits::FLOW_BREADTH_MAX {
            return Err(Refusal::FlowBreadth);
        }
        // One form only, and found by halving: the order in which jobs are named means nothing.
        all.sort_unstable();
        any.sort_unstable();
        let twice = [&all, &any].into_iter().find_map(|jobs| jobs.windows(2).find(|two| two[0] == two[1]));
        let both = any.iter().find(|job| all.binary_search(job).is_ok());
        if let Some(job) = twice.map(|two| &two[0]).or(both) {
            return Err(Refusal::ParentTwice { job: *job });
        }
        Ok(Self { flow, all, any, on_failure })
    }

    /// The flow that it was sent with.
    pub fn flow(&self) -> Option<FlowId> {
        self.flow
    }

    /// It waits for all of these, ascending.
    pub fn all(&self) -> &[JobId] {
        &self.all
    }

    /// It waits for at least one of these, ascending.
    pub fn any(&self) -> &[JobId] {
        &self.any
    }

    /// What happens when one ends otherwise than completed.
    pub fn on_failure(&self) -> OnFailure {
        self.on_failure
    }

    /// Everything that it waits for.
    pub fn parents(&self) -> impl Iterator<Item = &JobId> {
        self.all.iter().chain(&self.any)
    }

    /// Whether it waits for this one among others of which one is enough.
    pub(super) fn is_any(&self, parent: &JobId) -> bool {
        self.any.binary_search(parent).is_ok()
    }

    /// Whether a parent that ended like this is one less to wait for.
    pub(super) fn is_met_by(&self, state: State) -> bool {
        state == State::Completed || self.on_failure == OnFailure::Run
    }
}
