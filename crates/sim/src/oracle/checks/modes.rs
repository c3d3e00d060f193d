//! A paused queue hands nothing out, a draining one takes nothing new.

use sealane_api::operation::{Operation as _, QueueDrain, QueuePause};

use super::super::facts::QueueFacts;
use super::super::ledger::Ledger;
use super::super::{Answer, Asked, Exchange};
use super::Check;

pub(super) struct Modes;

impl Check for Modes {
    fn promise(&self) -> &'static str {
        "a paused queue hands nothing out, a draining one takes nothing new"
    }

    fn answered(&mut self, ledger: &Ledger, exchange: &Exchange, answer: &Answer) -> Result<(), String> {
        let all_along = |queue: &str, what| {
            ledger.queues.get(queue).is_some_and(|queue| was_all_along(queue, what, exchange))
        };
        match (&exchange.asked, answer) {
            (Asked::Lease { queue, .. }, Answer::Handed(jobs))
                if !jobs.is_empty() && all_along(queue, QueuePause::NAME) =>
            {
                Err(format!("queue {queue} was paused and handed out {}", jobs[0].id))
            }
            (Asked::Enqueue { queue, .. }, Answer::Accepted(results))
                if all_along(queue, QueueDrain::NAME) =>
            {
                let new = results.iter().flatten().map(|taken| taken.id).find(|id| {
                    let facts = ledger.jobs.get(id);
                    facts.is_some_and(|facts| facts.first_sent == exchange.sent && facts.requests == 1)
                });
                match new {
                    Some(id) => Err(format!("queue {queue} was draining and took {id}")),
                    None => Ok(()),
                }
            }
            _ => Ok(()),
        }
    }
}

/// Whether a queue was in a mode from before a request was sent until after its answer was there.
fn was_all_along(queue: &QueueFacts, what: &str, exchange: &Exchange) -> bool {
    queue.modes.iter().any(|(mode, sent, done)| {
        let begun = *mode == what && done.is_some_and(|done| done < exchange.sent);
        // Any word that may have counted after this one. An unanswered word may count much later: a
        // request can arrive twice.
        let changed = queue.modes.iter().any(|(other, other_sent, other_done)| {
            *other != what
                && *other_sent <= exchange.answered
                && (other_done.is_none_or(|other_done| other_done + LATE_MS >= *sent))
        });
        begun && !changed
    })
}

/// A request that arrived twice may count so much later than its answer.
const LATE_MS: u64 = 10_000;
