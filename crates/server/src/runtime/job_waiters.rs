//! Requests that wait for a job to end.

use std::collections::{BTreeMap, BTreeSet};

use sealane_core::id::JobId;
use sealane_core::limits;
use sealane_core::time::Time;

use super::fault::Fault;
use super::request::Reply;

/// Who waits: it hears that there is something to see, and looks for itself.
pub(super) type Ended = Reply<Result<(), Fault>>;

struct Waiter {
    until: Time,
    reply: Ended,
}

#[derive(Default)]
pub(super) struct JobWaiters {
    /// By the number with which they came, so that one of thousands is taken out without a look at the others.
    jobs: BTreeMap<JobId, BTreeMap<u64, Waiter>>,
    ends: BTreeSet<(Time, u64, JobId)>,
    next_number: u64,
}

impl JobWaiters {
    /// Lets a request wait; gives the sender back when too many wait already.
    pub(super) fn add(&mut self, job: JobId, until: Time, reply: Ended) -> Result<(), Ended> {
        if self.ends.len() >= limits::JOB_WAITERS_MAX {
            self.forget_gone();
        }
        if self.ends.len() >= limits::JOB_WAITERS_MAX {
            return Err(reply);
        }
        let number = self.next_number;
        self.next_number += 1;
        self.ends.insert((until, number, job));
        self.jobs.entry(job).or_default().insert(number, Waiter { until, reply });
        Ok(())
    }

    /// Whether somebody waits for this job.
    pub(super) fn wait_for(&self, job: &JobId) -> bool {
        self.jobs.contains_key(job)
    }

    /// All who wait for a job that has ended.
    pub(super) fn ended(&mut self, job: &JobId) -> Vec<Ended> {
        let waiters = self.jobs.remove(job).unwrap_or_default();
        for (number, waiter) in &waiters {
            self.ends.remove(&(waiter.until, *number, *job));
        }
        waiters.into_values().map(|waiter| waiter.reply).collect()
    }

    /// When the first of them has waited long enough.
    pub(super) fn next_end(&self) -> Option<Time> {
        self.ends.first().map(|(until, _, _)| *until)
    }

    /// Those who have waited long enough.
    pub(super) fn time_is_up(&mut self, now: Time) -> Vec<Ended> {
        let mut told = Vec::new();
        while let Some((until, number, job)) =
            self.ends.first().filter(|(until, _, _)| *until <= now).copied()
        {
            self.ends.remove(&(until, number, job));
            let Some(waiters) = self.jobs.get_mut(&job) else { continue };
            told.extend(waiters.remove(&number).map(|waiter| waiter.reply));
            if waiters.is_empty() {
                self.jobs.remove(&job);
            }
        }
        told
    }

    /// Drops those whose callers left.
    fn forget_gone(&mut self) {
        let ends = &mut self.ends;
        self.jobs.retain(|job, waiters| {
            waiters.retain(|number, waiter| {
                let here = !waiter.reply.is_closed();
                if !here {
                    ends.remove(&(waiter.until, *number, *job));
                }
                here
            });
            !waiters.is_empty()
        });
    }
}
