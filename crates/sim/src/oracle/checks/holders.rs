//! One holder: as long as a lease cannot be over, nobody else gets the job.

use sealane_api::operation::{JobCancel, Operation as _};

use super::super::facts::{JobFacts, LeaseFacts};
use super::super::ledger::Ledger;
use super::super::{Answer, Asked, Exchange};
use super::Check;

pub(super) struct Holders;

/// Where a queue says nothing else.
const MAX_RUN_MS: u64 = 30 * 60_000;

impl Check for Holders {
    fn promise(&self) -> &'static str {
        "one holder of a job"
    }

    fn answered(&mut self, ledger: &Ledger, exchange: &Exchange, answer: &Answer) -> Result<(), String> {
        let (Asked::Lease { .. }, Answer::Handed(jobs)) = (&exchange.asked, answer) else { return Ok(()) };
        for job in jobs {
            let Some(facts) = ledger.jobs.get(&job.id.0) else { continue };
            let Some((new, old)) = facts.leases.split_last() else { continue };
            for lease in old {
                let end = certain_end(ledger, lease);
                // Granted before this one, for certain, and not over when this one was.
                if lease.received < new.sent
                    && new.received < end
                    && !may_be_over(ledger, facts, lease, new.received)
                {
                    return Err(format!(
                        "job {} is held by {} until {end} at least, and {} got it by {}",
                        job.id, lease.client, new.client, new.received
                    ));
                }
            }
        }
        Ok(())
    }
}

/// Whether a lease holds its job at this moment, for certain.
pub(super) fn is_held(ledger: &Ledger, facts: &JobFacts, lease: &LeaseFacts, now: u64) -> bool {
    lease.received <= now && now < certain_end(ledger, lease) && !may_be_over(ledger, facts, lease, now)
}

/// Whether somebody asked for this lease's end by then, or for the end of the hold that it was taken under.
fn may_be_over(ledger: &Ledger, facts: &JobFacts, lease: &LeaseFacts, by: u64) -> bool {
    let hold = lease.hold.as_deref().and_then(|receipt| ledger.sessions.hold(receipt));
    lease.settles.values().any(|settle| settle.first_sent <= by)
        || facts.acts.iter().any(|act| act.what == JobCancel::NAME && act.sent <= by)
        || hold.is_some_and(|(name, hold)| ledger.sessions.may_be_ended(name, hold, by))
}

/// Until when a lease, and the hold that it was taken under, last by themselves at least.
fn certain_end(ledger: &Ledger, lease: &LeaseFacts) -> u64 {
    let max_run = ledger.queues.get(&lease.queue).and_then(|queue| queue.settings.max_run_ms);
    let hold = lease.hold.as_deref().and_then(|receipt| ledger.sessions.hold(receipt));
    let hold_end = hold.map_or(u64::MAX, |(_, hold)| hold.earliest_end());
    earliest_end(lease, max_run.unwrap_or(MAX_RUN_MS)).min(hold_end)
}

/// The earliest moment at which a lease can end by itself. The last word on it counts, and more than one
/// may have been the last.
fn earliest_end(lease: &LeaseFacts, max_run_ms: u64) -> u64 {
    let run_end = lease.sent + max_run_ms;
    let mut words = vec![(lease.sent, Some(lease.received), lease.sent + lease.lease_ms)];
    for extend in &lease.extends {
        words.push(match extend.granted {
            Some((received, ms)) => (extend.sent, Some(received), extend.sent + ms),
            None => (extend.sent, None, (extend.sent + extend.asked_ms.unwrap_or(0)).min(run_end)),
        });
    }
    let is_last = |word: &(u64, Option<u64>, u64)| {
        // Nobody knows whether an unanswered word counted; a word that was answered did, at its time.
        let until = word.1.unwrap_or(u64::MAX);
        !words.iter().any(|other| other.1.is_some() && other.0 > until)
    };
    words.iter().filter(|word| is_last(word)).map(|word| word.2).min().unwrap_or(0)
}
