//! Jobs that are accepted together, jobs that follow from the ends of others, and the end of a flow.

use sealane_core::id::FlowId;
use sealane_core::name::{Principal, QueueName};
use sealane_core::queue::{Act, Command, Event, JobOptions, OneRefused, ParentEnd, Refusal};
use sealane_core::time::Time;
use sealane_storage::{CallerData, Fact, JournalError};

use super::engine::{Engine, Trouble, told};
use super::fault::Fault;
use super::request::{Accepted, Meant, NewJob, NoneAccepted};
use crate::authz;

impl Engine {
    /// Accepts jobs together or not at all: what is judged as one is stored as one.
    pub(super) fn enqueue_together(
        &mut self,
        now: Time,
        owner: &Principal,
        jobs: &[(QueueName, NewJob)],
    ) -> Result<Result<Vec<Accepted>, NoneAccepted>, JournalError> {
        let refused = |place, fault| Ok(Err(NoneAccepted { place: Some(place), fault }));
        for (place, (_, job)) in jobs.iter().enumerate() {
            if let Err(refusal) = self.check_sight(job) {
                return refused(place, refusal.into());
            }
        }
        let commands: Vec<_> = jobs.iter().map(|(queue, job)| job.command(queue, owner)).collect();
        let events = match self.shard().decide_together(now, &commands) {
            Ok(events) => events,
            Err(OneRefused { place, refusal }) => return refused(place, refusal.into()),
        };
        let fresh = !events.is_empty();
        if fresh && self.no_room() {
            return Ok(Err(Fault::StorageFull.into()));
        }
        if let Err(fault) = told(self.append_together(events, jobs))? {
            return Ok(Err(fault.into()));
        }
        Ok(Ok(jobs.iter().map(|(_, job)| Accepted { view: self.view(&job.id), fresh }).collect()))
    }

    /// Stores jobs as one part of one group, and applies them when all of them are staged.
    fn append_together(&mut self, events: Vec<Event>, jobs: &[(QueueName, NewJob)]) -> Result<(), Trouble> {
        let mut inputs = jobs.iter().map(|(_, job)| job);
        let facts: Vec<(Fact, Option<&NewJob>)> = events
            .into_iter()
            .map(|event| {
                let job = match &event {
                    Event::JobEnqueued(enqueued) => inputs.find(|job| job.id == enqueued.job),
                    _ => None,
                };
                (Fact::Shard { namespace: self.namespace.clone(), event }, job)
            })
            .collect();
        let records = match self.stage(&facts) {
            Err(JournalError::GroupFull { .. }) => {
                self.journal.commit()?;
                self.stage(&facts)?
            }
            other => other?,
        };
        for ((fact, _), record) in facts.iter().zip(records) {
            self.machine.evolve(fact, record);
        }
        Ok(())
    }

    fn stage(
        &mut self,
        facts: &[(Fact, Option<&NewJob>)],
    ) -> Result<Vec<sealane_core::record::RecordRef>, JournalError> {
        let mark = self.journal.mark();
        let mut records = Vec::with_capacity(facts.len());
        for (fact, job) in facts {
            let data = match (fact, job) {
                (Fact::Shard { event: Event::JobEnqueued(enqueued), .. }, Some(job)) => {
                    Some(CallerData::Job { queue: enqueued.queue, input: &job.input })
                }
                _ => None,
            };
            match self.journal.append(fact, data) {
                Ok(record) => records.push(record),
                Err(error) => {
                    self.journal.rollback(mark);
                    return Err(error);
                }
            }
        }
        Ok(records)
    }

    /// Refuses a job that waits for one that its sender may not see, in the words for one that is not
    /// there. Here, where nothing can come between this look and the job.
    pub(super) fn check_sight(&self, job: &NewJob) -> Result<(), Refusal> {
        let Some((key, options)) = job.sight.as_ref().zip(job.options.as_deref()) else { return Ok(()) };
        let JobOptions { links: Some(links), .. } = options else { return Ok(()) };
        let shard = self.shard();
        for parent in links.parents() {
            let hidden = shard
                .job(parent)
                .is_some_and(|view| !authz::sees(key, &view.owner, shard.queue_name(view.queue)));
            if hidden {
                return Err(Refusal::ParentUnknown { job: *parent });
            }
        }
        Ok(())
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

    pub(super) fn cancel_flow(&mut self, now: Time, flow: FlowId, meant: &Meant) -> Result<(), Trouble> {
        let shard = self.shard();
        let views = shard.flow(flow).filter_map(|job| shard.job(&job));
        let jobs: Vec<_> = views
            .filter(|view| meant(&view.owner, shard.queue_name(view.queue)))
            .map(|view| view.id)
            .collect();
        for job in jobs {
            match self.shard().decide(now, &Command::Act { job, act: &Act::Cancel { force: false } }) {
                Ok(events) => {
                    for event in events {
                        self.append(event, None)?;
                    }
                }
                // It has ended already.
                Err(Refusal::JobState { .. }) => {}
                Err(refusal) => return Err(refusal.into()),
            }
        }
        Ok(())
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
