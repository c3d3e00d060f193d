//! Jobs of all queues by id, page by page. An index over what waits would cost every waiting job its
//! bytes, so a page looks at so many jobs and says where to go on, also where it found none.

use std::ops::Bound;

use super::event::QueueNumber;
use super::job::{Job, JobView};
use super::shard::Shard;
use crate::id::JobId;
use crate::job::State;
use crate::limits;
use crate::name::{Principal, QueueName};

/// Which jobs are wanted: those that everything said here is true of.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct JobFilter {
    /// Where they are.
    pub queue: Option<QueueNumber>,
    /// Where they stand. A state that ends a job is looked for among those that ended in the last hour,
    /// any other one, and none, among those that have not.
    pub state: Option<State>,
    /// Who sent them.
    pub owner: Option<Principal>,
}

/// Jobs by id, as far as was looked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct JobPage {
    /// The jobs.
    pub jobs: Vec<JobView>,
    /// How many were looked at.
    pub looked_at: u64,
    /// Where to go on; `None` where all was looked at.
    pub next: Option<JobId>,
}

impl JobFilter {
    fn wants(&self, job: &Job) -> bool {
        self.queue.is_none_or(|queue| queue == job.queue)
            && self.state.is_none_or(|state| state == job.state())
            && self.owner.as_ref().is_none_or(|owner| *owner == *job.owner)
    }
}

impl Shard {
    /// So many jobs from behind `after`, of those that `sees` lets see: by queue, owner and state.
    pub fn jobs_page(
        &self,
        filter: &JobFilter,
        sees: &dyn Fn(&QueueName, &Principal, State) -> bool,
        after: Option<JobId>,
        max: usize,
    ) -> JobPage {
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        let may = |job: &Job| filter.wants(job) && sees(self.queue_name(job.queue), &job.owner, job.state());
        match filter.state {
            Some(State::Completed | State::Cancelled | State::Expired) => {
                let ended = self.finished.range(from);
                page(ended.map(|(id, done)| (*id, may(&done.job).then(|| done.view(*id)))), max)
            }
            _ => {
                let live = self.jobs.range((from, Bound::Unbounded));
                page(live.map(|(id, job)| (*id, may(job).then(|| job.view(*id)))), max)
            }
        }
    }
}

fn page(jobs: impl Iterator<Item = (JobId, Option<JobView>)>, max: usize) -> JobPage {
    let mut found = JobPage::default();
    let mut last = None;
    let mut jobs = jobs;
    while found.looked_at < limits::LOOKED_AT_MAX && found.jobs.len() < max {
        let Some((id, view)) = jobs.next() else { return found };
        found.looked_at += 1;
        found.jobs.extend(view);
        last = Some(id);
    }
    found.next = jobs.next().and(last);
    found
}
