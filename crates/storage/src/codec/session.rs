//! Facts about sessions. A session stands there as its token: its name is caller's data.

use sealane_core::id::LockId;
use sealane_core::name::Principal;
use sealane_core::queue::session::SessionEnd;
use sealane_core::queue::{Event, QueueNumber};
use sealane_core::time::Time;
use sealane_core::token::Token;

use super::error::DecodeError;
use super::fact::VERSION_1;
use super::fields::{Cursor, Fields};

pub(super) const LAST_TAG: u8 = SESSION_STATE_CLEARED;

// Invariant: a tag is never reused and never changes its meaning.
pub(super) const SESSION_ACCEPTED: u8 = 30;
pub(super) const SESSION_RENEWED: u8 = 31;
pub(super) const SESSION_ENDED: u8 = 32;
pub(super) const SESSION_STATE_SET: u8 = 33;
pub(super) const SESSION_STATE_CLEARED: u8 = 34;

/// Writes what follows tag, version, namespace and time.
pub(super) fn encode(event: &Event, out: &mut Fields<'_>) {
    match event {
        Event::SessionAccepted { queue, session, lock, holder, until, at: _ } => {
            key(*queue, session, out);
            out.fixed(lock.as_bytes());
            out.text(holder.as_str());
            out.time(*until);
        }
        Event::SessionRenewed { queue, session, until, at: _ } => {
            key(*queue, session, out);
            out.time(*until);
        }
        Event::SessionEnded { queue, session, end, at: _ } => {
            key(*queue, session, out);
            out.u8(end.code());
        }
        Event::SessionStateSet { queue, session, at: _ }
        | Event::SessionStateCleared { queue, session, at: _ } => key(*queue, session, out),
        other => unreachable!("the caller's match hands over no {other:?}"),
    }
}

/// Reads the same.
pub(super) fn decode(tag: u8, at: Time, cursor: &mut Cursor<'_>) -> Result<Event, DecodeError> {
    if !(SESSION_ACCEPTED..=LAST_TAG).contains(&tag) {
        return Err(DecodeError::UnknownTag { tag, version: VERSION_1 });
    }
    let queue = QueueNumber(cursor.u32("queue")?);
    let session = Token::from_bytes(cursor.fixed("session")?);
    Ok(match tag {
        SESSION_ACCEPTED => Event::SessionAccepted {
            queue,
            session,
            lock: LockId::from_bytes(cursor.fixed("lock")?),
            holder: cursor.text("holder", Principal::parse)?,
            until: cursor.time("until")?,
            at,
        },
        SESSION_RENEWED => Event::SessionRenewed { queue, session, until: cursor.time("until")?, at },
        SESSION_ENDED => {
            Event::SessionEnded { queue, session, end: cursor.code("end", SessionEnd::from_code)?, at }
        }
        SESSION_STATE_SET => Event::SessionStateSet { queue, session, at },
        _ => Event::SessionStateCleared { queue, session, at },
    })
}

fn key(queue: QueueNumber, session: &Token, out: &mut Fields<'_>) {
    out.u32(queue.0);
    out.fixed(session.as_bytes());
}
