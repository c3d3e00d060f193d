//! Jobs that are done: readable by id for a while, and what a repeated id is compared with.
//!
//! Bounded by age and by number. An entry may leave before its hour only by number, and then every
//! id as old as its own is refused from there on: forgetting makes the store stricter, never wrong.

use std::collections::{BTreeMap, VecDeque};
use std::ops::Bound;

use super::job::{Job, JobView};
use crate::id::JobId;
use crate::limits;
use crate::record::RecordRef;
use crate::time::{Millis, Time};

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct FinishedJob {
    pub(super) job: Box<Job>,
    pub(super) at: Time,
    pub(super) result: Option<RecordRef>,
}

impl FinishedJob {
    pub(super) fn view(&self, id: JobId) -> JobView {
        JobView { finished_at: Some(self.at), result: self.result, ..self.job.view(id) }
    }
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Finished {
    pub(super) jobs: BTreeMap<JobId, FinishedJob>,
    /// The same jobs, by the time they ended. A job that was taken back leaves its entry behind.
    pub(super) order: VecDeque<(Time, JobId)>,
    /// Attempts that they remember.
    pub(super) attempts_kept: usize,
    /// Ids with a time at or below this one may have been forgotten.
    pub(super) forgotten_through_ms: u64,
}

impl Finished {
    pub(super) fn get(&self, id: &JobId) -> Option<&FinishedJob> {
        self.jobs.get(id)
    }

    pub(super) fn get_mut(&mut self, id: &JobId) -> Option<&mut Box<Job>> {
        self.jobs.get_mut(id).map(|finished| &mut finished.job)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &FinishedJob> {
        self.jobs.values()
    }

    /// All of them, for the checks of the tests.
    pub(super) fn all(&self) -> impl Iterator<Item = &FinishedJob> {
        self.jobs.values()
    }

    pub(super) fn len(&self) -> usize {
        self.jobs.len()
    }

    /// How many attempts the jobs remember.
    pub(super) fn attempts_kept(&self) -> usize {
        self.attempts_kept
    }

    /// By id, from behind one.
    pub(super) fn range(&self, from: Bound<JobId>) -> impl Iterator<Item = (&JobId, &FinishedJob)> {
        self.jobs.range((from, Bound::Unbounded))
    }

    /// Whether a job with this id time may have been here and forgotten.
    pub(super) fn may_have_forgotten(&self, id_unix_ms: u64, now: Time) -> bool {
        let hour_ago = now.minus(Millis::new(limits::FINISHED_KEPT_MS)).unix_ms();
        id_unix_ms < hour_ago || (self.forgotten_through_ms > 0 && id_unix_ms <= self.forgotten_through_ms)
    }

    /// Remembers a job, and hands over those that are forgotten for it.
    pub(super) fn insert(&mut self, id: JobId, job: FinishedJob) -> Vec<(JobId, FinishedJob)> {
        let mut forgotten = Vec::new();
        let now = job.at;
        self.attempts_kept += job.job.attempts_kept();
        self.jobs.insert(id, job);
        self.order.push_back((now, id));
        while let Some((at, id)) = self.order.front().copied() {
            let old = at.plus(Millis::new(limits::FINISHED_KEPT_MS)) < now;
            if !old && self.jobs.len() <= limits::FINISHED_JOBS_MAX {
                break;
            }
            self.order.pop_front();
            if self.jobs.get(&id).is_none_or(|job| job.at != at) {
                continue;
            }
            if let Some(gone) = self.jobs.remove(&id) {
                self.attempts_kept -= gone.job.attempts_kept();
                forgotten.push((id, gone));
            }
            if !old {
                let id_ms = id.unix_ms().unwrap_or(0);
                self.forgotten_through_ms = self.forgotten_through_ms.max(id_ms);
            }
        }
        forgotten
    }

    /// Gives a job back to life.
    pub(super) fn take(&mut self, id: &JobId) -> Option<FinishedJob> {
        const SMALL: usize = 64;
        let taken = self.jobs.remove(id)?;
        self.attempts_kept -= taken.job.attempts_kept();
        // What was taken leaves an entry behind; a sweep each time that half of all may be such.
        if self.order.len() > SMALL + 2 * self.jobs.len() {
            let jobs = &self.jobs;
            self.order.retain(|(at, id)| jobs.get(id).is_some_and(|job| job.at == *at));
        }
        Some(taken)
    }
}
