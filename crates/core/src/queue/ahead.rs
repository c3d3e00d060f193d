//! Batches that are honoured whole or not at all: each item is judged as if those before it had
//! happened, and nothing has happened before all were judged.

use std::collections::{BTreeMap, BTreeSet};

use super::command::{Enqueue, Receipt, Settle};
use super::event::{Event, QueueNumber};
use super::job::Settled;
use super::keys::IdempotencyKey;
use super::links::Links;
use super::ready::FairKey;
use super::refusal::Refusal;
use super::shard::Shard;
use crate::id::{JobId, LeaseId};
use crate::name::Principal;
use crate::time::Time;
use crate::token::Token;

/// What each item of a batch brings about, or why which of them would be refused.
pub type Together = Result<Vec<Vec<Event>>, Vec<Option<Refusal>>>;

/// What the items before the one that is judged would have brought about.
#[derive(Debug, Default)]
pub(super) struct Ahead {
    digests: BTreeMap<JobId, [u8; 16]>,
    waiting: BTreeMap<QueueNumber, u64>,
    fingerprints: BTreeMap<Token, Token>,
    jobs_of: BTreeMap<Principal, usize>,
    keys_of: BTreeMap<Principal, usize>,
    unique: BTreeMap<(QueueNumber, Token), JobId>,
    fair_keys: BTreeMap<QueueNumber, BTreeSet<FairKey>>,
    depths: BTreeMap<JobId, u32>,
    children: BTreeMap<JobId, usize>,
    links: usize,
}

impl Ahead {
    pub(super) fn digest(&self, job: &JobId) -> Option<[u8; 16]> {
        self.digests.get(job).copied()
    }

    pub(super) fn has(&self, job: &JobId) -> bool {
        self.digests.contains_key(job)
    }

    /// How deep in a flow it stands, where it is one of these.
    pub(super) fn depth(&self, job: &JobId) -> Option<u32> {
        self.depths.get(job).copied()
    }

    /// How many of these wait for a job.
    pub(super) fn children(&self, parent: &JobId) -> usize {
        self.children.get(parent).copied().unwrap_or(0)
    }

    /// How many jobs these wait for, each as often as it is named.
    pub(super) const fn links(&self) -> usize {
        self.links
    }

    pub(super) fn jobs(&self) -> usize {
        self.digests.len()
    }

    pub(super) fn jobs_of(&self, owner: &Principal) -> usize {
        self.jobs_of.get(owner).copied().unwrap_or(0)
    }

    pub(super) fn waiting(&self, queue: QueueNumber) -> u64 {
        self.waiting.get(&queue).copied().unwrap_or(0)
    }

    pub(super) fn has_key(&self, key: &IdempotencyKey) -> Result<bool, Refusal> {
        match self.fingerprints.get(&key.key) {
            None => Ok(false),
            Some(fingerprint) if *fingerprint == key.fingerprint => Ok(true),
            Some(_) => Err(Refusal::IdempotencyConflict),
        }
    }

    pub(super) fn keys(&self) -> usize {
        self.fingerprints.len()
    }

    pub(super) fn keys_of(&self, sender: &Principal) -> usize {
        self.keys_of.get(sender).copied().unwrap_or(0)
    }

    pub(super) fn unique_holder(&self, queue: QueueNumber, key: Token) -> Option<JobId> {
        self.unique.get(&(queue, key)).copied()
    }

    pub(super) fn fair_keys(&self, queue: QueueNumber) -> &BTreeSet<FairKey> {
        const NONE: &BTreeSet<FairKey> = &BTreeSet::new();
        self.fair_keys.get(&queue).unwrap_or(NONE)
    }

    fn note(&mut self, event: &Event, depth: u32) {
        match event {
            Event::JobEnqueued(enqueued) => {
                self.digests.insert(enqueued.job, enqueued.digest);
                *self.jobs_of.entry(enqueued.owner.clone()).or_default() += 1;
                *self.waiting.entry(enqueued.queue).or_default() += 1;
                let options = enqueued.options.as_deref();
                self.depths.insert(enqueued.job, depth);
                let links = options.and_then(|options| options.links.as_deref());
                for parent in links.into_iter().flat_map(Links::parents) {
                    self.links += 1;
                    *self.children.entry(*parent).or_default() += 1;
                }
                let fair_key = options.and_then(|options| options.fair_key);
                self.fair_keys.entry(enqueued.queue).or_default().insert(fair_key);
                if let Some(key) = options.and_then(|options| options.idempotency) {
                    self.note_key(&key, &enqueued.owner);
                }
                if let Some(unique) = options.and_then(|options| options.unique) {
                    self.unique.insert((enqueued.queue, unique.key), enqueued.job);
                }
            }
            Event::JobMerged { sender, key, .. } => self.note_key(key, sender),
            other => unreachable!("sending does not bring about {other:?}"),
        }
    }

    fn note_key(&mut self, key: &IdempotencyKey, sender: &Principal) {
        self.fingerprints.insert(key.key, key.fingerprint);
        *self.keys_of.entry(sender.clone()).or_default() += 1;
    }
}

impl Shard {
    /// Judges jobs that are accepted together or not at all.
    pub fn decide_enqueue_together(&self, now: Time, commands: &[Enqueue<'_>]) -> Together {
        let mut ahead = Ahead::default();
        together(commands.iter().map(|command| {
            let events = self.decide_enqueue(now, command, &ahead)?;
            let links = command.options.and_then(|options| options.links.as_deref());
            let depth = links.map_or(1, |links| self.depth(links, &ahead));
            events.iter().for_each(|event| ahead.note(event, depth));
            Ok(events)
        }))
    }

    /// Judges leases that are settled together or not at all.
    pub fn decide_settle_together(&self, now: Time, items: &[(Receipt, &Settle)]) -> Together {
        let mut settled: BTreeMap<JobId, (LeaseId, Settled)> = BTreeMap::new();
        together(items.iter().map(|(receipt, outcome)| {
            let how = (receipt.lease, outcome.settled());
            match settled.get(&receipt.job) {
                // The same again is a repeat, as it is from one request to the next.
                Some(before) if *before == how => return Ok(Vec::new()),
                // For the reason that it would be refused alone: its session's hold may be over as well.
                Some(_) => return Err(self.lost(receipt, now)),
                None => {}
            }
            let events = self.decide_settle(now, receipt, outcome)?;
            // Why not for a repeat: nothing was settled by it, and a later lease of the job may be.
            if !events.is_empty() {
                settled.insert(receipt.job, how);
            }
            Ok(events)
        }))
    }
}

fn together(judged: impl Iterator<Item = Result<Vec<Event>, Refusal>>) -> Together {
    let judged: Vec<_> = judged.collect();
    if judged.iter().all(Result::is_ok) {
        return Ok(judged.into_iter().flatten().collect());
    }
    Err(judged.into_iter().map(Result::err).collect())
}
