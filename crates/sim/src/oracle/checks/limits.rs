//! Limits are never exceeded: not in how many run at once, not in how many start in a time, neither of a
//! queue nor of a fair key in it. The journal knows each start and each end; of those leases that clients
//! know of, a part of that must be true at any moment as well.

use std::collections::BTreeMap;

use sealane::JobId;
use sealane_api::v1::StartRate;
use sealane_core::queue::{Event, QueueNumber, Rate, ReleaseReason, RunLimit};
use sealane_core::time::{Millis, Time};
use sealane_core::token::Token;

use super::super::facts::{JobFacts, LeaseFacts};
use super::super::ledger::Ledger;
use super::super::replay::{Replay, Replayed, Stands};
use super::super::{Answer, Asked, Exchange};
use super::Check;
use super::holders::is_held;

/// Whose starts these are: a queue's, or those of a key in it.
type Whose = (QueueNumber, Option<Option<Token>>);

#[derive(Default)]
pub(super) struct Limits {
    /// The starts that counted, in their order.
    starts: BTreeMap<Whose, Vec<(Time, JobId)>>,
}

/// How far a server's clock may stand behind at one start and not at the next: so much more may have passed
/// for it than for everybody else.
const CLOCK_BACK_MS: u64 = 5_000;

impl Check for Limits {
    fn promise(&self) -> &'static str {
        "limits are never exceeded"
    }

    fn recorded(&mut self, _: &Ledger, replay: &Replay, event: &Event) -> Result<(), String> {
        match event {
            Event::JobLeased { job, at, .. } => {
                let Some(facts) = replay.jobs.get(job) else { return Ok(()) };
                let Some(queue) = replay.queues.get(&facts.queue) else { return Ok(()) };
                let key = facts.options.fair_key;
                let (all, of_key) = (&queue.settings.limit, &queue.settings.limit_per_key);
                at_once(replay, job, facts, all, |_| true)?;
                at_once(replay, job, facts, of_key, |other| other.options.fair_key == key)?;
                self.in_a_time((facts.queue, None), (*at, *job), all.rate)?;
                self.in_a_time((facts.queue, Some(key)), (*at, *job), of_key.rate)
            }
            Event::JobReleased { job, reason: ReleaseReason::Undelivered, .. } => {
                // It reached nobody, and gave its token back.
                for starts in self.starts.values_mut() {
                    if let Some(last) = starts.iter().rposition(|(_, other)| other == job) {
                        starts.remove(last);
                    }
                }
                Ok(())
            }
            Event::QueueChanged { number, settings, .. } => {
                let before = replay.queues.get(number).map(|queue| queue.settings);
                let rates = |limits: &RunLimit| limits.rate;
                // A changed rate begins with a full bucket.
                if before.is_some_and(|before| rates(&before.limit) != rates(&settings.limit)) {
                    self.starts.remove(&(*number, None));
                }
                if before.is_some_and(|before| rates(&before.limit_per_key) != rates(&settings.limit_per_key))
                {
                    self.starts.retain(|whose, _| whose.0 != *number || whose.1.is_none());
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn answered(&mut self, ledger: &Ledger, exchange: &Exchange, answer: &Answer) -> Result<(), String> {
        let (Asked::Lease { queue, .. }, Answer::Handed(jobs)) = (&exchange.asked, answer) else {
            return Ok(());
        };
        let Some(settings) = ledger.queues.get(queue).map(|queue| &queue.settings) else { return Ok(()) };
        let now = exchange.answered;
        let keys = jobs.iter().filter_map(|job| ledger.jobs.get(&job.id.0)).map(|facts| &facts.fair_key);
        for key in keys {
            let bounds = [
                (settings.concurrency, settings.rate, None),
                (settings.concurrency_per_key, settings.rate_per_key, Some(key)),
            ];
            for (concurrency, rate, of) in bounds {
                let leases = || leases(ledger, queue, of);
                let held = leases().filter(|(facts, lease)| is_held(ledger, facts, lease, now)).count();
                if concurrency.is_some_and(|most| u64::from(most) < count(held)) {
                    return Err(format!("{held} jobs of {queue} run at {now}, key {of:?}"));
                }
                let Some(rate) = rate else { continue };
                let began: Vec<u64> = leases().map(|(_, lease)| lease.sent).collect();
                let too_many = began.iter().find(|from| {
                    let starts = began.iter().filter(|sent| sent >= from).count();
                    count(starts) > most(&rate, now - **from + CLOCK_BACK_MS)
                });
                if let Some(from) = too_many {
                    return Err(format!(
                        "{rate:?} does not let so many jobs of {queue} start from {from} to {now}"
                    ));
                }
            }
        }
        Ok(())
    }
}

/// The leases of a queue that anybody heard of, or of one key in it.
fn leases<'a>(
    ledger: &'a Ledger,
    queue: &'a str,
    key: Option<&'a Option<String>>,
) -> impl Iterator<Item = (&'a JobFacts, &'a LeaseFacts)> {
    let jobs = ledger.jobs.values().filter(move |facts| key.is_none_or(|key| facts.fair_key == *key));
    jobs.flat_map(|facts| facts.leases.iter().map(move |lease| (facts, lease)))
        .filter(move |(_, lease)| lease.queue == queue)
}

fn at_once(
    replay: &Replay,
    id: &JobId,
    job: &Replayed,
    limit: &RunLimit,
    counts: impl Fn(&Replayed) -> bool,
) -> Result<(), String> {
    let Some(most) = limit.concurrency else { return Ok(()) };
    let runs = |other: &&Replayed| {
        other.queue == job.queue && matches!(other.stands, Stands::Running { .. }) && counts(other)
    };
    let running = replay.jobs.values().filter(runs).count();
    if count(running) < u64::from(most) {
        return Ok(());
    }
    Err(format!("{id} of {} was leased while {running} ran, and {most} may", replay.name(job.queue)))
}

impl Limits {
    fn in_a_time(&mut self, whose: Whose, start: (Time, JobId), rate: Option<Rate>) -> Result<(), String> {
        let Some(rate) = rate else { return Ok(()) };
        let rate = StartRate::from(rate);
        let starts = self.starts.entry(whose).or_default();
        starts.push(start);
        let (at, job) = start;
        for (place, (from, _)) in starts.iter().enumerate() {
            let number = count(starts.len() - place);
            if number > most(&rate, at.since(*from).get()) {
                return Err(format!("{job} was start {number} since {from:?}, at {at:?}, beyond {rate:?}"));
            }
        }
        Ok(())
    }
}

/// How many may start in a time.
fn most(rate: &StartRate, ms: u64) -> u64 {
    let Rate { starts, period, burst } = Rate::from(*rate);
    let period: Millis = period;
    u64::from(burst) + ms.saturating_mul(u64::from(starts)) / period.get().max(1)
}

fn count(number: usize) -> u64 {
    u64::try_from(number).expect("a length in memory fits 64 bits")
}
