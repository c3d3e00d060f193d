//! What can be asked of sessions.

use std::sync::Arc;

use crate::id::{LeaseId, LockId};
use crate::name::{Principal, QueueName};
use crate::queue::event::QueueNumber;
use crate::queue::runner::Runner;
use crate::time::Millis;
use crate::token::Token;

/// Hold a session.
#[derive(Clone, Copy, Debug)]
pub struct AcceptSession<'a> {
    /// Of which queue.
    pub queue: &'a QueueName,
    /// Which; where absent, the next one that is free and has a job to hand out.
    pub session: Option<Token>,
    /// Who.
    pub holder: &'a Principal,
    /// For how long unless renewed, where not as long as the queue lets a session be held.
    pub hold: Option<Millis>,
    /// What the hold is known by.
    pub lock: LockId,
}

/// Which hold of which session is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionReceipt {
    /// The queue.
    pub queue: QueueNumber,
    /// The session.
    pub session: Token,
    /// The hold.
    pub lock: LockId,
}

/// Hand out jobs of a session to its holder.
#[derive(Clone, Copy, Debug)]
pub struct LeaseSession<'a> {
    /// Which session.
    pub receipt: SessionReceipt,
    /// To whom.
    pub holder: &'a Principal,
    /// What that one says of itself.
    pub runner: Option<&'a Arc<Runner>>,
    /// For how long, where not as the queue says.
    pub lease: Option<Millis>,
    /// One random id for each job wanted: their number is the most that is handed out.
    pub lease_ids: &'a [LeaseId],
}

/// What can be asked of sessions.
#[derive(Clone, Copy, Debug)]
pub enum SessionCommand<'a> {
    /// Hold one. No event means that none is to be had now.
    Accept(AcceptSession<'a>),
    /// Hand out jobs of one to its holder.
    Lease(LeaseSession<'a>),
    /// Hold it for longer.
    Renew {
        /// Which.
        receipt: SessionReceipt,
        /// From now on for how long, where not as long as the queue lets a session be held.
        hold: Option<Millis>,
    },
    /// Give it back, and the jobs of it that are out.
    Close {
        /// Which.
        receipt: SessionReceipt,
    },
    /// Remember something with it.
    SetState {
        /// Which.
        receipt: SessionReceipt,
        /// What; `None` forgets what there was. Looked at and not kept: its record has it.
        state: Option<&'a [u8]>,
    },
    /// Take it away from its holder. No event means that nobody holds it.
    Break {
        /// Of which queue.
        queue: &'a QueueName,
        /// Which.
        session: Token,
    },
}
