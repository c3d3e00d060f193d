//! Idempotency keys: the first answer to a request, kept for a window, so that its repeats are
//! answered the same although their job is done and forgotten.
//!
//! Bounded in all and by sender, so that nobody uses up what others need. Inside its window no key is
//! forgotten: where there is no room for one more, the request that brings it is refused. A key takes
//! at most 200 bytes here: an entry in each of two trees, and its sender's name once for all of them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::event::Event;
use super::refusal::Refusal;
use crate::id::JobId;
use crate::limits;
use crate::name::Principal;
use crate::time::{Millis, Time};
use crate::token::Token;

/// Keys whose window is over are forgotten at full minutes: many in one event, and not one sync each.
const FORGET_EVERY_MS: u64 = 60_000;

/// What a sender tells a repeated request by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IdempotencyKey {
    /// Stands for the key, its sender and its queue together.
    pub key: Token,
    /// Stands for the job's kind and body: the same key for others is a mistake.
    pub fingerprint: Token,
}

/// What an enqueue that was honoured is answered, however often it is repeated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Acceptance {
    /// The job.
    pub job: JobId,
    /// When it was accepted.
    pub created_at: Time,
    /// Whether it was accepted as `delayed`, not as `ready`.
    pub delayed: bool,
    /// Whether it was accepted as `blocked`.
    pub blocked: bool,
    /// Whether another job of the same unique key stood in for what was sent.
    pub merged: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Kept {
    pub(super) fingerprint: Token,
    pub(super) answer: Acceptance,
    pub(super) gone_at: Time,
    pub(super) sender: Arc<Principal>,
}

/// The keys of one namespace.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Keys {
    pub(super) kept: BTreeMap<Token, Kept>,
    /// The same keys, by the end of their windows.
    pub(super) ends: BTreeSet<(Time, Token)>,
    /// How many each sender has.
    pub(super) senders: BTreeMap<Arc<Principal>, usize>,
}

impl Keys {
    pub(super) fn len(&self) -> usize {
        self.kept.len()
    }

    /// The answer kept under a key.
    pub(super) fn answer(&self, now: Time, key: &IdempotencyKey) -> Result<Option<Acceptance>, Refusal> {
        // Why the time: what is over is forgotten a little later.
        match self.kept.get(&key.key).filter(|kept| now < kept.gone_at) {
            None => Ok(None),
            Some(kept) if kept.fingerprint == key.fingerprint => Ok(Some(kept.answer)),
            Some(_) => Err(Refusal::IdempotencyConflict),
        }
    }

    /// Whether there is room for one more key of this sender, behind others that are on their way.
    pub(super) fn room(
        &self,
        sender: &Principal,
        ahead: usize,
        ahead_of_sender: usize,
    ) -> Result<(), Refusal> {
        if self.kept.len() + ahead >= limits::IDEMPOTENCY_KEYS_MAX {
            return Err(Refusal::TooManyKeys);
        }
        let own = self.senders.get(sender).copied().unwrap_or(0);
        if own + ahead_of_sender >= limits::IDEMPOTENCY_KEYS_PER_PRINCIPAL_MAX {
            return Err(Refusal::TooManyKeysOfPrincipal);
        }
        Ok(())
    }

    /// Keeps an answer through the last millisecond of its window.
    pub(super) fn keep(
        &mut self,
        key: &IdempotencyKey,
        sender: &Principal,
        answer: Acceptance,
        at: Time,
        window: Millis,
    ) {
        self.forget(&key.key);
        let gone_at = at.plus(window).plus(Millis::new(1));
        let sender = match self.senders.get_key_value(sender) {
            Some((known, _)) => Arc::clone(known),
            None => Arc::new(sender.clone()),
        };
        *self.senders.entry(Arc::clone(&sender)).or_default() += 1;
        self.ends.insert((gone_at, key.key));
        self.kept.insert(key.key, Kept { fingerprint: key.fingerprint, answer, gone_at, sender });
    }

    /// When some are to be forgotten next.
    pub(super) fn next_deadline(&self) -> Option<Time> {
        let first = self.ends.first()?.0.unix_ms();
        Some(Time::from_unix_ms(first.div_ceil(FORGET_EVERY_MS).saturating_mul(FORGET_EVERY_MS)))
    }

    /// The next slice of those whose window is over.
    pub(super) fn over(&self, now: Time) -> Option<Event> {
        let minute = Time::from_unix_ms(now.unix_ms() - now.unix_ms() % FORGET_EVERY_MS);
        let over = self.ends.iter().take_while(|(gone_at, _)| *gone_at <= minute);
        let (gone_at, key) = *over.take(limits::EXPIRIES_PER_TURN_MAX).last()?;
        Some(Event::KeysForgotten { gone_at, key, at: now })
    }

    /// Forgets all up to this one, in the order of their ends.
    pub(super) fn forget_through(&mut self, gone_at: Time, key: Token) {
        while let Some((_, first)) = self.ends.first().copied().filter(|first| *first <= (gone_at, key)) {
            self.forget(&first);
        }
    }

    fn forget(&mut self, key: &Token) {
        let Some(kept) = self.kept.remove(key) else { return };
        self.ends.remove(&(kept.gone_at, *key));
        let left = self.senders.get_mut(&kept.sender).map_or(0, |keys| {
            *keys -= 1;
            *keys
        });
        if left == 0 {
            self.senders.remove(&kept.sender);
        }
    }

    /// Which index is not that of the keys.
    pub(super) fn out_of_step(&self) -> Option<&'static str> {
        let ends: BTreeSet<_> = self.kept.iter().map(|(key, kept)| (kept.gone_at, *key)).collect();
        let mut senders: BTreeMap<Arc<Principal>, usize> = BTreeMap::new();
        for kept in self.kept.values() {
            *senders.entry(Arc::clone(&kept.sender)).or_default() += 1;
        }
        match () {
            () if ends != self.ends => Some("the ends of the idempotency keys' windows are not theirs"),
            () if senders != self.senders => Some("the senders' numbers of idempotency keys are not theirs"),
            () => None,
        }
    }
}

#[cfg(test)]
mod tests {
    /// Trees are filled to half at least, and hold eleven entries and twelve pointers a node.
    #[test]
    fn a_key_takes_at_most_two_hundred_bytes_between_full_and_middling_nodes() {
        let entry = size_of::<(super::Token, super::Kept)>() + size_of::<(super::Time, super::Token)>();
        assert!(entry <= 128, "{entry} bytes");
    }
}
