//! What people ask of jobs.

use std::sync::Arc;

use sealane_api::problem::Problem;
use sealane_api::v1::{JobBodyOut, JobStands, QueueOut};
use sealane_core::id::JobId;
use sealane_core::name::QueueName;
use sealane_core::queue::{Act, Command, QueueMode, Refusal};
use sealane_core::time::Time;

use super::machine::{Machine, in_the_way};
use crate::provider::JobAct;

impl Machine {
    pub(super) fn act(&mut self, now: Time, id: JobId, act: &JobAct) -> Result<JobStands, Problem> {
        let input = self.records.get(&id).map(|record| &record.input);
        let sealed = input.is_some_and(|input| input.is_sealed());
        let seal_expires = input.and_then(|input| input.seal_expires());
        let act = match act {
            JobAct::Cancel { force } => Act::Cancel { force: *force, dead: true },
            JobAct::Move { queue } => Act::Move { queue: queue.clone(), sealed },
            JobAct::Hold => Act::Hold,
            JobAct::Promote => Act::Promote,
            JobAct::Redrive => Act::Redrive { seal_expires },
            JobAct::Release => Act::Release,
            JobAct::Reprioritise { priority } => Act::Reprioritise { priority: *priority },
        };
        self.command(now, &Command::Act { job: id, act: &act }).map_err(in_the_way)?;
        let view = self.shard.job(&id).ok_or_else(Problem::not_found)?;
        Ok(JobStands::show(&view, self.shard.queue_name(view.queue)))
    }

    /// What an ended job was sent with.
    pub(super) fn job_body(&self, id: JobId) -> Result<JobBodyOut, Problem> {
        let (Some(view), Some(record)) = (self.shard.job(&id), self.records.get(&id)) else {
            return Err(Problem::not_found());
        };
        if !view.state.is_over() {
            return Err(Refusal::CloneNotEnded { state: view.state }.into());
        }
        Ok(JobBodyOut::show(&view, self.shard.queue_name(view.queue), Arc::clone(&record.input)))
    }

    pub(super) fn set_mode(
        &mut self,
        now: Time,
        queue: &QueueName,
        mode: QueueMode,
    ) -> Result<QueueOut, Problem> {
        self.command(now, &Command::SetMode { queue, mode })?;
        self.queue(now, queue)
    }
}
