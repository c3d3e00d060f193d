//! What people ask of single jobs.

use sealane_core::job::Priority;
use sealane_core::name::QueueName;
use sealane_core::queue::JobView;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::problem::Problem;

/// How to end a job.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CancelIn {
    /// End a running job's lease at once, whatever its worker does. Otherwise the worker is asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub force: Option<bool>,
}

/// Where a job is to wait.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MoveIn {
    /// The queue. Its sealing policy must take the job.
    pub queue: String,
}

impl MoveIn {
    /// The queue's name.
    pub fn queue(&self) -> Result<QueueName, Problem> {
        QueueName::parse(&self.queue).map_err(Problem::invalid)
    }
}

/// How urgent a job is to be.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReprioritiseIn {
    /// `critical`, `high`, `normal`, `low` or `bulk`.
    pub priority: String,
}

impl ReprioritiseIn {
    /// The priority.
    pub fn priority(&self) -> Result<Priority, Problem> {
        Priority::parse(&self.priority)
            .ok_or_else(|| Problem::invalid("priority must be one of critical, high, normal, low, bulk"))
    }
}

/// Where a job stands after something was done with it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct JobStands {
    /// The job's id.
    pub id: String,
    /// Its queue.
    pub queue: String,
    /// Its state.
    pub state: String,
    /// How urgent.
    pub priority: String,
    /// Whether its worker is asked to stop.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub cancel_requested: bool,
}

impl JobStands {
    /// A job as it stands.
    pub fn show(view: &JobView, queue: &QueueName) -> Self {
        Self {
            id: view.id.to_string(),
            queue: queue.to_string(),
            state: view.state.to_string(),
            priority: view.priority.to_string(),
            cancel_requested: view.cancel_requested,
        }
    }
}
