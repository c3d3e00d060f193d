//! What can be asked of one job besides working on it.

use sealane_api::operation::{
    JobCancel, JobHold, JobMove, JobPromote, JobRedrive, JobRelease, JobReprioritise, Operation as _,
};
use sealane_core::job::Priority;
use sealane_core::name::QueueName;

/// What can be asked of one job besides working on it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum JobAct {
    /// End it. A running job's worker is told at its next heartbeat.
    Cancel {
        /// End a running job's lease as well, whatever its worker does.
        force: bool,
    },
    /// Set a waiting job aside until it is released.
    Hold,
    /// Let it wait in another queue. A sealed body stays bound to the queue that it was sent to.
    Move {
        /// In which.
        queue: QueueName,
    },
    /// Do not wait for its time.
    Promote,
    /// Send a dead, cancelled or expired job through once more.
    Redrive,
    /// Let a held job go on.
    Release,
    /// Make it more or less urgent.
    Reprioritise {
        /// How urgent.
        priority: Priority,
    },
}

impl JobAct {
    /// Whether asking twice is the same as asking once, as the list of operations says.
    pub(crate) const fn is_repeatable(&self) -> bool {
        match self {
            Self::Cancel { .. } => JobCancel::REPEATABLE,
            Self::Hold => JobHold::REPEATABLE,
            Self::Move { .. } => JobMove::REPEATABLE,
            Self::Promote => JobPromote::REPEATABLE,
            Self::Redrive => JobRedrive::REPEATABLE,
            Self::Release => JobRelease::REPEATABLE,
            Self::Reprioritise { .. } => JobReprioritise::REPEATABLE,
        }
    }
}
