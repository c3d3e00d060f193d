//! Sessions: hold them, keep them, give them back; what they remember; who holds them.

use sealane_api::operation::{
    SessionAccept, SessionClose, SessionGetState, SessionList, SessionRelease, SessionRenew, SessionSetState,
};
use sealane_api::problem::Problem;
use sealane_api::v1::{
    HeldSession, SESSION_FIELD, SessionAcceptOut, SessionListOut, SessionReleased, SessionStands,
    SessionStateOut,
};
use sealane_api::wire::{Bytes, Text, Timestamp};
use sealane_core::control::AccessKey;
use sealane_core::name::{QueueName, SessionId};
use sealane_core::queue::Refusal;
use sealane_core::queue::session::{SessionName, SessionReceipt, SessionView};
use sealane_core::record::RecordRef;
use sealane_core::time::Millis;
use sealane_core::token::Token;

use crate::authz::Authorized;
use crate::boundary::{Door, Handle};
use crate::keys::TokenField;
use crate::runtime::{SessionAsk, SessionWish};

const SESSION: TokenField = TokenField(SESSION_FIELD);

impl Door {
    /// What stands for a session's name.
    pub(super) fn session_token(&self, session: &SessionId) -> Token {
        self.blind_tokens.of(&self.namespace, SESSION, b"", session.as_str().as_bytes())
    }

    /// Reads a session's receipt. One that was not given to this principal holds nothing.
    pub(super) fn session_receipt(&self, key: &AccessKey, text: &str) -> Result<SessionReceipt, Problem> {
        let read = self.receipts.read_session(&self.namespace, &key.principal, text);
        read.ok_or_else(|| Refusal::SessionLockLost.into())
    }

    /// Refuses a receipt for a session of another queue than the one that was authorised.
    pub(super) async fn check_session_queue(
        &self,
        session: Option<SessionReceipt>,
        queue: &QueueName,
    ) -> Result<(), Problem> {
        let Some(receipt) = session else { return Ok(()) };
        let (namespace, queue) = (self.namespace.clone(), queue.clone());
        let number = self.engine.read(move |machine| machine.shard(&namespace).queue_number(&queue)).await?;
        if number == Some(receipt.queue) { Ok(()) } else { Err(Refusal::SessionLockLost.into()) }
    }

    fn state_of(&self, record: Option<RecordRef>) -> Result<Option<Bytes>, Problem> {
        let Some(record) = record else { return Ok(None) };
        Ok(self.readable(self.records.read_session(record))?.flatten().map(Bytes::from))
    }

    /// A session's name, from the record that it came with; none where that cannot be opened.
    fn name_of(&self, view: &SessionView) -> Result<Option<String>, Problem> {
        Ok(match view.name {
            SessionName::Job(record) => {
                let input = self.readable(self.records.read_job(record))?;
                input.and_then(|input| input.session_id.as_ref().map(ToString::to_string))
            }
            SessionName::Hold(record) => {
                let name = self.readable(self.records.read_session(record))?.flatten();
                name.and_then(|name| String::from_utf8(name).ok())
            }
        })
    }

    fn stands(&self, view: Option<&SessionView>) -> SessionStands {
        let until = view.and_then(|view| view.hold_over_at);
        until.map_or_else(SessionStands::over, |until| SessionStands::until(until, self.clock.now()))
    }
}

impl Handle<SessionAccept> for Door {
    async fn handle(&self, asked: Authorized<SessionAccept>) -> Result<SessionAcceptOut, Problem> {
        let carried = asked.carried();
        let (SessionAccept { queue, wish }, key) = asked.into_parts();
        let named = wish.session()?;
        let session = named.clone().map(|session| (self.session_token(&session), session));
        let accepted = self
            .engine
            .accept_session(SessionWish {
                queue: queue.clone(),
                session,
                holder: key.principal.clone(),
                hold: wish.hold_ms.map(Millis::new),
                wait: wish.wait()?,
            })
            .await?;
        let Some(accepted) = accepted else { return Ok(SessionAcceptOut { session: None }) };
        let name = match named {
            Some(name) => name.to_string(),
            // Why an error gives it back: nobody can open a job of a session without knowing which.
            None => self.name_of(&accepted.view)?.ok_or_else(|| Problem::from(Refusal::SessionLockLost))?,
        };
        let namespace = self.namespace.clone();
        let settings = self
            .engine
            .read(move |machine| machine.shard(&namespace).queue(&queue).map(|queue| queue.settings))
            .await?
            .ok_or_else(Problem::not_found)?;
        let (now, view) = (self.clock.now(), &accepted.view);
        let until = view.hold_over_at.unwrap_or(now);
        let held = HeldSession {
            session_id: Text::from(name),
            receipt: self.receipts.write_session(&self.namespace, &key.principal, &accepted.receipt),
            expires_at: Timestamp(until),
            hold_ms: until.since(now).get(),
            idle_ms: settings.sessions.idle.get(),
            state: self.state_of(view.state)?,
        };
        carried.put(accepted);
        Ok(SessionAcceptOut { session: Some(held) })
    }
}

