//! Jobs by id, page by page.

use sealane_api::operation::{JobList, Operation as _};
use sealane_api::problem::Problem;
use sealane_api::v1::{JobListOut, JobListed, JobWish};
use sealane_core::limits;
use sealane_core::queue::JobFilter;

use crate::authz::role::{Reach, reach};
use crate::authz::{Authorized, Standing, sees};
use crate::boundary::{Door, Handle};

impl Handle<JobList> for Door {
    async fn handle(&self, asked: Authorized<JobList>) -> Result<JobListOut, Problem> {
        let (JobList { page }, key) = asked.into_parts();
        let mut wish = JobWish::try_from(&page)?;
        if reach(key.role, JobList::PERMISSION) == Reach::Own {
            let own = key.principal.clone();
            // Why no refusal: of others' jobs there are none to be seen.
            if wish.owner.replace(own).is_some_and(|owner| owner != key.principal) {
                return Ok(JobListOut::default());
            }
        }
        let (namespace, asked) = (self.namespace.clone(), wish.clone());
        let found = self
            .engine
            .read(move |machine| {
                let shard = machine.shard(&namespace);
                let queue = match &asked.queue {
                    None => None,
                    Some(name) => Some(shard.queue_number(name).filter(|_| key.opens(name))?),
                };
                let may_see = |queue: &_, owner: &_, state| sees(&key, Standing { owner, queue, state });
                let filter = JobFilter { queue, state: asked.state, owner: asked.owner.clone() };
                let page = shard.jobs_page(&filter, &may_see, asked.after, asked.candidates());
                let name = |number| shard.queue_name(number).clone();
                let jobs: Vec<_> = page.jobs.into_iter().map(|job| (name(job.queue), job)).collect();
                Some((jobs, page.next))
            })
            .await?;
        let (candidates, mut next) = found.ok_or_else(Problem::not_found)?;
        let (mut jobs, mut bytes, last) = (Vec::new(), 0, candidates.last().map(|(_, job)| job.id));
        for (queue, job) in candidates {
            // Why bounded: a record is its job's body as well.
            bytes += usize::try_from(job.input.bytes).unwrap_or(usize::MAX);
            let input = self.readable(self.records.read_job(job.input))?;
            if wish.wants(input.as_deref()) {
                jobs.push(JobListed::show(&job, &queue, input.as_deref()));
            }
            if (jobs.len() >= wish.max || bytes >= limits::LEASE_BODIES_BYTES_MAX) && Some(job.id) != last {
                next = Some(job.id);
                break;
            }
        }
        Ok(JobListOut { jobs, next: next.map(|id| id.to_string()) })
    }
}
