//! Sessions: what the machine knows of them by token, with the names and states that belong to these.

use std::collections::HashMap;
use std::sync::Arc;

use sealane_api::problem::Problem;
use sealane_api::v1::{
    HeldSession, LeasedJob, SESSION_FIELD, SessionAcceptIn, SessionAcceptOut, SessionCloseIn, SessionListIn,
    SessionListOut, SessionRenewIn, SessionSetStateIn, SessionStands, SessionStateIn, SessionStateOut,
};
use sealane_api::wire::{Bytes, Text, Timestamp};
use sealane_core::id::{LeaseId, LockId};
use sealane_core::name::{Principal, QueueName, SessionId};
use sealane_core::queue::session::{
    AcceptSession, LeaseSession, SessionCommand, SessionReceipt, SessionView,
};
use sealane_core::queue::{Command, Event, QueueNumber, Refusal, Runner, Shard};
use sealane_core::time::{Millis, Time};
use sealane_core::token::Token;

use super::machine::{self, Machine};
use super::receipt;

/// What stands for a session's name. Inside one process it need not be kept from anybody.
fn token(name: &str) -> Token {
    machine::token(SESSION_FIELD, b"", name.as_bytes())
}

/// The names that sessions were asked for by, and what they remember.
#[derive(Default)]
pub(super) struct Sessions {
    known: HashMap<(QueueNumber, Token), Known>,
    /// How many were kept by the last sweep.
    kept: usize,
}

#[derive(Default)]
struct Known {
    name: Option<String>,
    state: Option<Vec<u8>>,
}

impl Sessions {
    /// Lets go of what belongs to no session any more: in one sweep each time that half of all may be such.
    pub(super) fn sweep(&mut self, shard: &Shard) {
        const SMALL: usize = 64;
        if self.known.len() > SMALL + 2 * self.kept {
            self.known.retain(|(queue, session), _| shard.session(*queue, *session).is_some());
            self.kept = self.known.len();
        }
    }

    fn at(&mut self, receipt: &SessionReceipt) -> &mut Known {
        self.known.entry((receipt.queue, receipt.session)).or_default()
    }
}

impl Machine {
    pub(super) fn accept_session(
        &mut self,
        now: Time,
        queue: &QueueName,
        holder: &Principal,
        wish: &SessionAcceptIn,
        lock: LockId,
    ) -> Result<SessionAcceptOut, Problem> {
        let named = wish.session()?;
        let session = named.as_ref().map(|name| token(name.as_str()));
        let hold = wish.hold_ms.map(Millis::new);
        let accept = AcceptSession { queue, session, holder, hold, lock };
        let events = self.command(now, &Command::Session(SessionCommand::Accept(accept)))?;
        let Some(Event::SessionAccepted { queue: number, session, lock, until, .. }) = events.first() else {
            return Ok(SessionAcceptOut { session: None });
        };
        let receipt = SessionReceipt { queue: *number, session: *session, lock: *lock };
        // A session that was let go and is new again remembers nothing.
        let has_state = self.shard.session(*number, *session).is_some_and(|view| view.state.is_some());
        let known = self.sessions.at(&receipt);
        if let Some(name) = &named {
            known.name = Some(name.to_string());
        }
        if !has_state {
            known.state = None;
        }
        let state = known.state.clone().map(Bytes::from);
        let idle = self.shard.queue(queue).map(|queue| queue.settings.sessions.idle).unwrap_or_default();
        let name = self.shard.session(*number, *session).and_then(|view| self.name_of(&view));
        Ok(SessionAcceptOut {
            session: Some(HeldSession {
                session_id: Text::from(name.unwrap_or_default()),
                receipt: receipt::write_session(&receipt),
                expires_at: Timestamp(*until),
                hold_ms: until.since(now).get(),
                idle_ms: idle.get(),
                state,
            }),
        })
    }

