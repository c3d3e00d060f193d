//! Jobs that are accepted together or not at all: each is judged as if those before it were there.

use std::collections::BTreeMap;

use super::command::Enqueue;
use super::event::{Event, QueueNumber};
use super::refusal::Refusal;
use super::shard::Shard;
use crate::id::JobId;
use crate::time::Time;

/// Jobs that were judged and are not there yet.
#[derive(Debug, Default)]
pub(super) struct Together {
    jobs: BTreeMap<JobId, Judged>,
    children: BTreeMap<JobId, usize>,
    queues: BTreeMap<QueueNumber, u64>,
}

#[derive(Debug)]
struct Judged {
    digest: [u8; 16],
    depth: u32,
}

impl Together {
    pub(super) fn has(&self, id: &JobId) -> bool {
        self.jobs.contains_key(id)
    }

    pub(super) fn digest(&self, id: &JobId) -> Option<[u8; 16]> {
        self.jobs.get(id).map(|judged| judged.digest)
    }

    pub(super) fn depth(&self, id: &JobId) -> Option<u32> {
        self.jobs.get(id).map(|judged| judged.depth)
    }

    /// How many of them wait for this one.
    pub(super) fn children(&self, parent: &JobId) -> usize {
        self.children.get(parent).copied().unwrap_or(0)
    }

    pub(super) fn len(&self) -> usize {
        self.jobs.len()
    }

    /// How many of them are for this queue.
    pub(super) fn waiting(&self, queue: QueueNumber) -> u64 {
        self.queues.get(&queue).copied().unwrap_or(0)
    }
}

/// One of several jobs was refused, so none was accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OneRefused {
    /// Which, by its place.
    pub place: usize,
    /// Why.
    pub refusal: Refusal,
}

impl Shard {
    /// Judges jobs that are accepted together or not at all. Each may wait for those before it. Those
    /// that are known already make no event: with none at all, everything was accepted before.
    pub fn decide_together(&self, now: Time, jobs: &[Enqueue<'_>]) -> Result<Vec<Event>, OneRefused> {
        let mut together = Together::default();
        let mut events = Vec::with_capacity(jobs.len());
        for (place, job) in jobs.iter().enumerate() {
            let judged = self.decide_enqueue(now, job, &together);
            let judged = judged.map_err(|refusal| OneRefused { place, refusal })?;
            for event in &judged {
                let Event::JobEnqueued(enqueued) = event else { continue };
                let links = enqueued.options.as_ref().and_then(|options| options.links.as_deref());
                let depth = links.map_or(1, |links| self.depth(links, &together));
                for parent in links.into_iter().flat_map(|links| links.parents()) {
                    *together.children.entry(*parent).or_default() += 1;
                }
                together.jobs.insert(enqueued.job, Judged { digest: enqueued.digest, depth });
                *together.queues.entry(enqueued.queue).or_default() += 1;
            }
            events.extend(judged);
        }
        Ok(events)
    }
}
