//! Rates and concurrency, reckoned from all starts anew each time.

use sealane_core::job::State;
use sealane_core::queue::{Rate, RunLimit};
use sealane_core::token::Token;

use super::Plain;
use super::settings::Start;

impl Plain {
    /// How many more jobs of a queue may start.
    pub fn room_of_queue(&self, queue: usize) -> u64 {
        let limit = &self.queues[queue].settings.limit;
        let running = self.running(queue, |_| true);
        room(limit, running, self.queues[queue].starts.iter(), self.now)
    }

    /// How many more jobs of a fair key may start, whatever the queue lets.
    pub fn room_of_key(&self, queue: usize, fair: Option<Token>) -> u64 {
        let limit = &self.queues[queue].settings.limit_per_key;
        room(limit, self.running(queue, |key| key == fair), self.starts_of(queue, fair), self.now)
    }

    /// Since when the rate of a key has let it go on, or from when on it will; `None` where its slots are full.
    pub fn key_opens(&self, queue: usize, fair: Option<Token>) -> Option<u64> {
        let limit = &self.queues[queue].settings.limit_per_key;
        if limit.concurrency.is_some_and(|jobs| self.running(queue, |key| key == fair) >= u64::from(jobs)) {
            return None;
        }
        let Some(rate) = &limit.rate else { return Some(0) };
        let starts: Vec<Start> = self.starts_of(queue, fair).copied().collect();
        let last = starts.last().map_or(0, |start| start.at);
        let may_be_missing = (u128::from(rate.burst) - 1) * u128::from(rate.period.get());
        let too_much = missing(rate, starts.iter(), last).saturating_sub(may_be_missing);
        let wait = too_much.div_ceil(u128::from(rate.starts));
        Some(if too_much == 0 { 0 } else { last + u64::try_from(wait).expect("rates are small here") })
    }

    /// Whether something has to be remembered of a key without jobs: its rate is not full again.
    pub fn key_is_spent(&self, queue: usize, fair: Option<Token>) -> bool {
        let limit = &self.queues[queue].settings.limit_per_key;
        limit.rate.is_some_and(|rate| missing(&rate, self.starts_of(queue, fair), self.now) > 0)
    }

    fn running(&self, queue: usize, key: impl Fn(Option<Token>) -> bool) -> u64 {
        let runs = self.jobs.iter().filter(|job| job.queue == queue && job.state == State::Running);
        runs.filter(|job| key(job.fair)).count() as u64
    }

    fn starts_of(&self, queue: usize, fair: Option<Token>) -> impl Iterator<Item = &Start> {
        self.queues[queue].key_starts.iter().filter(move |start| start.fair == fair)
    }

    /// A job is handed out.
    pub fn note_start(&mut self, queue: usize, fair: Option<Token>, back: bool) {
        let start = Start { at: self.now, fair, back };
        let queue = &mut self.queues[queue];
        if queue.settings.limit.rate.is_some() {
            queue.starts.push(start);
        }
        if queue.settings.limit_per_key.rate.is_some() {
            queue.key_starts.push(start);
        }
    }
}

fn room<'a>(limit: &RunLimit, running: u64, starts: impl Iterator<Item = &'a Start>, now: u64) -> u64 {
    let slots = limit.concurrency.map_or(u64::MAX, |jobs| u64::from(jobs).saturating_sub(running));
    let tokens = limit.rate.map_or(u64::MAX, |rate| {
        let holds = u128::from(rate.burst) * u128::from(rate.period.get());
        let left = holds.saturating_sub(missing(&rate, starts, now)) / u128::from(rate.period.get());
        u64::try_from(left).expect("bursts are small")
    });
    slots.min(tokens)
}

/// What is missing in a bucket, in parts of which a token has as many as the period has milliseconds.
fn missing<'a>(rate: &Rate, starts: impl Iterator<Item = &'a Start>, now: u64) -> u128 {
    let (mut missing, mut last) = (0u128, 0);
    let token = u128::from(rate.period.get());
    for start in starts {
        missing = missing.saturating_sub(u128::from(start.at - last) * u128::from(rate.starts));
        missing = if start.back { missing.saturating_sub(token) } else { missing + token };
        last = start.at;
    }
    missing.saturating_sub(u128::from(now.saturating_sub(last)) * u128::from(rate.starts))
}
