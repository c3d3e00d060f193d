//! Judging what is asked of sessions.

use std::collections::{BTreeMap, BTreeSet};

use super::SessionEnd;
use super::command::{AcceptSession, LeaseSession, SessionCommand, SessionReceipt};
use super::index::{Key, Lock};
use crate::id::JobId;
use crate::job::State;
use crate::limits;
use crate::queue::command::Receipt;
use crate::queue::event::{CancelReason, Event, ReleaseReason};
use crate::queue::job::{Job, Phase};
use crate::queue::ready::FairKey;
use crate::queue::refusal::Refusal;
use crate::queue::sealing;
use crate::queue::settings::{QueueMode, QueueSettings};
use crate::queue::shard::{Queue, Shard};
use crate::time::{Millis, Time};
use crate::token::Token;

impl Shard {
    pub(in crate::queue) fn decide_session(
        &self,
        now: Time,
        command: &SessionCommand<'_>,
    ) -> Result<Vec<Event>, Refusal> {
        match command {
            SessionCommand::Accept(accept) => self.decide_accept(now, accept),
            SessionCommand::Lease(lease) => self.decide_session_lease(now, lease),
            SessionCommand::Renew { receipt, hold } => {
                let lock = self.held(receipt, now)?;
                let hold = self.hold(receipt.key(), *hold)?;
                let until = now.plus(hold).min(lock.hold_until);
                Ok(vec![Event::SessionRenewed {
                    queue: receipt.queue,
                    session: receipt.session,
                    until,
                    at: now,
                }])
            }
            SessionCommand::Close { receipt } => {
                self.held(receipt, now)?;
                Ok(self.given_back(now, receipt.key(), SessionEnd::Closed))
            }
            SessionCommand::SetState { receipt, state } => self.decide_state(now, receipt, *state),
            SessionCommand::Break { queue, session } => {
                let number = *self.names.get(*queue).ok_or(Refusal::QueueUnknown)?;
                let key = (number, *session);
                if self.sessions.lock(key).is_none() {
                    return Ok(Vec::new());
                }
                Ok(self.given_back(now, key, SessionEnd::Broken))
            }
        }
    }

    fn decide_accept(&self, now: Time, command: &AcceptSession<'_>) -> Result<Vec<Event>, Refusal> {
        let number = *self.names.get(command.queue).ok_or(Refusal::QueueUnknown)?;
        let queue = self.queue_at(number);
        if !queue.settings.sessions.are_kept() {
            return Err(Refusal::SessionsOff);
        }
        let hold = hold_time(command.hold, &queue.settings)?;
        if self.sessions.held_by.get(command.holder).copied().unwrap_or(0) >= limits::SESSIONS_HELD_MAX {
            return Err(Refusal::TooManySessions);
        }
        if queue.mode == QueueMode::Paused {
            return Ok(Vec::new());
        }
        let session = match command.session {
            Some(session) => self.is_free((number, session)).then_some(session),
            None => self.next_free(now, (number, Token::from_bytes([0; 16]))),
        };
        Ok(session.map_or_else(Vec::new, |session| {
            vec![Event::SessionAccepted {
                queue: number,
                session,
                lock: command.lock,
                holder: command.holder.clone(),
                until: now.plus(hold),
                at: now,
            }]
        }))
    }

    /// Whether nobody holds a session nor works on a job of it.
    fn is_free(&self, key: Key) -> bool {
        let first = self.sessions.first(key).next().and_then(|id| self.jobs.get(&id));
        self.sessions.lock(key).is_none() && first.is_none_or(|job| job.state() != State::Running)
    }

