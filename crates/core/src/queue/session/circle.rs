//! Whether a job may come in at the end of a session's line. There it waits for all who stand in the line;
//! where one of them waits for it in turn, neither would ever run.
//!
//! A job that is new waits for older ones only: those that it names, and those ahead of it. So no circle
//! comes about, until a job that others wait for leaves its place for the end of a line: when it is moved
//! or re-driven.

use std::collections::{BTreeMap, BTreeSet};

use super::index::Key;
use crate::id::JobId;
use crate::limits;
use crate::queue::refusal::Refusal;
use crate::queue::shard::Shard;

impl Shard {
    /// Refuses a place at the end of a line in which somebody waits for this job, by itself or through
    /// others; also where that cannot be seen within the bound.
    pub(in crate::queue) fn may_stand_behind(&self, id: &JobId, line: Option<Key>) -> Result<(), Refusal> {
        let waited_for = || self.waiting.contains_key(id);
        match line.filter(|_| waited_for()) {
            Some(line) if self.may_wait_for(id, line) => Err(Refusal::SessionCircle),
            _ => Ok(()),
        }
    }

    /// Looks through all that cannot run before this job has ended for one that stands in the line.
    fn may_wait_for(&self, id: &JobId, line: Key) -> bool {
        let children = |of: &JobId| self.waiting.get(of).into_iter().flatten().copied();
        let mut open: Vec<JobId> = children(id).take(limits::SESSION_LOOKS_MAX + 1).collect();
        let mut seen: BTreeSet<JobId> = open.iter().copied().collect();
        // Every way from one job to another is a look, whether or not it leads to a new one.
        let mut looks = 0;
        // From where on each line was looked through.
        let mut lines: BTreeMap<Key, u64> = BTreeMap::new();
        while let Some(next) = open.pop() {
            let Some(job) = self.jobs.get(&next) else { continue };
            let mut reached: Vec<JobId> = Vec::new();
            if let Some(its) = self.session_key(job).filter(|_| job.is_in_line()) {
                if its == line {
                    return true;
                }
                let to = lines.get(&its).copied().unwrap_or(u64::MAX);
                if job.sequence < to {
                    lines.insert(its, job.sequence);
                    let behind = (its.0, its.1, job.sequence)..(its.0, its.1, to);
                    let behind = self.sessions.line.range(behind).map(|(_, id)| *id);
                    reached.extend(behind.take(limits::SESSION_LOOKS_MAX + 1));
                }
            }
            for found in reached.into_iter().chain(children(&next)) {
                looks += 1;
                if looks > limits::SESSION_LOOKS_MAX {
                    return true;
                }
                // Why itself is left out: it leaves the place where it stands now.
                if found != *id && seen.insert(found) {
                    open.push(found);
                }
            }
        }
        false
    }
}
