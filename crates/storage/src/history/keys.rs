//! What the history is encrypted and searched under. All of it follows from the journal's key.

use std::fmt;

use sealane_core::id::JobId;
use sealane_core::name::Namespace;
use sealane_crypto::Key;
use sealane_crypto::aead::PreparedKey;
use sealane_crypto::kdf;
use sealane_crypto::token::{self, TagKey};

/// Bytes that tell a header or a catalogue of ours from a stranger's.
pub(super) const MAC_BYTES: usize = 16;

/// Stands for a value of one field in one namespace: equal for equal values, and otherwise without
/// meaning. Two values may share one by chance, so what is found by it is compared with the value.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BlindToken([u8; 8]);

impl BlindToken {
    /// Takes the bytes as they are.
    pub const fn from_bytes(bytes: [u8; 8]) -> Self {
        Self(bytes)
    }

    /// The bytes.
    pub const fn as_bytes(&self) -> &[u8; 8] {
        &self.0
    }
}

impl fmt::Debug for BlindToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Why so short: enough to tell two apart in a log, and no more.
        write!(f, "BlindToken({:02x}{:02x}…)", self.0[0], self.0[1])
    }
}

/// The keys of one history.
pub struct HistoryKeys {
    root: Key,
    tokens: TagKey,
    ids: TagKey,
}

impl HistoryKeys {
    /// From the journal's key.
    pub fn new(journal_key: &Key) -> Self {
        let of = |label| TagKey::new(&kdf::derive(journal_key, label, &[]));
        Self {
            root: kdf::derive(journal_key, "history v1", &[]),
            tokens: of("history tokens v1"),
            ids: of("history ids v1"),
        }
    }

    /// What stands for a value of a field.
    pub fn token(&self, namespace: &Namespace, field: &str, value: &[u8]) -> BlindToken {
        let tag = self.tokens.tag([namespace.as_str().as_bytes(), field.as_bytes(), value]);
        let mut out = [0; 8];
        out.copy_from_slice(&tag[..8]);
        BlindToken(out)
    }

    /// Where a job stands in the filters of all runs. Keyed: ids are made by callers, who could choose
    /// such as fall together.
    pub(super) fn id_hash(&self, namespace: &Namespace, job: JobId) -> [u8; 32] {
        self.ids.tag([namespace.as_str().as_bytes(), job.as_bytes()])
    }

    /// The key of one file.
    pub(super) fn file(&self, uuid: &[u8; 16]) -> PreparedKey {
        PreparedKey::new(&kdf::derive(&self.root, "run", &[uuid]))
    }

    /// Over a header (`what` says of which file).
    pub(super) fn mac(&self, what: &str, bytes: &[u8]) -> [u8; MAC_BYTES] {
        let tag = token::tag(&kdf::derive(&self.root, what, &[]), [bytes]);
        let mut out = [0; MAC_BYTES];
        out.copy_from_slice(&tag[..MAC_BYTES]);
        out
    }
}

impl fmt::Debug for HistoryKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HistoryKeys(…)")
    }
}
