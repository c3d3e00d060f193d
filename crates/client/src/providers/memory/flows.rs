//! Flows inside this process, and what reaches a job of those that it waited for.

use std::sync::Arc;

use sealane_api::problem::Problem;
use sealane_api::v1::{DependenciesOut, FlowAccepted, FlowIn, FlowJobOut, FlowOut, FlowParts, ParentOut};
use sealane_api::wire::Bytes;
use sealane_core::id::{FlowId, JobId};
use sealane_core::limits;
use sealane_core::name::Principal;
use sealane_core::queue::{Enqueue, Event, JobOptions, JobView};
use sealane_core::time::Time;

use super::machine::{Machine, command, digest_of, in_the_way, token};
use super::records::Record;

impl Machine {
    pub(super) fn submit(
        &mut self,
        now: Time,
        owner: &Principal,
        flow: &FlowIn,
    ) -> Result<FlowAccepted, Problem> {
        let digests: Vec<[u8; 16]> = flow.nodes.iter().map(|node| digest_of(&flow.id, node)).collect();
        let parts = FlowParts::try_from(flow.clone())?;
        let options: Vec<JobOptions> =
            parts.nodes.iter().map(|node| node.parts.tokenised(&node.queue, owner, &token)).collect();
        let jobs = parts.nodes.iter().zip(&options).map(|(node, options)| {
            command(&node.parts, options, node.id, digests[node.place], &node.queue, owner)
        });
        let jobs: Vec<Enqueue<'_>> = jobs.collect();
        self.pass_time(now);
        let judged = self.shard.decide_enqueue_together(now, &jobs).map_err(|refusals| {
            let mut refusals = refusals.into_iter().enumerate();
            let first = refusals.find_map(|(place, refusal)| Some((place, refusal?)));
            let (place, refusal) = first.expect("where not all are accepted, one is refused");
            parts.refused(place, in_the_way(refusal))
        })?;
        let mut fresh = false;
        for (events, node) in judged.iter().zip(&parts.nodes) {
            if events.iter().any(|event| matches!(event, Event::JobEnqueued(_))) {
                fresh = true;
                self.records.insert(node.id, Record::of(Arc::new(node.parts.input.clone())));
            }
            self.apply(events);
        }
        let accepted: Vec<_> = jobs.iter().filter_map(|job| self.shard.acceptance(now, job)).collect();
        Ok(FlowAccepted::answer(&parts, accepted.iter(), fresh))
    }

    pub(super) fn flow(&self, flow: FlowId) -> Result<FlowOut, Problem> {
        let show = |id: JobId| {
            let view = self.shard.job(&id)?;
            let links = self.shard.links(&id).map(|view| view.links);
            Some(FlowJobOut::show(&view, self.shard.queue_name(view.queue), links.as_ref()))
        };
        let jobs: Vec<FlowJobOut> = self.shard.flow(flow).filter_map(show).collect();
        if jobs.is_empty() {
            return Err(Problem::not_found());
        }
        Ok(FlowOut { id: flow.to_string(), jobs })
    }

    pub(super) fn cancel_flow(&mut self, now: Time, flow: FlowId) -> Result<FlowOut, Problem> {
        let events = self.shard.decide_cancel_together(now, &self.shard.flow(flow).collect())?;
        self.apply(&events);
        self.pass_time(now);
        self.flow(flow)
    }

    pub(super) fn dependencies(&self, id: &JobId) -> Option<DependenciesOut> {
        let state = |parent: &JobId, heard| self.shard.job(parent).map_or(heard, |view| Some(view.state));
        self.shard.links(id).map(|view| DependenciesOut::show(&view, state))
    }

    pub(super) fn parents(&self, view: &JobView) -> Vec<ParentOut> {
        if !view.linked {
            return Vec::new();
        }
        let mut room = limits::PARENT_RESULTS_BYTES_MAX;
        let show = |end: &sealane_core::queue::ParentEnd| {
            let mut parent = ParentOut::show(end, self.shard.queue_name(end.origin));
            let result = end.result.and(self.records.get(&end.job)).and_then(|record| record.result.clone());
            match result {
                Some(result) if result.len() <= room => {
                    room -= result.len();
                    parent = parent.with_result(Bytes::from(result));
                }
                Some(_) => parent.result_left_out = true,
                None => {}
            }
            parent
        };
        self.shard.ended_parents(&view.id).iter().map(show).collect()
    }
}
