//! Every session's jobs in line, who holds it, and what it remembers. A session is here while it has
//! any of these, and gone afterwards.
//!
//! The queue's ready index holds at most one job of a session: the first in line, and only while
//! nobody holds the session. [`Shard::withdraw`] takes it out before it changes or somebody holds the
//! session, [`Shard::offer`] puts the one that is first then back in.

use std::collections::{BTreeMap, BTreeSet};

use super::view::{SessionCounts, SessionName};
use crate::id::{JobId, LockId};
use crate::job::Priority;
use crate::name::Principal;
use crate::queue::event::QueueNumber;
use crate::queue::job::{Job, Phase};
use crate::queue::shard::Shard;
use crate::record::RecordRef;
use crate::time::{Millis, Time};
use crate::token::Token;

/// Which session of which queue.
pub(in crate::queue) type Key = (QueueNumber, Token);

/// The sessions of a namespace.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::queue) struct Sessions {
    pub(in crate::queue) sessions: BTreeMap<Key, Session>,
    /// The jobs that stand in line, by session and in the order they came.
    pub(in crate::queue) line: BTreeMap<(QueueNumber, Token, u64), JobId>,
    /// Sessions that nobody holds and whose first job can be handed out, in the order of service.
    pub(in crate::queue) free: BTreeSet<(QueueNumber, bool, u64, Token)>,
    /// When holds end unless something happens first.
    pub(in crate::queue) ends: BTreeSet<(Time, QueueNumber, Token)>,
    /// How many sessions each principal holds.
    pub(in crate::queue) held_by: BTreeMap<Principal, usize>,
    pub(in crate::queue) counts: BTreeMap<QueueNumber, SessionCounts>,
    /// Sessions that remember something, in all queues.
    pub(in crate::queue) states: usize,
    /// The time of the event that is applied.
    pub(in crate::queue) at: Time,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::queue) struct Session {
    /// Where its name stands.
    pub(in crate::queue) name: SessionName,
    /// Jobs in line.
    pub(in crate::queue) jobs: u32,
    /// Its job that stands in the ready index.
    pub(in crate::queue) offered: Option<JobId>,
    pub(in crate::queue) lock: Option<Box<Lock>>,
    /// Where what it remembers stands.
    pub(in crate::queue) state: Option<RecordRef>,
}

/// The hold of a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::queue) struct Lock {
    pub(in crate::queue) id: LockId,
    pub(in crate::queue) holder: Principal,
    pub(in crate::queue) since: Time,
    pub(in crate::queue) until: Time,
    /// No renewal makes it longer than this.
    pub(in crate::queue) hold_until: Time,
    /// The holder's last word, or when its last job was over.
    pub(in crate::queue) idle_from: Time,
    pub(in crate::queue) idle: Millis,
    /// Jobs of it in the holder's hands.
    pub(in crate::queue) out: u32,
}

impl Lock {
    /// When it ends unless something happens first: a holder with a job in its hands is not idle.
    pub(in crate::queue) fn ends(&self) -> Time {
        if self.out > 0 { self.until } else { self.until.min(self.idle_from.plus(self.idle)) }
    }
}

impl Sessions {
    /// Whoever holds a session, by its own clock: a hold that ran out holds nothing, even before its
    /// end was worked off.
    pub(super) fn lock(&self, key: Key) -> Option<&Lock> {
        self.sessions.get(&key).and_then(|session| session.lock.as_deref())
    }

    /// When the first hold ends unless something happens first.
    pub(in crate::queue) fn next_end(&self) -> Option<Time> {
        self.ends.first().map(|(at, ..)| *at)
    }

    /// The first jobs in line.
    pub(in crate::queue) fn first(&self, (queue, token): Key) -> impl Iterator<Item = JobId> {
        self.line.range((queue, token, 0)..=(queue, token, u64::MAX)).map(|(_, id)| *id)
    }

    /// A session, new where there is none yet.
    pub(super) fn entry(&mut self, key: Key, name: SessionName) -> &mut Session {
        let counts = &mut self.counts;
        self.sessions.entry(key).or_insert_with(|| {
            counts.entry(key.0).or_default().sessions += 1;
            Session { name, jobs: 0, offered: None, lock: None, state: None }
        })
    }

    /// Lets a session go that has nothing any more.
    pub(super) fn tidy(&mut self, key: Key) {
        let empty =
            |session: &Session| session.jobs == 0 && session.lock.is_none() && session.state.is_none();
        if self.sessions.get(&key).is_some_and(empty) {
            self.sessions.remove(&key);
            let none_left = self.counts.get_mut(&key.0).is_none_or(|counts| {
                counts.sessions -= 1;
                counts.sessions == 0
            });
            if none_left {
                self.counts.remove(&key.0);
            }
        }
    }

