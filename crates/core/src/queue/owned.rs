//! How many unfinished jobs each principal has, so that none fills a namespace alone. Kept with every job
//! that comes and goes, never counted; a principal without any takes no room.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::refusal::Refusal;
use super::shard::Shard;
use crate::limits;
use crate::name::Principal;

/// Unfinished jobs by owner.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Owned {
    jobs: BTreeMap<Arc<Principal>, usize>,
}

impl Owned {
    pub(super) fn of(&self, owner: &Principal) -> usize {
        self.jobs.get(owner).copied().unwrap_or(0)
    }

    pub(super) fn add(&mut self, owner: &Arc<Principal>) {
        match self.jobs.get_mut(owner) {
            Some(jobs) => *jobs += 1,
            None => {
                self.jobs.insert(Arc::clone(owner), 1);
            }
        }
    }

    pub(super) fn remove(&mut self, owner: &Principal) {
        match self.jobs.get_mut(owner) {
            Some(jobs) if *jobs > 1 => *jobs -= 1,
            _ => {
                self.jobs.remove(owner);
            }
        }
    }
}

impl Shard {
    /// Whether there is room for one more job that is not finished: among all, and among those of its
    /// owner. So many others are on their way, so many of them of this owner.
    pub(super) fn takes_job_of(
        &self,
        owner: &Principal,
        ahead: usize,
        ahead_of_owner: usize,
    ) -> Result<(), Refusal> {
        if self.jobs.len() + ahead >= limits::JOBS_MAX {
            return Err(Refusal::TooManyJobs);
        }
        if self.owned.of(owner) + ahead_of_owner >= limits::JOBS_PER_PRINCIPAL_MAX {
            return Err(Refusal::TooManyJobsOfPrincipal);
        }
        Ok(())
    }
}
