//! Predictable sources, for tests, vectors and simulation. Nothing sealed with one is secret.

use std::fmt;
use std::sync::{Mutex, PoisonError};

use super::{Random, RandomError};
use crate::digest;

/// Gives fixed bytes in order, then fails.
pub struct SequenceRandom {
    rest: Mutex<std::vec::IntoIter<u8>>,
}

impl SequenceRandom {
    /// **Not secure.** Whoever knows `bytes` knows every salt, nonce and key made from them.
    #[must_use]
    pub fn danger_from_bytes(bytes: Vec<u8>) -> Self {
        Self { rest: Mutex::new(bytes.into_iter()) }
    }
}

impl Random for SequenceRandom {
    fn fill(&self, dest: &mut [u8]) -> Result<(), RandomError> {
        let mut rest = self.rest.lock().unwrap_or_else(PoisonError::into_inner);
        if rest.len() < dest.len() {
            return Err(RandomError::Exhausted);
        }
        for (byte, next) in dest.iter_mut().zip(rest.by_ref()) {
            *byte = next;
        }
        Ok(())
    }
}

impl fmt::Debug for SequenceRandom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SequenceRandom(…)")
    }
}

/// An endless sequence fixed by a seed: SHA-256 of seed, draw and block.
#[derive(Debug)]
pub struct SeededRandom {
    seed: u64,
    draws: Mutex<u64>,
}

impl SeededRandom {
    /// **Not secure.** Two sources of one seed give the same bytes.
    #[must_use]
    pub const fn danger_from_seed(seed: u64) -> Self {
        Self { seed, draws: Mutex::new(0) }
    }
}

impl Random for SeededRandom {
    fn fill(&self, dest: &mut [u8]) -> Result<(), RandomError> {
        let draw = {
            let mut draws = self.draws.lock().unwrap_or_else(PoisonError::into_inner);
            *draws = draws.wrapping_add(1);
            *draws
        };
        for (block, chunk) in (0_u64..).zip(dest.chunks_mut(32)) {
            let bytes = digest::sha256(&[
                b"sealane seeded random",
                &self.seed.to_be_bytes(),
                &draw.to_be_bytes(),
                &block.to_be_bytes(),
            ]);
            chunk.copy_from_slice(&bytes[..chunk.len()]);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draw(random: &dyn Random, len: usize) -> Vec<u8> {
        let mut bytes = vec![0; len];
        random.fill(&mut bytes).unwrap();
        bytes
    }

    #[test]
    fn one_seed_one_sequence() {
        let (a, b, other) = (
            SeededRandom::danger_from_seed(1),
            SeededRandom::danger_from_seed(1),
            SeededRandom::danger_from_seed(2),
        );
        let first = draw(&a, 70);
        assert_eq!(first, draw(&b, 70));
        assert_ne!(first, draw(&a, 70));
        assert_ne!(first, draw(&other, 70));
    }

    #[test]
    fn a_sequence_that_is_too_short_gives_nothing() {
        let random = SequenceRandom::danger_from_bytes(vec![1, 2, 3]);
        let mut four = [0; 4];
        assert_eq!(random.fill(&mut four), Err(RandomError::Exhausted));
        assert_eq!(four, [0; 4]);
        assert_eq!(draw(&random, 3), [1, 2, 3]);
    }
}
