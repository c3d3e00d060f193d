//! First come, first served in each session of a queue, and in each class and fair key, as far as clients can tell: of two jobs of which one
//! was accepted before the other was sent, the second is not handed out before the first. What was
//! delayed, or touched by anybody's acts, is left out, and so is what may have come back because its
//! worker's connection was cut in that moment.

use std::collections::BTreeMap;

use sealane::JobId;
use sealane_api::operation::{DeadLetterRedrive, Operation as _};
use sealane_api::v1::LeasedJob;

use super::super::facts::JobFacts;
use super::super::ledger::Ledger;
use super::super::{Answer, Asked, Exchange};
use super::Check;

/// Hand-outs by line.
#[derive(Default)]
pub(super) struct Order {
    handed: BTreeMap<Line, Vec<Handed>>,
}

/// Those among whom who came first is first.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Line {
    /// Of a queue, in a class, under a fair key.
    Class(String, String, Option<String>),
    /// Of a queue, in a session.
    Session(String, String),
}

impl Line {
    fn of(ledger: &Ledger, queue: &str, facts: &JobFacts, job: &LeasedJob) -> Self {
        match &facts.session {
            Some(session) if ledger.keeps_sessions(queue) => Self::Session(queue.to_owned(), session.clone()),
            _ => Self::Class(queue.to_owned(), job.priority.to_string(), facts.fair_key.clone()),
        }
    }
}

struct Handed {
    job: JobId,
    sent: u64,
    received: u64,
}

impl Check for Order {
    fn promise(&self) -> &'static str {
        "first come, first served in a class and key, or session"
    }

    fn answered(&mut self, ledger: &Ledger, exchange: &Exchange, answer: &Answer) -> Result<(), String> {
        let (Asked::Lease { queue, wish }, Answer::Handed(jobs)) = (&exchange.asked, answer) else {
            return Ok(());
        };
        in_one_answer(ledger, queue, jobs)?;
        for job in jobs {
            let Some(facts) = ledger.jobs.get(&job.id.0).filter(|facts| is_plain(facts)) else { continue };
            let line = self.handed.entry(Line::of(ledger, queue, facts, job)).or_default();
            if job.attempt == 1 && facts.leases.len() == 1 && facts.delay_ms == 0 {
                let overtaken_by = line.iter().find(|other| {
                    let Some(other_facts) = ledger.jobs.get(&other.job) else { return false };
                    let cut = ledger
                        .queues
                        .get(queue)
                        .is_some_and(|queue| queue.was_cut(other.sent, other.received));
                    other.received < exchange.sent
                        && is_plain(other_facts)
                        && came_before(facts, other_facts)
                        && !cut
                });
                if let Some(other) = overtaken_by {
                    return Err(format!(
                        "job {} was handed out after {} and job {}, which came later, by {}",
                        job.id, exchange.sent, other.job, other.received
                    ));
                }
            }
            // What its holder has of a session without having heard of it, others may follow: a lease
            // whose answer was lost, given back with the hold. The journal knows.
            if wish.session_receipt.is_none() {
                line.push(Handed { job: job.id.0, sent: exchange.sent, received: exchange.answered });
            }
        }
        Ok(())
    }
}

fn in_one_answer(ledger: &Ledger, queue: &str, jobs: &[LeasedJob]) -> Result<(), String> {
    let redriven = ledger
        .queues
        .get(queue)
        .is_some_and(|queue| queue.sweeps.iter().any(|(what, _)| *what == DeadLetterRedrive::NAME));
    for (at, first) in jobs.iter().enumerate() {
        for second in &jobs[at + 1..] {
            let facts = ledger.jobs.get(&first.id.0).zip(ledger.jobs.get(&second.id.0));
            let Some((one, two)) = facts.filter(|(one, two)| is_plain(one) && is_plain(two)) else {
                continue;
            };
            // Bulk work may have sent it to the end of the line; one in its first attempt was never dead.
            let in_its_place = !redriven || (second.attempt == 1 && two.leases.len() == 1);
            let together = Line::of(ledger, queue, one, first) == Line::of(ledger, queue, two, second);
            if together && in_its_place && came_before(two, one) {
                return Err(format!("job {} stands before {}, which came first", first.id, second.id));
            }
        }
    }
    Ok(())
}

/// Whether nobody did anything to it but send it and work on it, and it waits for no other.
fn is_plain(facts: &JobFacts) -> bool {
    facts.acts.is_empty() && facts.links.is_none()
}

/// Whether the one was in the queue before the other was sent, or before it in the only request that
/// ever held either.
fn came_before(one: &JobFacts, other: &JobFacts) -> bool {
    let together = one.first_request.0 == other.first_request.0;
    if together {
        let once = one.requests == 1 && other.requests == 1;
        let both = one.acknowledged.is_some() && other.acknowledged.is_some();
        return once && both && one.first_request.1 < other.first_request.1;
    }
    one.acknowledged.is_some_and(|at| at < other.first_sent)
}