    /// The one whose first job is critical, else the one whose first job came first.
    fn next_free(&self, now: Time, (queue, least): Key) -> Option<Token> {
        let free = self.sessions.free.range((queue, false, 0, least)..);
        let here = free.take_while(|(number, ..)| *number == queue);
        // Why the filter: deadlines are worked off in slices, so a job past its time to live may still be first.
        let may = |token: Token| {
            let first = self.sessions.first((queue, token)).next().and_then(|id| self.jobs.get(&id));
            first.is_some_and(|job| !job.is_expired(now))
        };
        here.map(|(.., token)| *token).find(|token| may(*token))
    }

    fn decide_session_lease(&self, now: Time, command: &LeaseSession<'_>) -> Result<Vec<Event>, Refusal> {
        let receipt = &command.receipt;
        self.held(receipt, now)?;
        let queue = self.queue_at(receipt.queue);
        if queue.mode == QueueMode::Paused {
            return Ok(Vec::new());
        }
        let lease = crate::queue::decide::lease_time(command.lease, &queue.settings)?;
        let until = now.plus(lease).min(now.plus(queue.settings.max_run));
        // Why bounded before what is out is left aside: so many and no more are ever out.
        let line = self.sessions.first(receipt.key()).take(limits::BATCH_ITEMS_MAX);
        let jobs = line
            .filter_map(|id| self.jobs.get(&id).map(|job| (id, &**job)))
            .filter(|(_, job)| job.running().is_none())
            .take_while(|(_, job)| job.phase == Phase::Ready && !job.is_expired(now));
        // Why: what counts for the limits counts here as well, each job for the queue and for its key.
        let mut started = BTreeMap::<FairKey, u64>::new();
        let may_start = |(_, job): &(JobId, &Job)| {
            let all: u64 = started.values().sum();
            let of_key = started.entry(job.fair_key()).or_default();
            let may = *of_key < queue.ready.room(job.fair_key(), now) && all < queue.ready.room_of_all(now);
            *of_key += u64::from(may);
            may
        };
        let leases = command.lease_ids.iter().zip(jobs.take_while(may_start));
        Ok(leases
            .map(|(lease, (job, _))| Event::JobLeased {
                job,
                lease: *lease,
                holder: command.holder.clone(),
                runner: command.runner.cloned(),
                lock: Some(receipt.lock),
                until,
                at: now,
            })
            .collect())
    }

    fn decide_state(
        &self,
        now: Time,
        receipt: &SessionReceipt,
        state: Option<&[u8]>,
    ) -> Result<Vec<Event>, Refusal> {
        self.held(receipt, now)?;
        let (queue, session, at) = (receipt.queue, receipt.session, now);
        let has = self.sessions.sessions.get(&receipt.key()).is_some_and(|found| found.state.is_some());
        if let Some(bytes) = state {
            if bytes.len() > limits::SESSION_STATE_BYTES_MAX {
                return Err(Refusal::SessionState);
            }
            sealing::check_state(self.queue_at(queue).settings.sealing, bytes)?;
        }
        match state {
            Some(_) if !has && self.sessions.states >= limits::SESSION_STATES_MAX => {
                Err(Refusal::TooManySessionStates)
            }
            Some(_) => Ok(vec![Event::SessionStateSet { queue, session, at }]),
            None if has => Ok(vec![Event::SessionStateCleared { queue, session, at }]),
            None => Ok(Vec::new()),
        }
    }

    /// The hold that a receipt is for.
    pub(super) fn held(&self, receipt: &SessionReceipt, now: Time) -> Result<&Lock, Refusal> {
        let lock = self.sessions.lock(receipt.key()).filter(|lock| lock.id == receipt.lock);
        lock.filter(|lock| now < lock.ends()).ok_or(Refusal::SessionLockLost)
    }

    /// Whether a job that was leased under a hold of its session is still held with it.
    pub(in crate::queue) fn is_under_its_lock(&self, job: &Job, now: Time) -> bool {
        let Some(lock) = job.running().and_then(|running| running.lock) else { return true };
        let held = job.session().and_then(|token| self.sessions.lock((job.queue, token)));
        held.is_some_and(|held| held.id == lock && now < held.ends())
    }

