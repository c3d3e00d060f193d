//! What people ask of jobs, carried out by the engine.

use sealane_core::id::JobId;
use sealane_core::name::QueueName;
use sealane_core::queue::{Act, Command, JobView, QueueMode, QueueView, SweepKind};
use sealane_core::time::Time;

use super::engine::{Engine, Trouble};
use super::fault::Fault;
use super::request::SweepBegun;

impl Engine {
    pub(super) fn act(&mut self, now: Time, job: JobId, act: &Act) -> Result<JobView, Trouble> {
        let events = self.decide(now, &Command::Act { job, act })?;
        // Why: a re-driven job is new work, and the last room is for the jobs in workers' hands.
        if matches!(act, Act::Redrive { .. }) && !events.is_empty() && self.no_room() {
            return Err(Trouble::Fault(Fault::StorageFull));
        }
        for event in events {
            self.append(event, None)?;
        }
        Ok(self.view(&job))
    }

    /// Begins bulk work; the slices follow by themselves. Not on a full disk: nothing that is stored is
    /// given back, so ending many jobs takes room and makes none.
    pub(super) fn sweep(
        &mut self,
        now: Time,
        queue: &QueueName,
        kind: SweepKind,
    ) -> Result<SweepBegun, Trouble> {
        let events = self.decide(now, &Command::Sweep { queue, kind })?;
        if !events.is_empty() && self.no_room() {
            return Err(Trouble::Fault(Fault::StorageFull));
        }
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