    /// Changes a hold and keeps the table of ends in step.
    pub(super) fn relock(&mut self, key: Key, change: impl FnOnce(&mut Lock)) {
        if let Some(lock) = self.sessions.get_mut(&key).and_then(|session| session.lock.as_deref_mut()) {
            self.ends.remove(&(lock.ends(), key.0, key.1));
            change(lock);
            self.ends.insert((lock.ends(), key.0, key.1));
        }
    }

    /// A job stands in line from here on.
    pub(in crate::queue) fn enter(&mut self, key: Key, id: JobId, job: &Job) {
        if !job.is_in_line() {
            return;
        }
        self.entry(key, SessionName::Job(job.input_record())).jobs += 1;
        self.line.insert((key.0, key.1, job.sequence), id);
        if job.running().is_some_and(|running| running.lock.is_some()) {
            self.relock(key, |lock| lock.out += 1);
        }
    }

    /// A job stands in line no more, or not as it did.
    pub(in crate::queue) fn leave(&mut self, key: Key, job: &Job) {
        if !job.is_in_line() {
            return;
        }
        if let Some(session) = self.sessions.get_mut(&key) {
            session.jobs -= 1;
        }
        self.line.remove(&(key.0, key.1, job.sequence));
        if job.running().is_some_and(|running| running.lock.is_some()) {
            let at = self.at;
            self.relock(key, |lock| {
                lock.out -= 1;
                lock.idle_from = lock.idle_from.max(at);
            });
        }
    }
}

impl Job {
    /// Its session, where it has one.
    pub(in crate::queue) fn session(&self) -> Option<Token> {
        self.options.as_ref().and_then(|options| options.session())
    }

    /// Whether it stands in its session's line: until it has ended. A job in dead-letter has.
    pub(in crate::queue) fn is_in_line(&self) -> bool {
        !matches!(self.phase, Phase::Dead { .. } | Phase::Ended(_))
    }

    pub(super) fn input_record(&self) -> RecordRef {
        RecordRef { lsn: self.input_lsn, bytes: self.input_bytes }
    }
}

impl Shard {
    /// The session that a job stands in line of, where its queue keeps sessions.
    pub(in crate::queue) fn session_key(&self, job: &Job) -> Option<Key> {
        self.session_key_in(job.queue, job)
    }

    /// The session that it would stand in line of in this queue.
    pub(in crate::queue) fn session_key_in(&self, queue: QueueNumber, job: &Job) -> Option<Key> {
        let token = job.session()?;
        self.queue_at(queue).settings.sessions.are_kept().then_some((queue, token))
    }

    /// Takes a job out of the ready index before it changes, where it stands there for its session. Why not
    /// for any job of the session: the first one's fair key would lose its turn by it.
    pub(in crate::queue) fn withdraw_job(&mut self, key: Key, id: &JobId) {
        if self.sessions.sessions.get(&key).is_some_and(|session| session.offered == Some(*id)) {
            self.withdraw(key);
        }
    }

    /// Takes a session's first job out of the ready index.
    pub(in crate::queue) fn withdraw(&mut self, key: Key) {
        let offered = self.sessions.sessions.get_mut(&key).and_then(|session| session.offered.take());
        if let Some(job) = offered.and_then(|id| self.jobs.get(&id)) {
            self.sessions.free.remove(&(key.0, job.priority != Priority::Critical, job.sequence, key.1));
            ready(&mut self.queues, key.0).remove(job);
        }
    }

    /// Puts a session's first job into the ready index, where it may be handed out; lets the session go
    /// where nothing is left of it.
    pub(in crate::queue) fn offer(&mut self, key: Key) {
        let free = |session: &Session| session.lock.is_none() && session.offered.is_none();
        let free = self.sessions.sessions.get(&key).is_some_and(free);
        let first = self.sessions.first(key).next().filter(|_| free);
        let first = first.and_then(|id| self.jobs.get(&id).map(|job| (id, job)));
        if let Some((id, job)) = first.filter(|(_, job)| job.phase == Phase::Ready) {
            self.sessions.free.insert((key.0, job.priority != Priority::Critical, job.sequence, key.1));
            ready(&mut self.queues, key.0).insert(id, job, self.sessions.at);
            if let Some(session) = self.sessions.sessions.get_mut(&key) {
                session.offered = Some(id);
            }
        }
        self.sessions.tidy(key);
    }
}

fn ready(queues: &mut [crate::queue::shard::Queue], number: QueueNumber) -> &mut crate::queue::ready::Ready {
    &mut crate::queue::shard::queue_in(queues, number).ready
}
