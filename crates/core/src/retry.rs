//! When a failed job is tried again.

use crate::job::words;
use crate::time::Millis;

words! {
    /// How waits grow from one failed attempt to the next.
    BackoffShape {
        /// Always the same.
        Constant = "constant" / 1,
        /// By the same length each time.
        Linear = "linear" / 2,
        /// Doubled each time.
        Exponential = "exponential" / 3,
    }
}

/// How long to wait after a failed attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backoff {
    /// How waits grow.
    pub shape: BackoffShape,
    /// Wait after the first failed attempt.
    pub base: Millis,
    /// Longest wait.
    pub cap: Millis,
    /// How far a wait is moved, either way, in percent of it: jobs that failed together do not come
    /// back together.
    pub jitter_percent: u8,
}

impl Default for Backoff {
    fn default() -> Self {
        Self {
            shape: BackoffShape::Exponential,
            base: Millis::from_secs(1),
            cap: Millis::from_secs(3_600),
            jitter_percent: 10,
        }
    }
}

/// When failed jobs are tried again, and how often.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetryPolicy {
    /// How long to wait, unless the job says otherwise.
    pub backoff: Backoff,
    /// Attempts before dead-letter, unless the job says otherwise.
    pub max_attempts: u32,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self { backoff: Backoff::default(), max_attempts: 5 }
    }
}

impl Backoff {
    /// The wait after failed attempt `attempt` (first = 1): grown, capped, then moved. `random` decides
    /// how far, so the result is a function of its input.
    pub fn wait(&self, attempt: u32, random: u32) -> Millis {
        let base = self.base.get();
        let grown = match self.shape {
            BackoffShape::Constant => base,
            BackoffShape::Linear => base.saturating_mul(u64::from(attempt.max(1))),
            BackoffShape::Exponential => base.saturating_mul(1u64 << attempt.saturating_sub(1).min(63)),
        };
        let wait = u128::from(grown.min(self.cap.get()));
        let percent = u128::from(self.jitter_percent.min(100));
        // Invariant: `wait` < 2^64 and the factors are at most 200 and 2^32, so the products fit u128.
        let (least, span) = (wait - wait * percent / 100, wait * 2 * percent / 100);
        let moved = least + span * u128::from(random) / u128::from(u32::MAX);
        Millis::new(u64::try_from(moved).unwrap_or(u64::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // covers JOB-6 (exponential back-off with jitter)
    #[test]
    fn waits_double_up_to_the_cap_and_stay_within_a_tenth() {
        let backoff = Backoff::default();
        for (attempt, middle) in
            [(1, 1_000), (2, 2_000), (5, 16_000), (12, 2_048_000), (13, 3_600_000), (1_000, 3_600_000)]
        {
            assert_eq!(backoff.wait(attempt, 0).get(), middle - middle / 10, "attempt {attempt}");
            let highest = backoff.wait(attempt, u32::MAX).get();
            assert_eq!(highest, middle - middle / 10 + middle / 5, "attempt {attempt}");
        }
    }

    // covers JOB-6 (constant and linear back-off, jitter as configured)
    #[test]
    fn every_shape_grows_as_it_says() {
        for (shape, waits) in [
            (BackoffShape::Constant, [1_000, 1_000, 1_000, 1_000]),
            (BackoffShape::Linear, [1_000, 2_000, 3_000, 3_500]),
            (BackoffShape::Exponential, [1_000, 2_000, 3_500, 3_500]),
        ] {
            let backoff = Backoff { shape, cap: Millis::new(3_500), jitter_percent: 0, ..Backoff::default() };
            for (attempt, wait) in (1..).zip(waits) {
                for random in [0, u32::MAX] {
                    assert_eq!(backoff.wait(attempt, random).get(), wait, "{shape} {attempt}");
                }
            }
            let wide = Backoff { jitter_percent: 100, ..backoff };
            assert_eq!((wide.wait(1, 0).get(), wide.wait(1, u32::MAX).get()), (0, 2_000), "{shape}");
            // Refused as a setting; from wherever it comes all the same, no wait is less than none.
            let beyond = Backoff { jitter_percent: u8::MAX, ..backoff };
            assert_eq!(
                (beyond.wait(1, 0), beyond.wait(1, u32::MAX)),
                (wide.wait(1, 0), wide.wait(1, u32::MAX))
            );
        }
    }

    // attack 55
    #[test]
    fn no_attempt_number_and_no_base_wraps_around_to_now() {
        for shape in BackoffShape::ALL {
            let (base, cap) = (Millis::new(u64::MAX / 2), Millis::new(u64::MAX / 2));
            let backoff = Backoff { shape: *shape, base, cap, jitter_percent: 10 };
            assert!(backoff.wait(u32::MAX, u32::MAX).get() > u64::MAX / 3);
            let far = Backoff { base: Millis::new(u64::MAX), cap: Millis::new(u64::MAX), ..backoff };
            assert!(far.wait(u32::MAX, u32::MAX).get() > u64::MAX / 3);
        }
    }
}
