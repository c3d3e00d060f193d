//! What people ask of jobs, carried out by the engine.

use sealane_core::id::JobId;
use sealane_core::job::State;
use sealane_core::name::QueueName;
use sealane_core::queue::{Act, Command, JobView, Labels, QueueMode, QueueView, Refusal, SweepWish};
use sealane_core::time::Time;

use super::engine::{Engine, Trouble};
use super::fault::Fault;
use super::request::{Meant, SweepBegun};
use crate::authz::Standing;

impl Engine {
    pub(super) fn act(
        &mut self,
        now: Time,
        job: JobId,
        act: &Act,
        meant: &Meant,
    ) -> Result<JobView, Trouble> {
        let shard = self.shard();
        let stands = |view: &JobView| meant(Standing::of(view, shard.queue_name(view.queue)));
        // Why here: since the caller was let in, the job may have gone to where he may not follow.
        if shard.job(&job).is_some_and(|view| !stands(&view)) {
            return Err(Refusal::JobUnknown.into());
        }
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
        wish: &SweepWish,
    ) -> Result<SweepBegun, Trouble> {
        let events = self.decide(now, &Command::Sweep { queue, wish })?;
        if !events.is_empty() && self.no_room() {
            return Err(Trouble::Fault(Fault::StorageFull));
        }
        let (jobs, more) = self.shard().concerned(now, queue, wish);
        for event in events {
            self.append(event, None)?;
        }
        Ok(SweepBegun { running: self.shard().sweep(queue).is_some(), jobs, more })
    }

    /// Gives bulk work up; it is answered what is on its way then.
    pub(super) fn stop_sweep(
        &mut self,
        now: Time,
        queue: &QueueName,
        of: State,
    ) -> Result<QueueView, Trouble> {
        for event in self.decide(now, &Command::StopSweep { queue, of })? {
            self.append(event, None)?;
        }
        Ok(self.shard().queue(queue).expect("a command about a queue is honoured where there is one"))
    }

    /// Notes what dead jobs' records say. Not on a full disk: they can be read again.
    pub(super) fn label(&mut self, now: Time, labels: &[(JobId, Labels)]) -> Result<(), Trouble> {
        for (job, labels) in labels {
            let events = self.decide(now, &Command::Label { job: *job, labels })?;
            if !events.is_empty() && self.no_room() {
                return Err(Trouble::Fault(Fault::StorageFull));
            }
            for event in events {
                self.append(event, None)?;
            }
        }
        Ok(())
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
