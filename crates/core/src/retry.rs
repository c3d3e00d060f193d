//! When a failed job is tried again.

use crate::time::Millis;

/// Exponential back-off with a cap and jitter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetryPolicy {
    /// Wait after the first failed attempt.
    pub base: Millis,
    /// Longest wait.
    pub cap: Millis,
    /// Attempts before dead-letter, unless the job says otherwise.
    pub max_attempts: u32,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self { base: Millis::from_secs(1), cap: Millis::from_secs(3_600), max_attempts: 5 }
    }
}

impl RetryPolicy {
    /// The wait after failed attempt `attempt` (first = 1): doubled each time, capped, then moved by
    /// up to a tenth either way. `random` decides how far, so the result is a function of its input.
    pub fn wait(&self, attempt: u32, random: u32) -> Millis {
        let doublings = attempt.saturating_sub(1).min(63);
        let wait = self.base.get().saturating_mul(1u64 << doublings).min(self.cap.get());
        // Invariant: `span` ≤ 2^53 for every cap that can be configured, so the product below fits u128.
        let span = wait / 5;
        let shift = u64::try_from(u128::from(span) * u128::from(random) / u128::from(u32::MAX))
            .expect("a part of a u64 is a u64: random / u32::MAX is at most 1");
        Millis::new(wait - wait / 10 + shift)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // covers JOB-6 (exponential back-off with jitter)
    #[test]
    fn waits_double_up_to_the_cap_and_stay_within_a_tenth() {
        let policy = RetryPolicy::default();
        for (attempt, middle) in
            [(1, 1_000), (2, 2_000), (5, 16_000), (12, 2_048_000), (13, 3_600_000), (1_000, 3_600_000)]
        {
            assert_eq!(policy.wait(attempt, 0).get(), middle - middle / 10, "attempt {attempt}");
            let highest = policy.wait(attempt, u32::MAX).get();
            assert_eq!(highest, middle - middle / 10 + middle / 5, "attempt {attempt}");
        }
    }

    // attack 55
    #[test]
    fn no_attempt_number_and_no_base_wraps_around_to_now() {
        let policy =
            RetryPolicy { base: Millis::new(u64::MAX / 2), cap: Millis::new(u64::MAX / 2), max_attempts: 5 };
        assert!(policy.wait(u32::MAX, u32::MAX).get() > u64::MAX / 3);
    }
}
