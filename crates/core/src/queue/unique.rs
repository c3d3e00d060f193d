//! Unique jobs: of those with one key in one queue, one is on its way at a time.
//!
//! On its way is every job that has not ended: a dead or held one keeps its key until a person decides,
//! since it can go on at any time. `completed`, `cancelled` and `expired` give the key back, and whoever
//! is re-driven from there must find it free. The key counts in the queue where its job waits, whoever
//! sent it: a job that is moved takes it along.

use super::event::QueueNumber;
use super::refusal::Refusal;
use super::shard::Shard;
use crate::id::JobId;
use crate::job::words;
use crate::token::Token;

words! {
    /// What becomes of a job whose unique key another one has.
    OnConflict {
        /// It is refused.
        Refuse = "refuse" / 1,
        /// The other one stands in for it.
        Merge = "merge" / 2,
    }
}

/// Of the jobs with one key in one queue, one is on its way at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UniqueKey {
    /// Stands for the key.
    pub key: Token,
    /// What becomes of a job whose key another one has.
    pub on_conflict: OnConflict,
}

impl Shard {
    /// The job that has this key in a queue.
    pub(super) fn unique_holder(&self, queue: QueueNumber, key: &Token) -> Option<JobId> {
        self.queue_at(queue).unique.get(key).copied()
    }

    /// Refuses a job to come to a queue where another one has its key.
    pub(super) fn may_be_unique(&self, queue: QueueNumber, key: Option<Token>) -> Result<(), Refusal> {
        let holder = key.and_then(|key| self.unique_holder(queue, &key));
        holder.map_or(Ok(()), |by| Err(self.unique_taken(by)))
    }

    pub(super) fn unique_taken(&self, by: JobId) -> Refusal {
        let owner = self.jobs.get(&by).map(|job| (*job.owner).clone());
        Refusal::UniqueTaken { by, owner }
    }
}
