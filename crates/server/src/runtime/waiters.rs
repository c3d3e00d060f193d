//! Lease requests that wait for work: first come, first served, each queue for itself.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use sealane_core::limits;
use sealane_core::name::QueueName;
use sealane_core::time::Time;

use super::fault::Fault;
use super::request::{LeaseWish, LeasedJobs, Reply};

pub(super) struct Waiter {
    pub(super) wish: LeaseWish,
    pub(super) reply: Reply<Result<LeasedJobs, Fault>>,
    number: u64,
    until: Time,
}

#[derive(Default)]
pub(super) struct Waiters {
    queues: BTreeMap<QueueName, VecDeque<Waiter>>,
    ends: BTreeSet<(Time, u64, QueueName)>,
    next_number: u64,
}

impl Waiters {
    /// Lets a request wait; gives the sender back when too many wait already.
    pub(super) fn add(
        &mut self,
        wish: LeaseWish,
        until: Time,
        reply: Reply<Result<LeasedJobs, Fault>>,
    ) -> Result<(), Reply<Result<LeasedJobs, Fault>>> {
        if self.ends.len() >= limits::LEASE_WAITERS_MAX {
            self.forget_gone();
        }
        if self.ends.len() >= limits::LEASE_WAITERS_MAX {
            return Err(reply);
        }
        let number = self.next_number;
        self.next_number += 1;
        self.ends.insert((until, number, wish.queue.clone()));
        self.queues.entry(wish.queue.clone()).or_default().push_back(Waiter { wish, reply, number, until });
        Ok(())
    }

    /// Queues that somebody waits at.
    pub(super) fn queues(&self) -> Vec<QueueName> {
        self.queues.keys().cloned().collect()
    }

    /// The one who has waited longest at a queue and is still there.
    pub(super) fn next(&mut self, queue: &QueueName) -> Option<Waiter> {
        let line = self.queues.get_mut(queue)?;
        let mut found = None;
        while let Some(waiter) = line.pop_front() {
            self.ends.remove(&(waiter.until, waiter.number, queue.clone()));
            if !waiter.reply.is_closed() {
                found = Some(waiter);
                break;
            }
        }
        if line.is_empty() {
            self.queues.remove(queue);
        }
        found
    }

    /// When the first of them has waited long enough.
    pub(super) fn next_end(&self) -> Option<Time> {
        self.ends.first().map(|(until, _, _)| *until)
    }

    /// Those who have waited long enough.
    pub(super) fn ended(&mut self, now: Time) -> Vec<Waiter> {
        let mut ended = Vec::new();
        while let Some((until, number, queue)) =
            self.ends.first().filter(|(until, _, _)| *until <= now).cloned()
        {
            self.ends.remove(&(until, number, queue.clone()));
            let Some(line) = self.queues.get_mut(&queue) else { continue };
            if let Some(at) = line.iter().position(|waiter| waiter.number == number) {
                ended.extend(line.remove(at));
            }
            if line.is_empty() {
                self.queues.remove(&queue);
            }
        }
        ended
    }

    /// Drops those whose callers left.
    fn forget_gone(&mut self) {
        let ends = &mut self.ends;
        self.queues.retain(|queue, line| {
            line.retain(|waiter| {
                let here = !waiter.reply.is_closed();
                if !here {
                    ends.remove(&(waiter.until, waiter.number, queue.clone()));
                }
                here
            });
            !line.is_empty()
        });
    }
}
