//! Blind tokens: what stands for a caller's text wherever texts have to be told apart.

use std::fmt;

/// Stands for a text of a caller (a session id, a key): equal for equal texts of one field in one
/// namespace, and otherwise without meaning. Made under a secret key by whoever knows the text.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Token([u8; 16]);

impl Token {
    /// Takes the 16 bytes as they are.
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// The bytes.
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Why so short: enough to tell two apart in a log, and no more.
        write!(f, "Token({:02x}{:02x}…)", self.0[0], self.0[1])
    }
}
