//! What people ask of jobs, carried out by the engine.

use sealane_core::id::JobId;
use sealane_core::job::State;
use sealane_core::name::QueueName;
use sealane_core::queue::{Act, Command, JobView, SweepKind};
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
        let dead = self.shard().queue(queue).map_or(0, |queue| queue.counts.of(State::Dead));
        for event in events {
            self.append(event, None)?;
        }
        Ok(SweepBegun { running: self.shard().sweep(queue).is_some(), dead })
    }
}
