//! Idempotency keys and unique keys: the facts about them, and how a job carries them. Both stand as
//! tokens: what callers wrote is not here.

use sealane_core::name::Principal;
use sealane_core::queue::{Event, IdempotencyKey, OnConflict, UniqueKey};
use sealane_core::time::Time;
use sealane_core::token::Token;

use super::error::DecodeError;
use super::fact::VERSION_1;
use super::fields::{Cursor, Fields};
use super::shard::job;

// Invariant: a tag is never reused and never changes its meaning.
pub(super) const JOB_MERGED: u8 = 25;
pub(super) const KEYS_FORGOTTEN: u8 = 26;

/// Writes what follows tag, version, namespace and time.
pub(super) fn encode(event: &Event, out: &mut Fields<'_>) {
    match event {
        Event::JobMerged { job, sender, key, at: _ } => {
            out.fixed(job.as_bytes());
            out.text(sender.as_str());
            idempotency(key, out);
        }
        Event::KeysForgotten { gone_at, key, at: _ } => {
            out.time(*gone_at);
            out.fixed(key.as_bytes());
        }
        other => unreachable!("the caller's match hands over no {other:?}"),
    }
}

/// Reads the same.
pub(super) fn decode(tag: u8, at: Time, cursor: &mut Cursor<'_>) -> Result<Event, DecodeError> {
    Ok(match tag {
        JOB_MERGED => Event::JobMerged {
            job: job(cursor)?,
            sender: cursor.text("sender", Principal::parse)?,
            key: take_idempotency(cursor)?,
            at,
        },
        KEYS_FORGOTTEN => {
            Event::KeysForgotten { gone_at: cursor.time("gone_at")?, key: token("key", cursor)?, at }
        }
        _ => return Err(DecodeError::UnknownTag { tag, version: VERSION_1 }),
    })
}

pub(super) fn idempotency(key: &IdempotencyKey, out: &mut Fields<'_>) {
    let IdempotencyKey { key, fingerprint } = key;
    out.fixed(key.as_bytes());
    out.fixed(fingerprint.as_bytes());
}

pub(super) fn take_idempotency(cursor: &mut Cursor<'_>) -> Result<IdempotencyKey, DecodeError> {
    Ok(IdempotencyKey { key: token("key", cursor)?, fingerprint: token("fingerprint", cursor)? })
}

pub(super) fn unique(unique: &UniqueKey, out: &mut Fields<'_>) {
    let UniqueKey { key, on_conflict } = unique;
    out.fixed(key.as_bytes());
    out.u8(on_conflict.code());
}

pub(super) fn take_unique(cursor: &mut Cursor<'_>) -> Result<UniqueKey, DecodeError> {
    let key = token("key", cursor)?;
    Ok(UniqueKey { key, on_conflict: cursor.code("on_conflict", OnConflict::from_code)? })
}

fn token(field: &'static str, cursor: &mut Cursor<'_>) -> Result<Token, DecodeError> {
    cursor.fixed(field).map(Token::from_bytes)
}