impl Handle<SessionRenew> for Door {
    async fn handle(&self, asked: Authorized<SessionRenew>) -> Result<SessionStands, Problem> {
        let (SessionRenew { request }, key) = asked.into_parts();
        let receipt = self.session_receipt(&key, &request.receipt)?;
        let hold = request.hold_ms.map(Millis::new);
        let (_, view) = self.engine.session(SessionAsk::Renew { receipt, hold }).await?;
        Ok(self.stands(view.as_ref()))
    }
}

impl Handle<SessionClose> for Door {
    async fn handle(&self, asked: Authorized<SessionClose>) -> Result<SessionStands, Problem> {
        let (SessionClose { request }, key) = asked.into_parts();
        let receipt = self.session_receipt(&key, &request.receipt)?;
        self.engine.session(SessionAsk::Close { receipt }).await?;
        Ok(SessionStands::over())
    }
}

impl Handle<SessionGetState> for Door {
    async fn handle(&self, asked: Authorized<SessionGetState>) -> Result<SessionStateOut, Problem> {
        let (SessionGetState { request }, key) = asked.into_parts();
        let receipt = self.session_receipt(&key, &request.receipt)?;
        let (namespace, now) = (self.namespace.clone(), self.clock.now());
        let state = self
            .engine
            .read(move |machine| {
                let shard = machine.shard(&namespace);
                let state = shard.session(receipt.queue, receipt.session).and_then(|view| view.state);
                shard.held_until(&receipt, now).map(|_| state)
            })
            .await??;
        Ok(SessionStateOut { state: self.state_of(state)? })
    }
}

impl Handle<SessionSetState> for Door {
    async fn handle(&self, asked: Authorized<SessionSetState>) -> Result<SessionStands, Problem> {
        let (SessionSetState { mut request }, key) = asked.into_parts();
        let receipt = self.session_receipt(&key, &request.receipt)?;
        let state = request.take_state()?;
        let (_, view) = self.engine.session(SessionAsk::SetState { receipt, state }).await?;
        Ok(self.stands(view.as_ref()))
    }
}

impl Handle<SessionList> for Door {
    async fn handle(&self, asked: Authorized<SessionList>) -> Result<SessionListOut, Problem> {
        let (SessionList { queue, page }, _) = asked.into_parts();
        let (max, after, namespace) = (page.max()?, page.after()?, self.namespace.clone());
        let found = self
            .engine
            .read(move |machine| {
                let shard = machine.shard(&namespace);
                let number = shard.queue_number(&queue)?;
                Some(shard.sessions(number, after, max).collect::<Vec<SessionView>>())
            })
            .await?;
        let named = |view: SessionView| self.name_of(&view).map(|name| (view, name));
        let found = found.ok_or_else(Problem::not_found)?;
        let sessions: Result<Vec<_>, Problem> = found.into_iter().map(named).collect();
        Ok(SessionListOut::show(sessions?, max))
    }
}

impl Handle<SessionRelease> for Door {
    async fn handle(&self, asked: Authorized<SessionRelease>) -> Result<SessionReleased, Problem> {
        let (SessionRelease { queue, wish }, _) = asked.into_parts();
        let session = self.session_token(&wish.session()?);
        let (released, _) = self.engine.session(SessionAsk::Break { queue, session }).await?;
        Ok(SessionReleased { released })
    }
}
