//! Applying what became of sessions.

use super::index::{Key, Lock};
use super::view::SessionName;
use crate::id::JobId;
use crate::queue::event::Event;
use crate::queue::job::Job;
use crate::queue::shard::Shard;
use crate::record::RecordRef;
use crate::time::{Millis, Time};

impl Shard {
    /// Applies an event that is about a session.
    pub(in crate::queue) fn session_event(&mut self, event: &Event, record: RecordRef) {
        let at = event.at();
        match event {
            Event::SessionAccepted { queue, session, lock, holder, until, .. } => {
                let settings = self.queue_at(*queue).settings.sessions;
                let hold_until = at.plus(settings.hold);
                let lock = Lock {
                    id: *lock,
                    holder: holder.clone(),
                    since: at,
                    until: (*until).min(hold_until),
                    hold_until,
                    idle_from: at,
                    idle: settings.idle,
                    out: 0,
                };
                self.accepted((*queue, *session), lock, record);
            }
            Event::SessionRenewed { queue, session, until, .. } => {
                self.sessions.relock((*queue, *session), |lock| {
                    lock.until = (*until).min(lock.hold_until);
                    lock.idle_from = at;
                });
            }
            Event::SessionEnded { queue, session, .. } => self.unlocked((*queue, *session)),
            Event::SessionStateSet { queue, session, .. } => {
                self.remember((*queue, *session), Some(record), at);
            }
            Event::SessionStateCleared { queue, session, .. } => self.remember((*queue, *session), None, at),
            other => unreachable!("the caller's match hands over no {other:?}"),
        }
    }

    fn accepted(&mut self, key: Key, lock: Lock, record: RecordRef) {
        self.withdraw(key);
        self.sessions.ends.insert((lock.ends(), key.0, key.1));
        *self.sessions.held_by.entry(lock.holder.clone()).or_default() += 1;
        self.sessions.entry(key, SessionName::Hold(record)).lock = Some(Box::new(lock));
        self.sessions.counts.entry(key.0).or_default().held += 1;
    }

    fn unlocked(&mut self, key: Key) {
        let lock = self.sessions.sessions.get_mut(&key).and_then(|session| session.lock.take());
        if let Some(lock) = lock {
            self.sessions.ends.remove(&(lock.ends(), key.0, key.1));
            self.sessions.counts.entry(key.0).or_default().held -= 1;
            let held = self.sessions.held_by.get_mut(&lock.holder);
            if held.is_none_or(|held| {
                *held -= 1;
                *held == 0
            }) {
                self.sessions.held_by.remove(&lock.holder);
            }
        }
        self.offer(key);
    }

    fn remember(&mut self, key: Key, state: Option<RecordRef>, at: Time) {
        self.sessions.relock(key, |lock| lock.idle_from = at);
        let Some(session) = self.sessions.sessions.get_mut(&key) else { return };
        let (had, has) = (session.state.is_some(), state.is_some());
        session.state = state;
        let counts = self.sessions.counts.entry(key.0).or_default();
        match (had, has) {
            (false, true) => {
                counts.with_state += 1;
                self.sessions.states += 1;
            }
            (true, false) => {
                counts.with_state -= 1;
                self.sessions.states -= 1;
            }
            _ => {}
        }
        self.sessions.tidy(key);
    }

    /// Changes a job that has a session, and keeps its session's line in step.
    pub(in crate::queue) fn change_in_session(&mut self, id: &JobId, change: impl FnOnce(&mut Job)) {
        let Some(before) = self.jobs.get(id).map(|job| self.session_key(job)) else { return };
        if let Some(key) = before {
            self.withdraw_job(key, id);
            if let Some(job) = self.jobs.get(id) {
                self.sessions.leave(key, job);
            }
        }
        let from = self.jobs.get(id).map(|job| job.queue);
        self.change_alone(id, change);
        let to = self.jobs.get(id).and_then(|job| self.session_key(job)).map(|(queue, _)| queue);
        // Why: whoever comes into another queue's session stands behind those who are there. It stands in no
        // index by its sequence before that, since it is the session's line that hands it out.
        if to.is_some() && to != from {
            if let Some(job) = self.jobs.get_mut(id) {
                job.sequence = self.next_sequence;
            }
            self.next_sequence += 1;
        }
        self.enter_session(id);
        if let Some(key) = before {
            self.offer(key);
        }
    }

    /// Puts a job into its session's line.
    pub(in crate::queue) fn enter_session(&mut self, id: &JobId) {
        let Some((key, job)) = self.jobs.get(id).and_then(|job| Some((self.session_key(job)?, job))) else {
            return;
        };
        let job: &Job = job;
        self.sessions.enter(key, *id, job);
        self.offer(key);
    }

    /// Holds go on for as long as they had left when the server stopped.
    pub(in crate::queue) fn locks_go_on(&mut self, away: Millis) {
        let held: Vec<Key> =
            self.sessions.ends.iter().map(|(_, queue, session)| (*queue, *session)).collect();
        for key in held {
            self.sessions.relock(key, |lock| {
                for time in [&mut lock.until, &mut lock.hold_until, &mut lock.idle_from] {
                    *time = time.plus(away);
                }
            });
        }
    }
}
