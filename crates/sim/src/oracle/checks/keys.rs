//! One job for each idempotency key within its window, and the first answer again for each repeat; the same
//! key for another body is a mistake and refused.

use std::collections::BTreeMap;

use sealane::JobId;
use sealane_api::v1::JobIn;
use sealane_core::queue::{Event, IdempotencyKey};
use sealane_core::time::Time;
use sealane_core::token::Token;

use super::super::answer::Taken;
use super::super::ledger::Ledger;
use super::super::replay::Replay;
use super::super::{Answer, Asked, Exchange};
use super::Check;

/// What a queue keeps answers for where it says nothing else.
const WINDOW_MS: u64 = 86_400_000;

#[derive(Default)]
pub(super) struct Keys {
    /// What was answered under each key of each queue. Who sends with keys is always the same here.
    answers: BTreeMap<(String, String), Vec<Given>>,
    /// What the journal keeps under each key, and through when.
    kept: BTreeMap<Token, (Token, Time)>,
}

/// An answer that a job was accepted.
struct Given {
    body: Vec<u8>,
    taken: Taken,
}

impl Check for Keys {
    fn promise(&self) -> &'static str {
        "one job for a key, and the first answer for its repeats"
    }

    fn answered(&mut self, ledger: &Ledger, exchange: &Exchange, answer: &Answer) -> Result<(), String> {
        let (Asked::Enqueue { queue, jobs, .. }, Answer::Accepted(results)) = (&exchange.asked, answer)
        else {
            return Ok(());
        };
        let window = ledger.queues.get(queue).and_then(|queue| queue.settings.idempotency_window_ms);
        for (job, result) in jobs.iter().zip(results) {
            let (Some(key), Ok(taken)) = (&job.idempotency_key, result) else { continue };
            let given = Given { body: identity(job), taken: taken.clone() };
            let before = self.answers.entry((queue.clone(), key.to_string())).or_default();
            if let Some(other) = before.iter().find(|other| !go_together(other, &given, window)) {
                return Err(format!(
                    "key {} of {queue} was answered {:?}, and then {:?}",
                    &**key, other.taken, given.taken
                ));
            }
            before.push(given);
        }
        Ok(())
    }

    fn recorded(&mut self, _: &Ledger, replay: &Replay, event: &Event) -> Result<(), String> {
        match event {
            Event::JobEnqueued(new) => {
                let key = new.options.as_ref().and_then(|options| options.idempotency);
                let window = replay.queues.get(&new.queue).map(|queue| queue.settings.idempotency_window);
                self.keep(key, new.job, new.at, new.at.plus(window.unwrap_or_default()))
            }
            Event::JobMerged { job, key, at, .. } => {
                let queue = replay.jobs.get(job).and_then(|job| replay.queues.get(&job.queue));
                let window = queue.map(|queue| queue.settings.idempotency_window);
                self.keep(Some(*key), *job, *at, at.plus(window.unwrap_or_default()))
            }
            _ => Ok(()),
        }
    }
}

impl Keys {
    fn keep(&mut self, key: Option<IdempotencyKey>, job: JobId, at: Time, until: Time) -> Result<(), String> {
        let Some(IdempotencyKey { key, fingerprint }) = key else { return Ok(()) };
        match self.kept.insert(key, (fingerprint, until)) {
            Some((_, before)) if at <= before => {
                Err(format!("{job} was accepted at {at:?} under a key that was kept until {before:?}"))
            }
            _ => Ok(()),
        }
    }
}

/// What a sender says the job is: its body, or where that is sealed, what tells it from others.
fn identity(job: &JobIn) -> Vec<u8> {
    match &job.body_fingerprint {
        Some(fingerprint) => fingerprint.0.to_vec(),
        None => job.body.0.to_vec(),
    }
}

/// Whether both may have been answered under one key.
fn go_together(one: &Given, other: &Given, window_ms: Option<u64>) -> bool {
    let (a, b) = (&one.taken, &other.taken);
    if a.merged || b.merged {
        // What stands in has an age of its own. The journal knows.
        return true;
    }
    if a.id == b.id {
        return one.body == other.body && a.created_ms == b.created_ms && a.state == b.state;
    }
    a.created_ms.abs_diff(b.created_ms) > window_ms.unwrap_or(WINDOW_MS)
}
