//! What is asked of sessions, carried out by the engine.

use sealane_core::id::LockId;
use sealane_core::queue::session::{AcceptSession, SessionCommand, SessionReceipt, SessionView};
use sealane_core::queue::{Command, Event, QueueNumber};
use sealane_core::time::{Millis, Time};
use sealane_core::token::Token;
use sealane_storage::{CallerData, JournalError};

use super::engine::{Engine, Trouble, told};
use super::fault::Fault;
use super::request::{AcceptedSession, Reply, SessionAsk, SessionWish};
use super::session_waiters::{Place, Wish};

impl Engine {
    pub(super) fn accept_or_wait(
        &mut self,
        now: Time,
        wish: SessionWish,
        reply: Reply<Result<Option<AcceptedSession>, Fault>>,
    ) -> Result<(), JournalError> {
        let accepted = told(self.accept(now, &wish))?;
        let number = self.shard().queue_number(&wish.queue);
        let waits = matches!(accepted, Ok(None)) && wish.wait > Millis::default() && !self.is_draining();
        let Some(number) = number.filter(|_| waits) else {
            self.answer_accept(reply, accepted);
            return Ok(());
        };
        let place = match wish.session {
            Some((session, _)) => Place::One(number, session),
            None => Place::Next(wish.queue.clone()),
        };
        let until = now.plus(wish.wait);
        if let Err(Wish::Accept(_, reply)) = self.session_waiters.add(place, Wish::Accept(wish, reply), until)
        {
            self.answer_accept(reply, Err(Fault::TooManyWaiters));
        }
        Ok(())
    }

    fn accept(
        &mut self,
        now: Time,
        wish: &SessionWish,
    ) -> Result<Option<(SessionReceipt, SessionView)>, Trouble> {
        let mut lock = [0; 16];
        self.fill_random(&mut lock)?;
        let accept = AcceptSession {
            queue: &wish.queue,
            session: wish.session.as_ref().map(|(session, _)| *session),
            holder: &wish.holder,
            hold: wish.hold,
            lock: LockId::from_bytes(lock),
        };
        let events = self.decide(now, &Command::Session(SessionCommand::Accept(accept)))?;
        let mut accepted = None;
        for event in events {
            let Event::SessionAccepted { queue, session, lock, .. } = event else {
                unreachable!("accepting a session makes one kind of event")
            };
            let bytes = wish.session.as_ref().map(|(_, name)| name.as_str().as_bytes());
            self.append(event, bytes.map(|bytes| CallerData::Session { queue, bytes }))?;
            let view = self.shard().session(queue, session).expect("a session that is held is there");
            accepted = Some((SessionReceipt { queue, session, lock }, view));
        }
        Ok(accepted)
    }

    /// Does what is asked of a session; the session as it stands then.
    pub(super) fn ask_session(
        &mut self,
        now: Time,
        ask: &SessionAsk,
    ) -> Result<(bool, Option<SessionView>), Trouble> {
        let (command, data) = match ask {
            SessionAsk::Renew { receipt, hold } => {
                (SessionCommand::Renew { receipt: *receipt, hold: *hold }, None)
            }
            SessionAsk::Close { receipt } => (SessionCommand::Close { receipt: *receipt }, None),
            SessionAsk::SetState { receipt, state } => {
                let state = state.as_deref();
                (SessionCommand::SetState { receipt: *receipt, state }, state)
            }
            SessionAsk::Break { queue, session } => {
                (SessionCommand::Break { queue, session: *session }, None)
            }
        };
        let events = self.decide(now, &Command::Session(command))?;
        let changed = !events.is_empty();
        for event in events {
            let queue = match event {
                Event::SessionStateSet { queue, .. } => Some(queue),
                _ => None,
            };
            let data = queue.zip(data).map(|(queue, bytes)| CallerData::Session { queue, bytes });
            self.append(event, data)?;
        }
        let key = match ask {
            SessionAsk::Renew { receipt, .. }
            | SessionAsk::Close { receipt }
            | SessionAsk::SetState { receipt, .. } => Some((receipt.queue, receipt.session)),
            SessionAsk::Break { queue, session } => {
                self.shard().queue_number(queue).map(|number| (number, *session))
            }
        };
        Ok((changed, key.and_then(|(queue, session)| self.shard().session(queue, session))))
    }

    /// Notes which session an event is about, for those who wait for it.
    pub(super) fn note_session(&mut self, event: &Event) {
        if self.session_waiters.is_empty() {
            return;
        }
        let touched: Option<(QueueNumber, Token)> = match event {
            Event::SessionAccepted { queue, session, .. }
            | Event::SessionEnded { queue, session, .. }
            | Event::SessionRenewed { queue, session, .. } => Some((*queue, *session)),
            other => other.job().and_then(|job| self.shard().session_of(&job)),
        };
        if let Some((queue, session)) = touched {
            self.session_waiters.touch(queue, session);
        }
    }

    /// Serves those who wait for a session that something happened to.
    pub(super) fn serve_session_waiters(&mut self, now: Time) -> Result<(), JournalError> {
        for place in self.session_waiters.take_touched() {
            if let Place::Next(queue) = &place {
                let shard = self.shard();
                if !shard.queue_number(queue).is_some_and(|number| shard.has_free_session(number)) {
                    continue;
                }
            }
            let mut line = self.session_waiters.take(&place);
            let mut left = std::collections::VecDeque::with_capacity(line.len());
            while let Some(mut waiter) = line.pop_front() {
                waiter.wish = match waiter.wish {
                    Wish::Accept(wish, reply) => match told(self.accept(now, &wish))? {
                        Ok(None) => Wish::Accept(wish, reply),
                        accepted => {
                            self.answer_accept(reply, accepted);
                            continue;
                        }
                    },
                    Wish::Lease(wish, reply) => match told(self.lease(now, &wish))? {
                        Ok(jobs) if jobs.is_empty() => Wish::Lease(wish, reply),
                        leased => {
                            self.answer_lease(reply, leased);
                            continue;
                        }
                    },
                };
                left.push_back(waiter);
                // Why: where there is none for the first of them, there is none for the others.
                if matches!(place, Place::Next(_)) {
                    left.append(&mut line);
                }
            }
            self.session_waiters.put_back(place, left);
        }
        let end = if self.is_draining() { Time::from_unix_ms(u64::MAX) } else { now };
        for waiter in self.session_waiters.ended(end) {
            match waiter.wish {
                Wish::Accept(_, reply) => self.answer_accept(reply, Ok(None)),
                Wish::Lease(_, reply) => self.answer_lease(reply, Ok(Vec::new())),
            }
        }
        Ok(())
    }

    fn answer_accept(
        &mut self,
        reply: Reply<Result<Option<AcceptedSession>, Fault>>,
        accepted: Result<Option<(SessionReceipt, SessionView)>, Fault>,
    ) {
        let back = self.back();
        let accepted = accepted
            .map(|accepted| accepted.map(|(receipt, view)| AcceptedSession::new(receipt, view, back)));
        self.answer(reply, accepted);
    }
}
