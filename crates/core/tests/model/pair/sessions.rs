//! Holding sessions.

use sealane_core::queue::QueueNumber;
use sealane_core::queue::session::{AcceptSession, LeaseSession, SessionCommand, SessionReceipt};
use sealane_core::queue::{Command, Event};
use sealane_core::time::Millis;
use sealane_core::token::Token;

use super::{Pair, queue_name, token, worker};
use crate::plain::Reasons;
use crate::step::{Pick, Step};

impl Pair {
    pub fn session_step(&mut self, step: &Step) {
        match step {
            Step::Accept { queue, session, worker, hold } => {
                self.accept(*queue, session.map(|session| token(3, session)), *worker, *hold);
            }
            Step::Break { queue, session } => self.take_away(*queue, token(3, *session)),
            Step::Close { hold } => {
                let Some((receipt, _)) = self.lock(*hold) else { return };
                let no = self.plain.not_locked(&receipt);
                if self.session("close", SessionCommand::Close { receipt }, &no).is_some() {
                    self.plain.give_back(receipt.queue.0 as usize, receipt.session);
                    self.remember_forgotten();
                }
            }
            Step::Renew { hold, time } => {
                let Some((receipt, _)) = self.lock(*hold) else { return };
                let no = self.plain.may_renew(&receipt, *time);
                let command = SessionCommand::Renew { receipt, hold: time.map(Millis::new) };
                if self.session("renew", command, &no).is_some() {
                    self.plain.renew(&receipt, *time);
                }
            }
            Step::SetState { hold, bytes } => {
                let Some((receipt, _)) = self.lock(*hold) else { return };
                let no = self.plain.may_remember(&receipt, *bytes);
                let state = bytes.map(|bytes| vec![0; bytes]);
                let command = SessionCommand::SetState { receipt, state: state.as_deref() };
                if let Some(events) = self.session("remember", command, &no) {
                    let news = self.plain.remember(&receipt, *bytes);
                    assert_eq!(events.len(), usize::from(news));
                }
            }
            Step::Take { hold, max, lease } => self.take(*hold, *max, *lease),
            other => unreachable!("{other:?} is about no session"),
        }
    }

    fn session(
        &mut self,
        kind: &'static str,
        command: SessionCommand<'_>,
        no: &Reasons,
    ) -> Option<Vec<Event>> {
        self.ask(kind, &Command::Session(command), no)
    }

    fn accept(&mut self, queue: usize, named: Option<Token>, number: u8, time: Option<u64>) {
        let (name, holder, lock) = (queue_name(queue), worker(number), self.lock_id());
        let known = self.plain.queue(&name);
        let no = self.plain.may_accept(known, time);
        let command = SessionCommand::Accept(AcceptSession {
            queue: &name,
            session: named,
            holder: &holder,
            hold: time.map(Millis::new),
            lock,
        });
        let Some(events) = self.session("accept", command, &no) else { return };
        let queue = known.expect("it was done");
        let had = match events.as_slice() {
            [] => None,
            [Event::SessionAccepted { session, .. }] => Some(*session),
            other => panic!("{other:?}"),
        };
        assert_eq!(had, self.plain.to_be_had(queue, named), "the session that is to be had");
        self.tally.saw(match (had, named) {
            (None, _) => "no session to be had",
            (Some(_), None) => "the next free session",
            (Some(_), Some(_)) => "a named session",
        });
        if let Some(session) = had {
            self.plain.accept(queue, session, lock, &holder, time);
            let number = QueueNumber(u32::try_from(queue).expect("few queues"));
            self.locks.push((SessionReceipt { queue: number, session, lock }, holder));
        }
    }

    fn take(&mut self, hold: Pick, max: usize, lease: Option<u64>) {
        let Some((receipt, holder)) = self.lock(hold) else { return };
        let ids: Vec<_> = (0..max).map(|_| self.lease_id()).collect();
        let no = self.plain.may_take(&receipt, lease);
        let wish = LeaseSession {
            receipt,
            holder: &holder,
            runner: None,
            lease: lease.map(Millis::new),
            lease_ids: &ids,
        };
        let Some(events) = self.session("take", SessionCommand::Lease(wish), &no) else { return };
        let queue = receipt.queue.0 as usize;
        let until = self.plain.lease_until(queue, lease);
        let paused = self.plain.is_paused(queue);
        let mut expected = Vec::new();
        for id in ids.iter().filter(|_| !paused) {
            let Some(job) = self.plain.take(&receipt, *id, until, &holder) else { break };
            expected.push(job);
        }
        if !expected.is_empty() {
            self.tally.saw("jobs under a hold");
        }
        self.handed_out(&events, &holder, &expected);
    }

    fn take_away(&mut self, queue: usize, session: Token) {
        let name = queue_name(queue);
        let known = self.plain.queue(&name);
        let no = if known.is_none() { vec!["QueueUnknown"] } else { Vec::new() };
        let command = SessionCommand::Break { queue: &name, session };
        let Some(events) = self.session("break", command, &no) else { return };
        let queue = known.expect("it was done");
        assert_eq!(events.is_empty(), self.plain.hold(queue, session).is_none());
        self.plain.give_back(queue, session);
        self.remember_forgotten();
    }
}
