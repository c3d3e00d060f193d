//! Sessions as they stand.

use std::ops::Bound;

use super::command::SessionReceipt;
use super::index::{Key, Session};
use crate::id::JobId;
use crate::job::State;
use crate::name::Principal;
use crate::queue::event::QueueNumber;
use crate::queue::refusal::Refusal;
use crate::queue::shard::Shard;
use crate::record::RecordRef;
use crate::time::Time;
use crate::token::Token;

/// Sessions of a queue, by what there is of them. Kept with every change, never counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SessionCounts {
    /// Those with jobs in line, a holder, or something remembered.
    pub sessions: u64,
    /// Those that somebody holds.
    pub held: u64,
    /// Those that remember something.
    pub with_state: u64,
}

/// The record that a session's name stands in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SessionName {
    /// That of a job of it, with what its producer supplied.
    Job(RecordRef),
    /// That of a hold, with the name alone.
    Hold(RecordRef),
}

/// A session as it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionView {
    /// Of which queue.
    pub queue: QueueNumber,
    /// Which.
    pub session: Token,
    /// Where its name stands.
    pub name: SessionName,
    /// Jobs in line: sent and not ended.
    pub jobs: u32,
    /// The first of them,
    pub first_job: Option<JobId>,
    /// and how it stands.
    pub first: Option<State>,
    /// Who holds it.
    pub holder: Option<Principal>,
    /// Since when.
    pub held_since: Option<Time>,
    /// When that ends unless something happens first: its time is over, or its holder idle.
    pub held_until: Option<Time>,
    /// When its time is over unless renewed.
    pub hold_over_at: Option<Time>,
    /// Jobs of it in the holder's hands.
    pub out: u32,
    /// Where what it remembers stands.
    pub state: Option<RecordRef>,
}

impl Shard {
    /// A session of a queue.
    pub fn session(&self, queue: QueueNumber, session: Token) -> Option<SessionView> {
        let key = (queue, session);
        self.sessions.sessions.get(&key).map(|session| self.session_view(key, session))
    }

    /// Sessions of a queue by token, from behind `after`.
    pub fn sessions(
        &self,
        queue: QueueNumber,
        after: Option<Token>,
        max: usize,
    ) -> impl Iterator<Item = SessionView> {
        let first = (queue, Token::from_bytes([0; 16]));
        let from = after.map_or(Bound::Included(first), |after| Bound::Excluded((queue, after)));
        let last = (queue, Token::from_bytes([u8::MAX; 16]));
        let sessions = self.sessions.sessions.range((from, Bound::Included(last))).take(max);
        sessions.map(|(key, session)| self.session_view(*key, session))
    }

    /// How many sessions a queue has.
    pub fn session_counts(&self, queue: QueueNumber) -> SessionCounts {
        self.sessions.counts.get(&queue).copied().unwrap_or_default()
    }

    /// The session that a job, live or still remembered, was sent with, where its queue keeps sessions.
    pub fn session_of(&self, job: &JobId) -> Option<(QueueNumber, Token)> {
        let job = self.jobs.get(job).or_else(|| self.finished.get(job).map(|finished| &finished.job))?;
        self.session_key(job)
    }

    /// Whether a session is held with this receipt, and until when unless something happens first.
    ///
    /// # Errors
    /// When it is not.
    pub fn held_until(&self, receipt: &SessionReceipt, now: Time) -> Result<Time, Refusal> {
        self.held(receipt, now).map(super::index::Lock::ends)
    }

    /// Whether there is a session to be had by whoever wants the next free one.
    pub fn has_free_session(&self, queue: QueueNumber) -> bool {
        let from = (queue, false, 0, Token::from_bytes([0; 16]));
        let paused = self.queue_at(queue).mode == crate::queue::settings::QueueMode::Paused;
        !paused && self.sessions.free.range(from..).next().is_some_and(|(found, ..)| *found == queue)
    }

    fn session_view(&self, key: Key, session: &Session) -> SessionView {
        let lock = session.lock.as_deref();
        let first = self.sessions.first(key).next().and_then(|id| self.jobs.get(&id));
        SessionView {
            queue: key.0,
            session: key.1,
            name: session.name,
            jobs: session.jobs,
            first_job: self.sessions.first(key).next(),
            first: first.map(|job| job.state()),
            holder: lock.map(|lock| lock.holder.clone()),
            held_since: lock.map(|lock| lock.since),
            held_until: lock.map(super::index::Lock::ends),
            hold_over_at: lock.map(|lock| lock.until),
            out: lock.map_or(0, |lock| lock.out),
            state: session.state,
        }
    }
}
