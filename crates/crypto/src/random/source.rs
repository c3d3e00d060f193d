//! Owns the joint through which all randomness enters, and its one production implementation.

use std::cell::RefCell;
use std::error::Error;
use std::fmt;
use std::sync::Arc;

use super::pool::{POOLED_BYTES_MAX, Pool};

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

/// The cryptographic generator of the cipher library, seeded by the operating system. Short draws
/// come from a block that each thread draws ahead.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemRandom;

thread_local! {
    static POOL: RefCell<Pool> = const { RefCell::new(Pool::new()) };
}

impl Random for SystemRandom {
    fn fill(&self, dest: &mut [u8]) -> Result<(), RandomError> {
        if dest.len() > POOLED_BYTES_MAX {
            return generate(dest);
        }
        // While a thread ends its block may be gone already.
        match POOL.try_with(|pool| pool.borrow_mut().draw(dest, generate)) {
            Ok(drawn) => drawn,
            Err(_) => generate(dest),
        }
    }
}

fn generate(dest: &mut [u8]) -> Result<(), RandomError> {
    aws_lc_rs::rand::fill(dest).map_err(|_| RandomError::Unavailable)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn draws_of_all_lengths_and_threads_differ() {
        let draw = || {
            let drawn = (16..=2 * POOLED_BYTES_MAX).map(|len| {
                let mut bytes = vec![0; len];
                SystemRandom.fill(&mut bytes).unwrap();
                // The last ones too: a draw fills all of its buffer.
                (bytes[..16].to_vec(), bytes[len - 16..].to_vec())
            });
            drawn.collect::<Vec<_>>()
        };
        let mut all = draw();
        let threads: Vec<_> = (0..3).map(|_| std::thread::spawn(draw)).collect();
        all.extend(threads.into_iter().flat_map(|thread| thread.join().unwrap()));
        let ends: BTreeSet<_> = all.iter().flat_map(|(first, last)| [first, last]).collect();
        // Of a draw of 16 bytes both ends are the same.
        assert_eq!(ends.len(), 2 * all.len() - 4);
    }
}
