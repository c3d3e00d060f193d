//! Ids for new jobs: made before anything is sent, so that a repeated send is told to be one.

use std::sync::{Arc, Mutex, PoisonError};

use sealane_core::id::JobId;
use sealane_crypto::{Random, RandomError};

use crate::clock::Clock;

/// Highest value of the 12 bits that count ids within a millisecond.
const COUNT_MAX: u16 = 0x0fff;

/// Makes UUIDv7s that ascend within this process: 48 bits of time, a 12-bit count that begins
/// at a random number below 2048 in each millisecond, 62 random bits.
pub(crate) struct JobIds {
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
    last: Mutex<(u64, u16)>,
}

impl JobIds {
    pub(crate) fn new(clock: Arc<dyn Clock>, random: Arc<dyn Random>) -> Self {
        Self { clock, random, last: Mutex::new((0, 0)) }
    }

    pub(crate) fn next(&self) -> Result<JobId, RandomError> {
        let mut bytes = [0u8; 10];
        self.random.fill(&mut bytes)?;
        let (ms, count) = {
            // Why poison is no news: the pair is replaced whole.
            let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
            *last = following(*last, self.clock.now_ms(), u16::from_be_bytes([bytes[0] & 0x07, bytes[1]]));
            *last
        };
        [bytes[0], bytes[1]] = count.to_be_bytes();
        Ok(JobId::v7(ms, bytes))
    }
}

/// The time and count after `last`. A clock that steps back is not followed until it has caught up.
fn following(last: (u64, u16), now_ms: u64, begin: u16) -> (u64, u16) {
    match last {
        (ms, _) if now_ms > ms => (now_ms, begin),
        (ms, COUNT_MAX..) => (ms.saturating_add(1), begin),
        (ms, count) => (ms, count + 1),
    }
}

#[cfg(test)]
mod tests {
    use sealane_crypto::{SeededRandom, SequenceRandom};

    use super::*;

    struct Fixed(u64);

    impl Clock for Fixed {
        fn now_ms(&self) -> u64 {
            self.0
        }
    }

    // covers JOB-1 (ids made by the client library)
    #[test]
    fn ids_ascend_within_one_millisecond_and_beyond_its_count() {
        let ids =
            JobIds::new(Arc::new(Fixed(1_767_225_600_000)), Arc::new(SeededRandom::danger_from_seed(7)));
        let made: Vec<JobId> = (0..10_000).map(|_| ids.next().unwrap()).collect();
        assert!(made.windows(2).all(|pair| pair[0] < pair[1]));
        let last = made.last().and_then(JobId::unix_ms).unwrap();
        assert!((1..=5).contains(&(last - 1_767_225_600_000)), "{last}");
    }

    #[test]
    fn a_clock_that_steps_back_makes_no_older_ids() {
        assert_eq!(following((100, 5), 40, 9), (100, 6));
        assert_eq!(following((100, COUNT_MAX), 40, 9), (101, 9));
        assert_eq!(following((100, 5), 101, 9), (101, 9));
    }

    // attack 21
    #[test]
    fn without_randomness_there_is_no_id() {
        let none = SequenceRandom::danger_from_bytes(vec![1; 9]);
        assert!(JobIds::new(Arc::new(Fixed(1)), Arc::new(none)).next().is_err());
    }
}
