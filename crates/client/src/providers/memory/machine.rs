//! The machine and what it refers to, behind one lock. Judges and applies; waits for nothing.

use std::sync::Arc;

use sealane_api::problem::Problem;
use sealane_api::v1::{
    JobAccepted, JobIn, JobListIn, JobListOut, JobListed, JobOut, JobParts, JobWish, LeasedJob, QueueIn,
    QueueOut, SettleResult,
};
use sealane_core::id::{JobId, LeaseId, LockId};
use sealane_core::name::{Principal, QueueName};
use sealane_core::queue::{
    CancelReason, Command, Enqueue, Event, JobFilter, JobOptions, Lease, QueueSettings, Receipt, Refusal,
    Runner, Settle, Shard,
};
use sealane_core::record::RecordRef;
use sealane_core::time::{Millis, Time};
use sealane_core::token::Token;
use sealane_crypto::{digest, prefix};

use super::events::MemoryFeed;
use super::records::{Record, Records};
use super::schedules::Templates;
use super::sessions::Sessions;
use super::{receipt, view};

#[derive(Default)]
pub(super) struct Machine {
    pub(super) shard: Shard,
    pub(super) feed: MemoryFeed,
    pub(super) records: Records,
    pub(super) sessions: Sessions,
    pub(super) templates: Templates,
}

impl Machine {
    /// Works off everything that is due.
    pub(super) fn pass_time(&mut self, now: Time) {
        loop {
            let due = self.shard.expire(now);
            if due.is_empty() {
                break;
            }
            self.apply(&due);
            self.label_dead(now);
        }
        self.fire_due(now);
        self.records.sweep(&self.shard);
        self.sessions.sweep(&self.shard);
    }

    /// When somebody who waits for a queue's jobs has to look again, if nothing else happens.
    pub(super) fn next_look(&self, queue: &QueueName) -> Option<Time> {
        let opens_at = self.shard.queue_number(queue).and_then(|number| self.shard.opens_at(number));
        self.shard.next_deadline().into_iter().chain(opens_at).min()
    }

    pub(super) fn put_queue(
        &mut self,
        now: Time,
        queue: &QueueName,
        wish: &QueueIn,
    ) -> Result<QueueOut, Problem> {
        let settings = QueueSettings::try_from(wish)?;
        self.command(now, &Command::PutQueue { queue, settings })?;
        self.queue(now, queue)
    }

    pub(super) fn queue(&self, now: Time, queue: &QueueName) -> Result<QueueOut, Problem> {
        let view = self.shard.queue(queue).ok_or_else(Problem::not_found)?;
        Ok(QueueOut::show(&view, now))
    }

    pub(super) fn queues(&self, now: Time) -> Vec<QueueOut> {
        self.shard.queues().map(|queue| QueueOut::show(&queue, now)).collect()
    }

    pub(super) fn enqueue(
        &mut self,
        now: Time,
        queue: &QueueName,
        owner: &Principal,
        job: &JobIn,
        fresh_id: JobId,
    ) -> Result<JobAccepted, Problem> {
        let digest = digest_of(queue.as_str(), job);
        let parts = JobParts::try_from(job.clone())?;
        let id = parts.id.unwrap_or(fresh_id);
        let options = parts.tokenised(queue, owner, &token);
        let command = command(&parts, &options, id, digest, queue, owner);
        let events = self.command(now, &Command::Enqueue(command)).map_err(in_the_way)?;
        let fresh = events.iter().any(|event| matches!(event, Event::JobEnqueued(_)));
        let accepted = self.shard.acceptance(now, &command).ok_or_else(Problem::not_found)?;
        if fresh {
            self.records.insert(id, Record::of(Arc::new(parts.input)));
        }
        Ok(JobAccepted::answer(&accepted, queue, fresh))
    }

    pub(super) fn job(&self, id: JobId) -> Result<JobOut, Problem> {
        let (Some(job), Some(record)) = (self.shard.job(&id), self.records.get(&id)) else {
            return Err(Problem::not_found());
        };
        let shown = view::job(&job, self.shard.queue_name(job.queue), &self.shard.attempts(&id), record);
        Ok(JobOut { dependencies: self.dependencies(&id), ..shown })
    }

    pub(super) fn jobs_of(&self, queue: &QueueName) -> Vec<JobOut> {
        let all = self.records.ids_in_order().into_iter().filter_map(|id| self.job(id).ok());
        all.filter(|job| *job.queue == *queue.as_str()).collect()
    }

    pub(super) fn jobs(&self, page: &JobListIn) -> Result<JobListOut, Problem> {
        let wish = JobWish::try_from(page)?;
        let number = |name: &QueueName| self.shard.queue_number(name).ok_or_else(Problem::not_found);
        let queue = wish.queue.as_ref().map(number).transpose()?;
        let filter = JobFilter { queue, state: wish.state, owner: wish.owner.clone() };
        let found = self.shard.jobs_page(&filter, &|_, _, _| true, wish.after, wish.candidates());
        let (mut jobs, mut next, last) = (Vec::new(), found.next, found.jobs.last().map(|job| job.id));
        for job in &found.jobs {
            let input = self.records.get(&job.id).map(|record| &*record.input);
            if wish.wants(input) {
                jobs.push(JobListed::show(job, self.shard.queue_name(job.queue), input));
            }
            if jobs.len() >= wish.max && Some(job.id) != last {
                next = Some(job.id);
                break;
            }
        }
        Ok(JobListOut { jobs, next: next.map(|id| id.to_string()) })
    }

