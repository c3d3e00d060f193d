//! First in, first out inside a class and fair key, and keys take turns: told by the journal, which knows
//! what was ready at each moment. Clients see less of it; that is watched as well, in `order`.

use std::collections::BTreeMap;

use sealane::{JobId, Priority};
use sealane_core::queue::{Event, QueueNumber};
use sealane_core::time::Time;
use sealane_core::token::Token;

use super::super::ledger::Ledger;
use super::super::replay::{Replay, Replayed, Stands};
use super::Check;

/// A key in a class of a queue. Jobs without one are one key together.
type Whose = (QueueNumber, Priority, Option<Token>);

#[derive(Default)]
pub(super) struct Turns {
    /// Keys that wait, each with the turns that others had since it began to.
    waiting: BTreeMap<Whose, BTreeMap<Option<Token>, u32>>,
    /// Keys that the last event may have brought or taken away.
    touched: Vec<Whose>,
}

impl Check for Turns {
    fn promise(&self) -> &'static str {
        "first in, first out in a class and key, and keys take turns"
    }

    fn recorded(&mut self, _: &Ledger, replay: &Replay, event: &Event) -> Result<(), String> {
        self.catch_up(replay, event.at());
        let facts = event.job().and_then(|job| replay.jobs.get(&job));
        self.touched.extend(facts.map(whose));
        match (event, facts) {
            (Event::JobEnqueued(new), _) => {
                let key = new.options.as_ref().and_then(|options| options.fair_key);
                self.touched.push((new.queue, new.priority, key));
            }
            (Event::JobMoved { queue, .. }, Some(job)) => {
                self.touched.push((*queue, job.priority, job.options.fair_key));
            }
            (Event::JobReprioritised { priority, .. }, Some(job)) => {
                self.touched.push((job.queue, *priority, job.options.fair_key));
            }
            (Event::JobLeased { job: id, lock: None, at, .. }, Some(job)) => {
                first_of_its_key(replay, id, job, *at)?;
                return self.had_its_turn(replay, id, job);
            }
            _ => {}
        }
        Ok(())
    }
}

fn whose(job: &Replayed) -> Whose {
    (job.queue, job.priority, job.options.fair_key)
}

fn first_of_its_key(replay: &Replay, id: &JobId, job: &Replayed, at: Time) -> Result<(), String> {
    if job.stands != Stands::Ready {
        return Err(format!("{id} was leased and was {:?}", job.stands));
    }
    let before = |other: &Replayed| {
        whose(other) == whose(job) && other.place < job.place && replay.may_be_next(other, at)
    };
    match replay.jobs.iter().find(|(_, other)| before(other)) {
        Some((other, _)) => Err(format!("{id} was leased at {at:?}, and {other} was ready before it")),
        None => Ok(()),
    }
}

impl Turns {
    /// Whether keys of this queue stand in the rounds for as long as they have jobs: a key at its limit
    /// leaves them, and in a session one job stands for all.
    fn are_rounds_plain(replay: &Replay, queue: QueueNumber) -> bool {
        replay.queues.get(&queue).is_some_and(|queue| {
            let limit = &queue.settings.limit_per_key;
            limit.rate.is_none() && limit.concurrency.is_none() && !queue.settings.sessions.are_kept()
        })
    }

    fn catch_up(&mut self, replay: &Replay, at: Time) {
        for key in self.touched.drain(..) {
            let waits = || replay.jobs.values().any(|job| whose(job) == key && replay.may_be_next(job, at));
            if Self::are_rounds_plain(replay, key.0) && waits() {
                self.waiting.entry(key).or_default();
            } else {
                self.waiting.remove(&key);
            }
        }
    }

    fn had_its_turn(&mut self, replay: &Replay, id: &JobId, job: &Replayed) -> Result<(), String> {
        let served = whose(job);
        self.waiting.remove(&served);
        for (waiting, turns) in &mut self.waiting {
            if (waiting.0, waiting.1) != (served.0, served.1) {
                continue;
            }
            let turns = turns.entry(served.2).or_default();
            *turns += 1;
            let waits =
                |other: &Replayed| whose(other) == *waiting && replay.may_be_next(other, replay.last_at);
            if *turns > 1 && replay.jobs.values().any(waits) {
                return Err(format!(
                    "{id} was the second of its key to be served in {} while another key waited",
                    replay.name(job.queue)
                ));
            }
        }
        Ok(())
    }
}
