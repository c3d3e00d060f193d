//! Jobs that are done: readable by id for a while, and what a repeated id is compared with.
//!
//! Bounded by age and by number. An entry may leave before its hour only by number, and then every
//! id as old as its own is refused from there on: forgetting makes the store stricter, never wrong.

use std::collections::{BTreeMap, VecDeque};

use super::job::{JobView, Settled};
use crate::id::{JobId, LeaseId};
use crate::limits;
use crate::time::{Millis, Time};

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct FinishedJob {
    pub(super) view: JobView,
    pub(super) digest: [u8; 16],
    pub(super) settled: Option<(LeaseId, Settled)>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Finished {
    jobs: BTreeMap<JobId, FinishedJob>,
    /// The same jobs, by the time they ended.
    order: VecDeque<(Time, JobId)>,
    /// Ids with a time at or below this one may have been forgotten.
    forgotten_through_ms: u64,
}

impl Finished {
    pub(super) fn get(&self, id: &JobId) -> Option<&FinishedJob> {
        self.jobs.get(id)
    }

    pub(super) fn len(&self) -> usize {
        self.jobs.len()
    }

    /// Whether a job with this id time may have been here and forgotten.
    pub(super) fn may_have_forgotten(&self, id_unix_ms: u64, now: Time) -> bool {
        let hour_ago = now.minus(Millis::new(limits::FINISHED_KEPT_MS)).unix_ms();
        id_unix_ms < hour_ago || (self.forgotten_through_ms > 0 && id_unix_ms <= self.forgotten_through_ms)
    }

    pub(super) fn insert(&mut self, at: Time, job: FinishedJob) {
        let id = job.view.id;
        if self.jobs.insert(id, job).is_none() {
            self.order.push_back((at, id));
        }
        while let Some((finished_at, id)) = self.order.front().copied() {
            let old = finished_at.plus(Millis::new(limits::FINISHED_KEPT_MS)) < at;
            if !old && self.jobs.len() <= limits::FINISHED_JOBS_MAX {
                break;
            }
            self.order.pop_front();
            self.jobs.remove(&id);
            if !old {
                let id_ms = id.unix_ms().unwrap_or(0);
                self.forgotten_through_ms = self.forgotten_through_ms.max(id_ms);
            }
        }
    }
}
