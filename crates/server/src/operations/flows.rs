//! Flows: submit them whole, look at them, end them; and what reaches a job of those that it waited for.

use std::sync::Arc;

use sealane_api::operation::{FlowCancel, FlowGet, FlowSubmit};
use sealane_api::permission::Permission;
use sealane_api::problem::Problem;
use sealane_api::v1::{DependenciesOut, FlowAccepted, FlowJobOut, FlowOut, ParentOut};
use sealane_api::wire::Bytes;
use sealane_core::control::AccessKey;
use sealane_core::id::{FlowId, JobId};
use sealane_core::job::State;
use sealane_core::limits;
use sealane_core::name::QueueName;
use sealane_core::queue::{ParentEnd, Shard};

use crate::authz::{Authorized, Standing, permits_on, sees};
use crate::boundary::{Door, Handle};

/// The most that a stored result takes beside its own bytes.
const RECORD_OVERHEAD: usize = 1_024;

impl Handle<FlowSubmit> for Door {
    async fn handle(&self, asked: Authorized<FlowSubmit>) -> Result<FlowAccepted, Problem> {
        let (FlowSubmit { flow }, key) = asked.into_parts();
        let sight = Arc::new(key);
        let mut jobs = Vec::with_capacity(flow.nodes.len());
        for node in &flow.nodes {
            jobs.push((node.queue.clone(), self.job_of(node.parts.clone(), &node.queue, &sight)?));
        }
        let accepted = self.engine.submit_flow(sight.principal.clone(), jobs).await;
        let accepted = accepted.map_err(|none| match none.place {
            Some(place) => flow.refused(place, none.fault.into()),
            None => none.fault.into(),
        })?;
        let fresh = accepted.iter().any(|job| job.fresh);
        Ok(FlowAccepted::answer(&flow, accepted.iter().map(|job| &job.acceptance), fresh))
    }
}

impl Handle<FlowGet> for Door {
    async fn handle(&self, asked: Authorized<FlowGet>) -> Result<FlowOut, Problem> {
        let (FlowGet { flow }, key) = asked.into_parts();
        self.show_flow(flow, key).await
    }
}

impl Handle<FlowCancel> for Door {
    async fn handle(&self, asked: Authorized<FlowCancel>) -> Result<FlowOut, Problem> {
        let (FlowCancel { flow }, key) = asked.into_parts();
        let caller = key.clone();
        // Why again: the authoriser found one of the flow's jobs, and these are all of them.
        let meant = move |job: Standing<'_>| permits_on(&caller, Permission::JobCancel, job);
        self.engine.cancel_flow(flow, meant).await?;
        self.show_flow(flow, key).await
    }
}

impl Door {
    async fn show_flow(&self, flow: FlowId, key: AccessKey) -> Result<FlowOut, Problem> {
        let namespace = self.namespace.clone();
        let jobs = self
            .engine
            .read(move |machine| {
                let shard = machine.shard(&namespace);
                let views = shard.flow(flow).filter_map(|job| shard.job(&job));
                let seen = views.filter(|view| sees(&key, Standing::of(view, shard.queue_name(view.queue))));
                let show = |view: sealane_core::queue::JobView| {
                    let links = shard.links(&view.id).map(|view| view.links);
                    FlowJobOut::show(&view, shard.queue_name(view.queue), links.as_ref())
                };
                seen.map(show).collect()
            })
            .await?;
        Ok(FlowOut { id: flow.to_string(), jobs })
    }

    /// What reaches a job of those that it waited for: how they ended and what they came to, as much of
    /// that as one answer holds. Counts the bytes.
    pub(super) fn parents_of(
        &self,
        parents: &[(ParentEnd, QueueName)],
        bytes: &mut usize,
    ) -> Result<Vec<ParentOut>, Problem> {
        let mut room = limits::PARENT_RESULTS_BYTES_MAX;
        let mut shown = Vec::with_capacity(parents.len());
        for (end, origin) in parents {
            let mut parent = ParentOut::show(end, origin);
            if let Some(record) = end.result {
                // Why what cannot be read is left out as well: the child's worker must not take it for nothing.
                // Why by the record: what cannot fit is not read at all.
                let least =
                    usize::try_from(record.bytes).unwrap_or(usize::MAX).saturating_sub(RECORD_OVERHEAD);
                if least > room {
                    parent.result_left_out = true;
                    shown.push(parent);
                    continue;
                }
                match self.readable(self.records.read_outcome(record))? {
                    Some(None) => {}
                    Some(Some(result)) if result.len() <= room => {
                        room -= result.len();
                        *bytes += result.len();
                        parent = parent.with_result(Bytes::from(result));
                    }
                    Some(Some(_)) | None => parent.result_left_out = true,
                }
            }
            shown.push(parent);
        }
        Ok(shown)
    }
}

/// What a job waits for, as far as the caller may know.
pub(super) fn dependencies(shard: &Shard, job: &JobId, key: &AccessKey) -> Option<DependenciesOut> {
    let view = shard.links(job)?;
    let state = |parent: &JobId, heard: Option<State>| {
        // Why not what was heard of one that is known: whoever may not see it may not learn that it died either.
        let Some(found) = shard.job(parent) else { return heard };
        sees(key, Standing::of(&found, shard.queue_name(found.queue))).then_some(found.state)
    };
    Some(DependenciesOut::show(&view, state))
}