    pub(super) fn lease(
        &mut self,
        now: Time,
        queue: &QueueName,
        (holder, runner): (&Principal, Option<&Arc<Runner>>),
        lease: Option<Millis>,
        lease_ids: &[LeaseId],
    ) -> Result<Vec<LeasedJob>, Problem> {
        let events = self.command(now, &Command::Lease(Lease { queue, holder, runner, lease, lease_ids }))?;
        Ok(events
            .iter()
            .filter_map(|event| match event {
                Event::JobLeased { job, lease, .. } => self.leased(*job, *lease, None, now),
                _ => None,
            })
            .collect())
    }

    pub(super) fn leased(
        &self,
        id: JobId,
        lease: LeaseId,
        lock: Option<LockId>,
        now: Time,
    ) -> Option<LeasedJob> {
        let job = self.shard.job(&id)?;
        let held = Receipt { job: id, attempt: job.attempt, lease, lock };
        let leased = view::leased(&job, self.shard.queue_name(job.queue), self.records.get(&id)?, &held, now);
        Some(LeasedJob { parents: self.parents(&job), ..leased })
    }

    /// Settles one lease and keeps what was reported with it.
    pub(super) fn settle(
        &mut self,
        now: Time,
        receipt: &str,
        outcome: &Settle,
        report: Option<Vec<u8>>,
    ) -> SettleResult {
        let Some(receipt) = receipt::read(receipt) else {
            return SettleResult::refused(None, &Refusal::LeaseLost.into());
        };
        match self.command(now, &Command::Settle { receipt, outcome }) {
            Err(refusal) => SettleResult::refused(Some(receipt.job), &refusal.into()),
            Ok(events) => {
                if !events.is_empty()
                    && let Some(record) = self.records.get_mut(&receipt.job)
                {
                    match outcome {
                        Settle::Complete => record.result = report,
                        Settle::Fail { .. } => record.error = report,
                        _ => {}
                    }
                }
                self.done(receipt.job, now)
            }
        }
    }

    pub(super) fn extend(&mut self, now: Time, receipt: &str, lease: Option<Millis>) -> SettleResult {
        let Some(receipt) = receipt::read(receipt) else {
            return SettleResult::refused(None, &Refusal::LeaseLost.into());
        };
        match self.command(now, &Command::Extend { receipt, lease }) {
            Err(refusal) => SettleResult::refused(Some(receipt.job), &refusal.into()),
            Ok(_) => self.done(receipt.job, now),
        }
    }

    pub(super) fn done(&self, id: JobId, now: Time) -> SettleResult {
        let job = self.shard.job(&id);
        SettleResult::done(&job.expect("a command that was honoured leaves its job live or remembered"), now)
    }

    pub(super) fn command(&mut self, now: Time, command: &Command<'_>) -> Result<Vec<Event>, Refusal> {
        self.pass_time(now);
        let events = self.shard.decide(now, command)?;
        self.apply(&events);
        self.label_dead(now);
        Ok(events)
    }

    pub(super) fn apply(&mut self, events: &[Event]) {
        // Why one reference for all: records are found by job here, not by their place in a journal.
        const NOWHERE: RecordRef = RecordRef { lsn: 0, bytes: 0 };
        for event in events {
            // What an earlier attempt said is not what this one came to.
            let wordless = match event {
                Event::LeaseExpired { job, .. } => Some(job),
                Event::JobCancelled {
                    job, reason: CancelReason::Forced | CancelReason::LeaseEnded, ..
                } => Some(job),
                _ => None,
            };
            if let Some(record) = wordless.and_then(|job| self.records.get_mut(job)) {
                record.error = None;
            }
            let away = self.shard.step_away(event);
            self.shard.evolve(event, NOWHERE);
            let steps = away.into_iter().chain(self.shard.step(event));
            steps.for_each(|step| self.feed.0.push(step));
        }
    }
}

/// A job as the queue's rules judge it.
pub(super) fn command<'a>(
    parts: &'a JobParts,
    options: &'a JobOptions,
    job: JobId,
    digest: [u8; 16],
    queue: &'a QueueName,
    owner: &'a Principal,
) -> Enqueue<'a> {
    Enqueue {
        job,
        id_given: parts.id.is_some(),
        queue,
        owner,
        input: &parts.input,
        priority: parts.priority,
        start: parts.start,
        ttl: parts.ttl,
        max_attempts: parts.max_attempts,
        options: Some(options),
        digest,
    }
}

/// Without a key: here the texts and their tokens are in the same memory.
pub(super) fn token(field: &'static str, within: &[u8], text: &[u8]) -> Token {
    let hash = digest::sha256(&[&prefix::join(&[field.as_bytes(), within, text])]);
    Token::from_bytes(*hash.first_chunk().expect("32 bytes begin with 16"))
}

/// Everybody here may see every job.
pub(super) fn in_the_way(refusal: Refusal) -> Problem {
    let job_id = match &refusal {
        Refusal::UniqueTaken { by, .. } => Some(*by),
        _ => None,
    };
    Problem { job_id, ..refusal.into() }
}

/// Tells a repeat from a conflict: over where it goes and everything supplied.
pub(super) fn digest_of(place: &str, job: &impl serde::Serialize) -> [u8; 16] {
    let json = serde_json::to_vec(job).expect("a job is texts, numbers and lists, which JSON can hold");
    let hash = digest::sha256(&[place.as_bytes(), b"\0", &json]);
    *hash.first_chunk().expect("32 bytes begin with 16")
}