    /// Why a lease does not hold its job: because it is over, or the hold of the session that it was
    /// taken under is.
    pub(in crate::queue) fn lost(&self, receipt: &Receipt, now: Time) -> Refusal {
        let Some(lock) = receipt.lock else { return Refusal::LeaseLost };
        let job = self.jobs.get(&receipt.job);
        let job = job.or_else(|| self.finished.get(&receipt.job).map(|finished| &finished.job));
        let held = job.and_then(|job| self.sessions.lock((job.queue, job.session()?)));
        match held.is_some_and(|held| held.id == lock && now < held.ends()) {
            true => Refusal::LeaseLost,
            false => Refusal::SessionLockLost,
        }
    }

    /// Holds that are over by `now`, with the leases under them. Jobs that something else happens to in
    /// this turn are left alone.
    pub(in crate::queue) fn locks_due(&self, now: Time, seen: &mut BTreeSet<JobId>, events: &mut Vec<Event>) {
        for (_, queue, session) in self.sessions.ends.iter().take_while(|(at, ..)| *at <= now) {
            if events.len() >= limits::EXPIRIES_PER_TURN_MAX {
                break;
            }
            let Some(lock) = self.sessions.lock((*queue, *session)) else { continue };
            let out: Vec<JobId> = self.out((*queue, *session)).filter(|id| seen.insert(*id)).collect();
            events.extend(out.into_iter().filter_map(|id| self.lease_over(id, now)));
            let end = if lock.until <= now { SessionEnd::Over } else { SessionEnd::Idle };
            events.push(Event::SessionEnded { queue: *queue, session: *session, end, at: now });
        }
    }

    /// The jobs of a session in its holder's hands.
    fn out(&self, key: Key) -> impl Iterator<Item = JobId> {
        let out = self.sessions.lock(key).map_or(0, |lock| lock.out);
        let out = usize::try_from(out).unwrap_or(usize::MAX);
        let first = self.sessions.first(key);
        first.filter(|id| self.jobs.get(id).is_some_and(|job| job.running().is_some())).take(out)
    }

    /// A hold is given back, and the jobs under it: their attempts do not count.
    fn given_back(&self, now: Time, key: Key, end: SessionEnd) -> Vec<Event> {
        let mut events: Vec<Event> = self
            .out(key)
            .map(|id| match self.jobs.get(&id).is_some_and(|job| job.is_cancel_requested()) {
                true => Event::JobCancelled { job: id, reason: CancelReason::WorkerReleased, at: now },
                false => {
                    Event::JobReleased { job: id, reason: ReleaseReason::Returned, run_at: now, at: now }
                }
            })
            .collect();
        events.push(Event::SessionEnded { queue: key.0, session: key.1, end, at: now });
        events
    }

    fn hold(&self, key: Key, asked: Option<Millis>) -> Result<Millis, Refusal> {
        hold_time(asked, &self.queue_at(key.0).settings)
    }
}

impl SessionReceipt {
    pub(super) fn key(&self) -> Key {
        (self.queue, self.session)
    }
}

impl Queue {
    /// Refuses a job without a session where every job must have one.
    pub(in crate::queue) fn takes_session(&self, session: Option<Token>) -> Result<(), Refusal> {
        if session.is_none() && self.settings.sessions.mode == super::SessionMode::Required {
            return Err(Refusal::SessionRequired);
        }
        Ok(())
    }
}

/// How long a session is held: as wished, at most as the queue lets it.
fn hold_time(asked: Option<Millis>, settings: &QueueSettings) -> Result<Millis, Refusal> {
    let hold = asked.unwrap_or(settings.sessions.hold);
    if (limits::LEASE_MS_MIN..=limits::SESSION_HOLD_MS_MAX).contains(&hold.get()) {
        Ok(hold.min(settings.sessions.hold))
    } else {
        Err(Refusal::SessionHold)
    }
}
