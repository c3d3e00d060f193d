//! Of the jobs with one unique key in a queue, one is on its way at a time, and only one of the same key
//! stands in for another.

use sealane::JobId;
use sealane_core::queue::{Event, QueueNumber};
use sealane_core::token::Token;

use super::super::ledger::Ledger;
use super::super::replay::{Replay, Stands};
use super::super::{Answer, Asked, Exchange};
use super::Check;
use super::holders::is_held;

pub(super) struct Unique;

impl Check for Unique {
    fn promise(&self) -> &'static str {
        "one job of a unique key at a time"
    }

    fn answered(&mut self, ledger: &Ledger, exchange: &Exchange, answer: &Answer) -> Result<(), String> {
        match (&exchange.asked, answer) {
            (Asked::Enqueue { jobs, .. }, Answer::Accepted(results)) => {
                for (job, result) in jobs.iter().zip(results) {
                    let Ok(taken) = result else { continue };
                    let Some(facts) = ledger.jobs.get(&taken.id).filter(|_| taken.merged) else { continue };
                    let wished = job.unique.as_ref().map(|unique| unique.key.to_string());
                    // A repeat under its key is answered as the first was, which may have said this.
                    if wished != facts.unique && job.idempotency_key.is_none() {
                        return Err(format!("job {} stood in for one with the key {wished:?}", taken.id));
                    }
                }
                Ok(())
            }
            (Asked::Lease { queue, .. }, Answer::Handed(jobs)) => {
                let now = exchange.answered;
                let runs = |id: &JobId| {
                    let facts = ledger.jobs.get(id)?;
                    let lease = facts.leases.last().filter(|lease| lease.queue == *queue)?;
                    is_held(ledger, facts, lease, now).then_some(facts.unique.as_ref()?)
                };
                for job in jobs {
                    let Some(key) = runs(&job.id.0) else { continue };
                    let other = ledger.jobs.keys().find(|id| **id != job.id.0 && runs(id) == Some(key));
                    if let Some(other) = other {
                        return Err(format!("{} and {other} run at {now} with the key {key}", job.id));
                    }
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn recorded(&mut self, _: &Ledger, replay: &Replay, event: &Event) -> Result<(), String> {
        let key_of = |job: &JobId| replay.jobs.get(job).and_then(|job| Some(job.options.unique?.key));
        let queue_of = |job: &JobId| replay.jobs.get(job).map(|job| job.queue);
        let (job, queue, key) = match event {
            Event::JobEnqueued(new) => {
                let unique = new.options.as_ref().and_then(|options| options.unique);
                (new.job, Some(new.queue), unique.map(|unique| unique.key))
            }
            Event::JobRedriven { job, .. } => (*job, queue_of(job), key_of(job)),
            Event::JobMoved { job, queue, .. } => (*job, Some(*queue), key_of(job)),
            Event::JobMerged { job, .. } => {
                let ended = replay.jobs.get(job).is_none_or(|job| has_given_back(job.stands));
                return match ended {
                    true => Err(format!("{job} stood in for another one and had ended")),
                    false => Ok(()),
                };
            }
            _ => return Ok(()),
        };
        let Some((queue, key)) = queue.zip(key) else { return Ok(()) };
        match holder(replay, queue, key).find(|other| **other != job) {
            Some(other) => Err(format!("{job} came to {} while {other} had its key", replay.name(queue))),
            None => Ok(()),
        }
    }
}

/// Who has a key, which ought to be one at most.
fn holder(replay: &Replay, queue: QueueNumber, key: Token) -> impl Iterator<Item = &JobId> {
    let has = move |unique: sealane_core::queue::UniqueKey| unique.key == key;
    replay
        .jobs
        .iter()
        .filter(move |(_, job)| job.queue == queue && !has_given_back(job.stands))
        .filter(move |(_, job)| job.options.unique.is_some_and(has))
        .map(|(id, _)| id)
}

/// A dead job keeps its key: it can go on at any time.
fn has_given_back(stands: Stands) -> bool {
    matches!(stands, Stands::Ended(_))
}
