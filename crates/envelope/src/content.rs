//! What is inside an envelope, in the clear. Nothing here prints any of it.

use std::collections::BTreeMap;
use std::fmt;

use crate::keys::RootId;

/// The plaintext of a sealed body or part.
#[derive(Clone, Default, Eq, PartialEq)]
pub struct Content {
    /// The bytes themselves.
    pub body: Vec<u8>,
    /// What the bytes are. `Some("")` is sealed as `None`.
    pub content_type: Option<String>,
    /// User attributes, hidden together with the body.
    pub attributes: BTreeMap<String, String>,
}

impl Content {
    /// Bytes without type or attributes.
    #[must_use]
    pub fn from_body(body: impl Into<Vec<u8>>) -> Self {
        Self { body: body.into(), ..Self::default() }
    }
}

impl fmt::Debug for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Content").field("body_bytes", &self.body.len()).finish_non_exhaustive()
    }
}

/// An opened body or part, and what its header said with authority.
#[derive(Clone, Debug)]
pub struct Opened {
    /// What was inside.
    pub content: Content,
    /// When it was sealed, by the sealer's clock, in milliseconds since 1970.
    pub created_ms: u64,
    /// When it stops being valid; `None` for never.
    pub expires_ms: Option<u64>,
    /// The id of the job that this one repeats.
    pub clone_of: Option<[u8; 16]>,
    /// The root behind its key; `None` when the key was named or wrapped directly.
    pub root_id: Option<RootId>,
}
