//! What a job's sender tells repeats by, and what makes a job the only one of its kind: texts as they
//! travel, and the tokens that stand for them in the queues' state.

use sealane_core::limits;
use sealane_core::name::{IdempotencyKeyText, Principal, QueueName, UniqueKeyText};
use sealane_core::queue::{IdempotencyKey, JobOptions, OnConflict, UniqueKey};
use sealane_core::token::Token;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::jobs::JobParts;
use crate::problem::Problem;
use crate::wire::{Bytes, Text};

/// Of a queue's jobs with one key, one is on its way at a time, whoever sent it. Those that have not
/// completed, expired or been cancelled are: a dead or held one keeps its key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UniqueIn {
    /// The key, at most 256 bytes.
    pub key: Text,
    /// What becomes of a job whose key another one has: `refuse` (where absent), or `merge`: the other
    /// one stands in for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_conflict: Option<String>,
}

/// An idempotency key that was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SentKey {
    /// The key.
    pub key: IdempotencyKeyText,
    /// What the sender says the body is, where it is sealed.
    pub fingerprint: Option<[u8; limits::FINGERPRINT_BYTES]>,
}

/// A unique key that was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SentUnique {
    /// The key.
    pub key: UniqueKeyText,
    /// What becomes of a job whose key another one has.
    pub on_conflict: OnConflict,
}

/// Makes the token of a text: of which field, within what, which text.
pub type MakeToken<'a> = &'a dyn Fn(&'static str, &[u8], &[u8]) -> Token;

/// Reads an idempotency key. A sealed body looks different each time it is sealed, so its sender must
/// say when it is the same.
pub(super) fn sent_key(
    key: Option<Text>,
    fingerprint: Option<Bytes>,
    sealed: bool,
) -> Result<Option<SentKey>, Problem> {
    let fingerprint = fingerprint
        .map(|bytes| {
            <[u8; limits::FINGERPRINT_BYTES]>::try_from(&bytes.0[..]).map_err(|_| {
                Problem::invalid(format!("body_fingerprint must be {} bytes", limits::FINGERPRINT_BYTES))
            })
        })
        .transpose()?;
    let Some(key) = key else { return Ok(None) };
    let key = IdempotencyKeyText::take(key.0).map_err(Problem::invalid)?;
    if sealed && fingerprint.is_none() {
        return Err(Problem::invalid(
            "an idempotency key on a sealed body needs body_fingerprint: without it nobody can tell a repeat from another body",
        ));
    }
    Ok(Some(SentKey { key, fingerprint }))
}

/// Reads a unique key.
pub(super) fn sent_unique(unique: Option<UniqueIn>) -> Result<Option<SentUnique>, Problem> {
    let Some(UniqueIn { key, on_conflict }) = unique else { return Ok(None) };
    let on_conflict = match on_conflict.as_deref() {
        None => OnConflict::Refuse,
        Some(word) => OnConflict::parse(word)
            .ok_or_else(|| Problem::invalid("on_conflict must be one of refuse, merge"))?,
    };
    Ok(Some(SentUnique { key: UniqueKeyText::take(key.0).map_err(Problem::invalid)?, on_conflict }))
}

impl JobParts {
    /// The options, with tokens in the place of texts.
    pub fn tokenised(&self, queue: &QueueName, owner: &Principal, token: MakeToken<'_>) -> JobOptions {
        let mut options = self.options.clone();
        options.idempotency = self.idempotency.as_ref().map(|sent| {
            let within = [queue.as_str().as_bytes(), b"\0", owner.as_str().as_bytes()].concat();
            IdempotencyKey {
                key: token("idempotency key", &within, sent.key.as_str().as_bytes()),
                fingerprint: token("body", &within, &self.body_identity(sent)),
            }
        });
        options.unique = self.unique.as_ref().map(|sent| UniqueKey {
            // Why within nothing: the key goes along when its job is moved to another queue.
            key: token("unique key", b"", sent.key.as_str().as_bytes()),
            on_conflict: sent.on_conflict,
        });
        options
    }

    /// What must be the same in a repeat: kind and body, or what the sender says of a sealed one.
    fn body_identity(&self, sent: &SentKey) -> Vec<u8> {
        let kind = self.input.kind.as_str().as_bytes();
        let fingerprint = sent.fingerprint.as_ref().map_or(&[][..], |bytes| &bytes[..]);
        let body = if self.input.is_sealed() { &[][..] } else { &self.input.body[..] };
        let mut identity = Vec::with_capacity(kind.len() + fingerprint.len() + body.len() + 3);
        // Each part says where the next begins: a kind has no zero, and a fingerprint has one length.
        identity.extend_from_slice(kind);
        identity.push(0);
        identity.push(u8::from(self.input.is_sealed()));
        identity.push(u8::from(sent.fingerprint.is_some()));
        identity.extend_from_slice(fingerprint);
        identity.extend_from_slice(body);
        identity
    }
}
