//! Jobs that wait for a worker: by class, and inside a class in the order they came.

use std::collections::BTreeMap;

use super::job::Job;
use crate::id::JobId;
use crate::job::Priority;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Ready {
    classes: [BTreeMap<u64, JobId>; Priority::ALL.len()],
}

impl Ready {
    pub(super) fn insert(&mut self, id: JobId, job: &Job) {
        self.classes[class(job.priority)].insert(job.sequence, id);
    }

    pub(super) fn remove(&mut self, job: &Job) {
        self.classes[class(job.priority)].remove(&job.sequence);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.classes.iter().all(BTreeMap::is_empty)
    }

    /// In the order of service.
    pub(super) fn iter(&self) -> impl Iterator<Item = &JobId> {
        self.classes.iter().flat_map(BTreeMap::values)
    }
}

fn class(priority: Priority) -> usize {
    usize::from(priority.code())
}
