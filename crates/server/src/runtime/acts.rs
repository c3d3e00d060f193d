//! What people ask of jobs, carried out by the engine.

use sealane_core::id::JobId;
use sealane_core::name::QueueName;
use sealane_core::queue::{Act, Command, JobView, QueueMode, QueueView, SweepKind};
use sealane_core::time::Time;

use super::engine::{Engine, Trouble};
use super::request::SweepBegun;

impl Engine {
    pub(super) fn act(&mut self, now: Time, job: JobId, act: &Act) -> Result<JobView, Trouble> {
        for event in self.decide(now, &Command::Act { job, act })? {
            self.append(event, None)?;
        }
        Ok(self.view(&job))
    }

    /// Begins bulk work; the slices follow by themselves.
    pub(super) fn sweep(
        &mut self,
        now: Time,
        queue: &QueueName,
        kind: SweepKind,
    ) -> Result<SweepBegun, Trouble> {
        let events = self.decide(now, &Command::Sweep { queue, kind })?;
        let jobs = self.shard().concerned(queue, kind);
        for event in events {
            self.append(event, None)?;
        }
        Ok(SweepBegun { running: self.shard().sweep(queue).is_some(), jobs })
    }

    pub(super) fn set_mode(
        &mut self,
        now: Time,
        queue: &QueueName,
        mode: QueueMode,
    ) -> Result<QueueView, Trouble> {
        for event in self.decide(now, &Command::SetMode { queue, mode })? {
            self.append(event, None)?;
        }
        Ok(self.shard().queue(queue).expect("a command about a queue is honoured where there is one"))
    }
}
