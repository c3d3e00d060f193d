//! Notices a stuck source: after a broken restore of a virtual machine, or in a test, a
//! generator may give the same bytes again, and a salt used twice costs confidentiality.

use std::sync::{Mutex, PoisonError};

use super::{Random, RandomError};

/// Bytes of each draw that are compared with the draw before.
const COMPARED: usize = 16;

/// A source that fails when two draws in a row begin alike.
///
/// Draws shorter than 16 bytes pass unchecked: honest ones could collide. By chance a checked
/// draw is refused once in 2^128 times.
#[derive(Debug)]
pub struct Watched<R> {
    source: R,
    previous: Mutex<Option<[u8; COMPARED]>>,
}

impl<R: Random> Watched<R> {
    /// Watches `source` from its next draw on.
    pub const fn new(source: R) -> Self {
        Self { source, previous: Mutex::new(None) }
    }
}

impl<R: Random> Random for Watched<R> {
    fn fill(&self, dest: &mut [u8]) -> Result<(), RandomError> {
        self.source.fill(dest)?;
        let Some(start) = dest.first_chunk::<COMPARED>() else { return Ok(()) };
        // Why: a panic between lock and unlock cannot leave half a value, so poison is no news.
        let mut previous = self.previous.lock().unwrap_or_else(PoisonError::into_inner);
        if previous.replace(*start) == Some(*start) {
            return Err(RandomError::Repeated);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::{SequenceRandom, SystemRandom};

    // attack 21
    #[test]
    fn a_repeated_draw_is_refused_and_a_new_one_is_not() {
        let watched = Watched::new(SequenceRandom::danger_from_bytes([vec![7; 64], vec![8; 32]].concat()));
        let mut salt = [0; 32];
        assert_eq!(watched.fill(&mut salt), Ok(()));
        assert_eq!(watched.fill(&mut salt), Err(RandomError::Repeated));
        assert_eq!(watched.fill(&mut salt), Ok(()));
        assert_eq!(watched.fill(&mut salt), Err(RandomError::Exhausted));
    }

    #[test]
    fn the_system_source_passes() {
        let watched = Watched::new(SystemRandom);
        let mut salt = [0; 32];
        for _ in 0..1000 {
            watched.fill(&mut salt).unwrap();
        }
    }

    #[test]
    fn short_draws_are_not_compared() {
        let watched = Watched::new(SequenceRandom::danger_from_bytes(vec![7; 30]));
        let mut short = [0; 15];
        assert_eq!(watched.fill(&mut short), Ok(()));
        assert_eq!(watched.fill(&mut short), Ok(()));
    }
}
