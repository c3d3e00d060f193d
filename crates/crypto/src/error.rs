//! Why sealing or opening failed. Opening has two answers only: a finer one would tell an
//! attacker which byte to try next.

use std::error::Error;
use std::fmt;

use crate::random::RandomError;

/// Sealing produced nothing; no byte of the plaintext has left.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum SealError {
    /// The cipher refused the input: it is longer than one message may be.
    Cipher,
    /// No usable random bytes; sealing without them would reuse a key stream.
    Random(RandomError),
}

impl fmt::Display for SealError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cipher => f.write_str("the plaintext is too long for one sealed message; split it"),
            Self::Random(_) => f.write_str("nothing was sealed: no fresh random bytes"),
        }
    }
}

impl Error for SealError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Cipher => None,
            Self::Random(cause) => Some(cause),
        }
    }
}

impl From<RandomError> for SealError {
    fn from(cause: RandomError) -> Self {
        Self::Random(cause)
    }
}

/// Opening released nothing.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum OpenError {
    /// Too short, or not of the one length this construction has.
    Malformed,
    /// Another key, another place, or a changed byte: which of them is not knowable.
    NotAuthentic,
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Malformed => "the sealed bytes have an impossible length",
            Self::NotAuthentic => "the sealed bytes do not open under this key at this place",
        })
    }
}

impl Error for OpenError {}