    pub(super) fn lease_session(
        &mut self,
        now: Time,
        queue: &QueueName,
        (text, holder, runner): (&str, &Principal, Option<&Arc<Runner>>),
        lease: Option<Millis>,
        lease_ids: &[LeaseId],
    ) -> Result<Vec<LeasedJob>, Problem> {
        let receipt = read(text)?;
        if self.shard.queue_number(queue) != Some(receipt.queue) {
            return Err(Refusal::SessionLockLost.into());
        }
        let wish = LeaseSession { receipt, holder, runner, lease, lease_ids };
        let events = self.command(now, &Command::Session(SessionCommand::Lease(wish)))?;
        let leased = |event: &Event| match event {
            Event::JobLeased { job, lease, lock, .. } => self.leased(*job, *lease, *lock, now),
            _ => None,
        };
        Ok(events.iter().filter_map(leased).collect())
    }

    pub(super) fn renew_session(
        &mut self,
        now: Time,
        request: &SessionRenewIn,
    ) -> Result<SessionStands, Problem> {
        let receipt = read(&request.receipt)?;
        let hold = request.hold_ms.map(Millis::new);
        self.command(now, &Command::Session(SessionCommand::Renew { receipt, hold }))?;
        Ok(self.stands(&receipt, now))
    }

    pub(super) fn close_session(
        &mut self,
        now: Time,
        request: &SessionCloseIn,
    ) -> Result<SessionStands, Problem> {
        let receipt = read(&request.receipt)?;
        self.command(now, &Command::Session(SessionCommand::Close { receipt }))?;
        Ok(SessionStands::over())
    }

    pub(super) fn session_state(
        &mut self,
        now: Time,
        request: &SessionStateIn,
    ) -> Result<SessionStateOut, Problem> {
        let receipt = read(&request.receipt)?;
        self.pass_time(now);
        self.shard.held_until(&receipt, now)?;
        Ok(SessionStateOut { state: self.sessions.at(&receipt).state.clone().map(Bytes::from) })
    }

    pub(super) fn set_session_state(
        &mut self,
        now: Time,
        request: &SessionSetStateIn,
    ) -> Result<SessionStands, Problem> {
        let receipt = read(&request.receipt)?;
        let state = request.clone().take_state()?;
        let set = SessionCommand::SetState { receipt, state: state.as_deref() };
        self.command(now, &Command::Session(set))?;
        self.sessions.at(&receipt).state = state;
        Ok(self.stands(&receipt, now))
    }

    pub(super) fn sessions(
        &self,
        queue: &QueueName,
        page: &SessionListIn,
    ) -> Result<SessionListOut, Problem> {
        let (max, after) = (page.max()?, page.after()?);
        let number = self.shard.queue_number(queue).ok_or_else(Problem::not_found)?;
        let named = |view: SessionView| (view.clone(), self.name_of(&view));
        Ok(SessionListOut::show(self.shard.sessions(number, after, max).map(named).collect(), max))
    }

    pub(super) fn release_session(
        &mut self,
        now: Time,
        queue: &QueueName,
        session: &SessionId,
    ) -> Result<bool, Problem> {
        let session = token(session.as_str());
        let events = self.command(now, &Command::Session(SessionCommand::Break { queue, session }))?;
        Ok(!events.is_empty())
    }

    fn name_of(&self, view: &SessionView) -> Option<String> {
        let job = view.first_job.and_then(|job| self.records.get(&job));
        let of_job = job.and_then(|record| record.input.session_id.as_ref().map(ToString::to_string));
        of_job.or_else(|| self.sessions.known.get(&(view.queue, view.session))?.name.clone())
    }

    fn stands(&self, receipt: &SessionReceipt, now: Time) -> SessionStands {
        let view = self.shard.session(receipt.queue, receipt.session);
        let until = view.and_then(|view| view.hold_over_at);
        until.map_or_else(SessionStands::over, |until| SessionStands::until(until, now))
    }
}

fn read(text: &str) -> Result<SessionReceipt, Problem> {
    receipt::read_session(text).ok_or_else(|| Refusal::SessionLockLost.into())
}
