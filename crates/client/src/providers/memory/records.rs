//! What the machine only refers to: inputs, results and errors, by job.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use sealane_core::id::JobId;
use sealane_core::job::JobInput;
use sealane_core::queue::Shard;

use super::reports::ReportBytes;

/// What was supplied and reported about one job.
pub(super) struct Record {
    pub(super) input: Arc<JobInput>,
    pub(super) result: Option<Vec<u8>>,
    pub(super) error: Option<Vec<u8>>,
    pub(super) reports: ReportBytes,
}

impl Record {
    /// A job that was just sent.
    pub(super) fn of(input: Arc<JobInput>) -> Self {
        Self { input, result: None, error: None, reports: ReportBytes::default() }
    }
}

#[derive(Default)]
pub(super) struct Records {
    jobs: HashMap<JobId, Record>,
}

impl Records {
    pub(super) fn get(&self, id: &JobId) -> Option<&Record> {
        self.jobs.get(id)
    }

    pub(super) fn get_mut(&mut self, id: &JobId) -> Option<&mut Record> {
        self.jobs.get_mut(id)
    }

    pub(super) fn insert(&mut self, id: JobId, record: Record) {
        self.jobs.insert(id, record);
    }

    pub(super) fn ids_in_order(&self) -> Vec<JobId> {
        let mut ids: Vec<JobId> = self.jobs.keys().copied().collect();
        ids.sort_unstable();
        ids
    }

    /// Lets go of what belongs to no job any more: in one sweep each time that half of all
    /// records may have become such.
    pub(super) fn sweep(&mut self, shard: &Shard) {
        const SMALL: usize = 64;
        let known = shard.live_jobs() + shard.finished_jobs();
        if self.jobs.len() > SMALL + 2 * known {
            // What a job waited for is handed out with it, however long ago that ended.
            let live = self.jobs.keys().filter(|id| shard.job(id).is_some_and(|view| view.linked));
            let needed: HashSet<JobId> =
                live.flat_map(|id| shard.ended_parents(id)).map(|end| end.job).collect();
            self.jobs.retain(|id, _| shard.job(id).is_some() || needed.contains(id));
        }
    }
}
