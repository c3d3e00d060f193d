//! Lease requests that wait for work: first come, first served, each queue for itself.

use std::collections::{BTreeMap, BTreeSet};

use sealane_core::limits;
use sealane_core::name::QueueName;
use sealane_core::time::Time;

use super::fault::Fault;
use super::request::{LeaseWish, LeasedJobs, Reply};

pub(super) struct Waiter {
    pub(super) wish: LeaseWish,
    pub(super) reply: Reply<Result<LeasedJobs, Fault>>,
    until: Time,
}

#[derive(Default)]
pub(super) struct Waiters {
    /// By the number with which they came: their order, and one of thousands is taken out without a look at
    /// the others.
    queues: BTreeMap<QueueName, BTreeMap<u64, Waiter>>,
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
        self.queues.entry(wish.queue.clone()).or_default().insert(number, Waiter { wish, reply, until });
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
        while let Some((number, waiter)) = line.pop_first() {
            self.ends.remove(&(waiter.until, number, queue.clone()));
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
            ended.extend(line.remove(&number));
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
            line.retain(|number, waiter| {
                let here = !waiter.reply.is_closed();
                if !here {
                    ends.remove(&(waiter.until, *number, queue.clone()));
                }
                here
            });
            !line.is_empty()
        });
    }
}
