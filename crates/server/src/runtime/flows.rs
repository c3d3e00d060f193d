//! Jobs that are accepted together, jobs that follow from the ends of others, and the end of a flow.

use std::collections::BTreeSet;

use sealane_core::id::{FlowId, JobId};
use sealane_core::name::{Principal, QueueName};
use sealane_core::queue::{JobOptions, ParentEnd, Refusal};
use sealane_core::time::Time;
use sealane_storage::JournalError;

use super::engine::{Engine, Trouble, told};
use super::request::{Accepted, Meant, NewJob, NoneAccepted};
use super::together::NotAccepted;
use crate::authz::{self, Standing};

impl Engine {
    /// Accepts the jobs of a flow together or not at all.
    pub(super) fn submit_flow(
        &mut self,
        now: Time,
        owner: &Principal,
        jobs: &[(QueueName, NewJob)],
    ) -> Result<Result<Vec<Accepted>, NoneAccepted>, JournalError> {
        let commands: Vec<_> = jobs.iter().map(|(queue, job)| job.command(queue, owner)).collect();
        let jobs: Vec<&NewJob> = jobs.iter().map(|(_, job)| job).collect();
        Ok(match self.accept_together(now, &commands, &jobs)? {
            Ok(accepted) => Ok(accepted),
            Err(NotAccepted::All(fault)) => Err(fault.into()),
            Err(NotAccepted::Some(refusals)) => {
                let mut refusals = refusals.into_iter().enumerate();
                let first = refusals.find_map(|(place, refusal)| Some((place, refusal?)));
                let (place, refusal) = first.expect("where not all are accepted, one is refused");
                Err(NoneAccepted { place: Some(place), fault: refusal.into() })
            }
        })
    }

    /// Refuses a job that waits for one that its sender may not see, or repeats such a one, in the words for one
    /// that is not there. Here, where nothing can come between this look and the job.
    pub(super) fn check_sight(&self, job: &NewJob) -> Result<(), Refusal> {
        let Some((key, options)) = job.sight.as_ref().zip(job.options.as_deref()) else { return Ok(()) };
        let JobOptions { links, clone_of, .. } = options;
        let shard = self.shard();
        let hidden = |job: &JobId| {
            shard
                .job(job)
                .is_some_and(|view| !authz::sees(key, Standing::of(&view, shard.queue_name(view.queue))))
        };
        if let Some(parent) = links.iter().flat_map(|links| links.parents()).find(|parent| hidden(parent)) {
            return Err(Refusal::ParentUnknown { job: *parent });
        }
        match clone_of.filter(hidden) {
            Some(job) => Err(Refusal::CloneUnknown { job }),
            None => Ok(()),
        }
    }

    /// Whoever waited for what has just ended goes on in the same turn, and so in the same sync.
    pub(super) fn follow(&mut self, now: Time) -> Result<(), JournalError> {
        for event in self.shard().follow(now) {
            if told(self.append(event, None))?.is_err() {
                self.stuck = true;
                break;
            }
        }
        Ok(())
    }

    /// Cancels what has not ended of a flow: all of it in one group, or nothing.
    pub(super) fn cancel_flow(&mut self, now: Time, flow: FlowId, meant: &Meant) -> Result<(), Trouble> {
        let shard = self.shard();
        let views = shard.flow(flow).filter_map(|job| shard.job(&job));
        let jobs: BTreeSet<_> = views
            .filter(|view| !view.state.is_over() && meant(Standing::of(view, shard.queue_name(view.queue))))
            .map(|view| view.id)
            .collect();
        let events = self.shard().decide_cancel_together(now, &jobs)?;
        self.append_together(events.into_iter().map(|event| (event, None)).collect())
    }

    /// The jobs that a job waited for, for its worker.
    pub(super) fn parents_of(&self, view: &sealane_core::queue::JobView) -> Vec<(ParentEnd, QueueName)> {
        if !view.linked {
            return Vec::new();
        }
        let shard = self.shard();
        let named = |end: ParentEnd| (end, shard.queue_name(end.origin).clone());
        shard.ended_parents(&view.id).into_iter().map(named).collect()
    }
}
