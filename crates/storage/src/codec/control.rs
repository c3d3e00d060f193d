//! Facts about access keys.

use sealane_core::control::{AccessKey, ControlEvent, QueuePattern, Role};
use sealane_core::limits;
use sealane_core::name::{KeyId, Principal};

use super::error::DecodeError;
use super::fact::VERSION_1;
use super::fields::{Cursor, Fields};

pub(super) const FIRST_TAG: u8 = ACCESS_KEY_CREATED;
pub(super) const LAST_TAG: u8 = ACCESS_KEY_REVOKED;

// Invariant: a tag is never reused and never changes its meaning.
const ACCESS_KEY_CREATED: u8 = 128;
const ACCESS_KEY_REVOKED: u8 = 129;

pub(super) fn encode(event: &ControlEvent, out: &mut Fields<'_>) {
    match event {
        ControlEvent::AccessKeyCreated(key) => {
            out.u8(ACCESS_KEY_CREATED);
            out.u8(VERSION_1);
            self::key(key, out);
        }
        ControlEvent::AccessKeyRevoked { id, at } => {
            out.u8(ACCESS_KEY_REVOKED);
            out.u8(VERSION_1);
            out.text(id.as_str());
            out.time(*at);
        }
    }
}

pub(super) fn decode(tag: u8, cursor: &mut Cursor<'_>) -> Result<ControlEvent, DecodeError> {
    match tag {
        ACCESS_KEY_CREATED => take_key(cursor).map(ControlEvent::AccessKeyCreated),
        ACCESS_KEY_REVOKED => Ok(ControlEvent::AccessKeyRevoked {
            id: cursor.text("id", KeyId::parse)?,
            at: cursor.time("at")?,
        }),
        _ => Err(DecodeError::UnknownTag { tag, version: VERSION_1 }),
    }
}

/// A key as it stands.
pub(super) fn key(key: &AccessKey, out: &mut Fields<'_>) {
    out.text(key.id.as_str());
    out.text(key.principal.as_str());
    out.u8(key.role.code());
    out.count(key.queues.len());
    for pattern in &key.queues {
        out.text(pattern.as_str());
    }
    out.fixed(&key.hash);
    out.time(key.created_at);
    out.time(key.expires_at);
    out.option(key.revoked_at, Fields::time);
}

/// Reads the same.
pub(super) fn take_key(cursor: &mut Cursor<'_>) -> Result<AccessKey, DecodeError> {
    let id = cursor.text("id", KeyId::parse)?;
    let principal = cursor.text("principal", Principal::parse)?;
    let role = cursor.code("role", Role::from_code)?;
    let count = usize::from(cursor.u16("queues")?);
    if count > limits::ACCESS_KEY_QUEUES_MAX {
        return Err(DecodeError::Field { field: "queues" });
    }
    let queues = (0..count).map(|_| cursor.text("queues", QueuePattern::parse)).collect::<Result<_, _>>()?;
    Ok(AccessKey {
        id,
        principal,
        role,
        queues,
        hash: cursor.fixed("hash")?,
        created_at: cursor.time("created_at")?,
        expires_at: cursor.time("expires_at")?,
        revoked_at: cursor.option("revoked_at", |cursor| cursor.time("revoked_at"))?,
    })
}
