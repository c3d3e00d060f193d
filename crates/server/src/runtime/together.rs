//! Requests that are done whole or not at all: judged in full, staged in full, and only then applied.
//! One journal group holds all of it, so that no power cut leaves half.

use sealane_core::name::{Principal, QueueName};
use sealane_core::queue::{Enqueue, Event, JobView, Receipt, Refusal, Settle};
use sealane_core::time::Time;
use sealane_storage::{CallerData, Fact, JournalError};

use super::engine::{Engine, Trouble, is_fresh, told};
use super::fault::Fault;
use super::request::{Accepted, NewJob, SettleItem};

impl NewJob {
    /// As the queue's rules judge it.
    pub(super) fn command<'a>(&'a self, queue: &'a QueueName, owner: &'a Principal) -> Enqueue<'a> {
        Enqueue {
            job: self.id,
            id_given: self.id_given,
            queue,
            owner,
            input: &self.input,
            priority: self.priority,
            start: self.start,
            ttl: self.ttl,
            max_attempts: self.max_attempts,
            options: self.options.as_deref(),
            digest: self.digest,
        }
    }

    /// What is stored with an event about it.
    pub(super) fn data(&self, event: &Event) -> Option<CallerData<'_>> {
        match event {
            Event::JobEnqueued(enqueued) => {
                Some(CallerData::Job { queue: enqueued.queue, input: &self.input })
            }
            _ => None,
        }
    }
}

/// Why none of several jobs was accepted.
pub(super) enum NotAccepted {
    /// Something was in the way of all of them.
    All(Fault),
    /// These were refused, by their places.
    Some(Vec<Option<Refusal>>),
}

impl Engine {
    pub(super) fn enqueue_together(
        &mut self,
        now: Time,
        queue: &QueueName,
        owner: &Principal,
        jobs: &[NewJob],
    ) -> Result<Vec<Result<Accepted, Fault>>, JournalError> {
        let commands: Vec<Enqueue<'_>> = jobs.iter().map(|job| job.command(queue, owner)).collect();
        let all: Vec<&NewJob> = jobs.iter().collect();
        Ok(match self.accept_together(now, &commands, &all)? {
            Ok(accepted) => accepted.into_iter().map(Ok).collect(),
            Err(NotAccepted::All(fault)) => jobs.iter().map(|_| Err(fault.clone())).collect(),
            Err(NotAccepted::Some(refusals)) => not_done(refusals),
        })
    }

    /// Accepts jobs together or not at all: what is judged as one is stored as one.
    pub(super) fn accept_together(
        &mut self,
        now: Time,
        commands: &[Enqueue<'_>],
        jobs: &[&NewJob],
    ) -> Result<Result<Vec<Accepted>, NotAccepted>, JournalError> {
        let seen: Vec<Option<Refusal>> = jobs.iter().map(|job| self.check_sight(job).err()).collect();
        if seen.iter().any(Option::is_some) {
            return Ok(Err(NotAccepted::Some(seen)));
        }
        let judged = match self.shard().decide_enqueue_together(now, commands) {
            Err(refusals) => return Ok(Err(NotAccepted::Some(refusals))),
            Ok(judged) => judged,
        };
        // Why here and not before: a repeat of what was accepted is answered on a full disk as well.
        if judged.iter().any(|events| !events.is_empty()) && self.no_room() {
            return Ok(Err(NotAccepted::All(Fault::StorageFull)));
        }
        let fresh: Vec<bool> = judged.iter().map(|events| is_fresh(events)).collect();
        let staged = judged.into_iter().zip(jobs).flat_map(|(events, job)| {
            events.into_iter().map(move |event| {
                let data = job.data(&event);
                (event, data)
            })
        });
        if let Err(fault) = told(self.append_together(staged.collect()))? {
            return Ok(Err(NotAccepted::All(fault)));
        }
        let accepted = commands.iter().zip(fresh).map(|(command, fresh)| self.accepted(now, command, fresh));
        Ok(Ok(accepted.collect()))
    }

    pub(super) fn settle_together(
        &mut self,
        now: Time,
        items: &[SettleItem],
    ) -> Result<Vec<Result<JobView, Fault>>, JournalError> {
        let settles: Vec<(Receipt, &Settle)> =
            items.iter().map(|item| (item.receipt, &item.outcome)).collect();
        let judged = match self.shard().decide_settle_together(now, &settles) {
            Err(refusals) => return Ok(not_done(refusals)),
            Ok(judged) => judged,
        };
        let mut staged = Vec::with_capacity(items.len());
        for (events, item) in judged.into_iter().zip(items) {
            let queue = self.shard().job(&item.receipt.job).map(|view| view.queue);
            let data = item.data.as_deref().zip(queue);
            let data = data.map(|(bytes, queue)| CallerData::Outcome { queue, bytes });
            staged.extend(events.into_iter().map(|event| (event, data)));
        }
        if let Err(fault) = told(self.append_together(staged))? {
            return Ok(items.iter().map(|_| Err(fault.clone())).collect());
        }
        Ok(items.iter().map(|item| Ok(self.view(&item.receipt.job))).collect())
    }

    /// Stores events in one group and applies them; where there is no room for all, none.
    pub(super) fn append_together(
        &mut self,
        events: Vec<(Event, Option<CallerData<'_>>)>,
    ) -> Result<(), Trouble> {
        let namespace = &self.namespace;
        let facts: Vec<(Fact, Option<CallerData<'_>>)> = events
            .into_iter()
            .map(|(event, data)| (Fact::Shard { namespace: namespace.clone(), event }, data))
            .collect();
        let records = match self.stage_together(&facts) {
            // Others before it fill the group: these are made durable first, and it has one for itself.
            Err(JournalError::GroupFull { .. }) => {
                self.journal.commit()?;
                match self.stage_together(&facts) {
                    Err(JournalError::GroupFull { .. }) => {
                        return Err(Trouble::Fault(Fault::TooLargeTogether));
                    }
                    staged => staged?,
                }
            }
            staged => staged?,
        };
        for ((fact, _), record) in facts.iter().zip(records) {
            self.apply_stored(fact, record);
        }
        Ok(())
    }

    fn stage_together(
        &mut self,
        facts: &[(Fact, Option<CallerData<'_>>)],
    ) -> Result<Vec<sealane_core::record::RecordRef>, JournalError> {
        let mark = self.journal.mark();
        let staged = facts.iter().map(|(fact, data)| self.journal.append(fact, *data)).collect();
        if matches!(&staged, Err(error) if !error.is_fatal()) {
            self.journal.rollback(mark);
        }
        staged
    }
}

/// The answers to a request of which nothing was done.
fn not_done<T>(refusals: Vec<Option<Refusal>>) -> Vec<Result<T, Fault>> {
    refusals.into_iter().map(|refusal| Err(refusal.map_or(Fault::NotDone, Fault::Refused))).collect()
}
