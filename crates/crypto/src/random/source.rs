//! Owns the joint through which all randomness enters, and its one production implementation.

use std::error::Error;
use std::fmt;
use std::sync::Arc;

/// A source of random bytes, handed in by whoever starts the process.
///
/// An implementation fills all of `dest` or fails; a partly filled buffer is never success.
pub trait Random: Send + Sync {
    /// Fills `dest`.
    ///
    /// # Errors
    /// When fresh bytes cannot be had. Callers stop; they never go on with what is in `dest`.
    fn fill(&self, dest: &mut [u8]) -> Result<(), RandomError>;
}

impl<R: Random + ?Sized> Random for Arc<R> {
    fn fill(&self, dest: &mut [u8]) -> Result<(), RandomError> {
        (**self).fill(dest)
    }
}

impl<R: Random + ?Sized> Random for &R {
    fn fill(&self, dest: &mut [u8]) -> Result<(), RandomError> {
        (**self).fill(dest)
    }
}

/// Why there are no random bytes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum RandomError {
    /// A fixed sequence has been used up.
    Exhausted,
    /// The source gave the same bytes twice: it is broken, and nothing may be sealed with it.
    Repeated,
    /// The operating system's source failed.
    Unavailable,
}

impl fmt::Display for RandomError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Exhausted => "the fixed random sequence is used up",
            Self::Repeated => "the random source repeats itself; stop this process and check its host",
            Self::Unavailable => "the system's random source does not answer",
        })
    }
}

impl Error for RandomError {}

/// The cryptographic generator of the cipher library, seeded by the operating system.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemRandom;

impl Random for SystemRandom {
    fn fill(&self, dest: &mut [u8]) -> Result<(), RandomError> {
        aws_lc_rs::rand::fill(dest).map_err(|_| RandomError::Unavailable)
    }
}
