//! Lengths of time, counted in buckets. Every bucket is less than two percent wide, so a quantile
//! is that exact, and a run of any length takes the same memory.

use std::time::Duration;

use serde::Serialize;

/// Buckets for each doubling.
const STEPS: u64 = 64;
const STEP_BITS: u32 = STEPS.trailing_zeros();
/// Until about an hour; what takes longer counts as that.
const LONGEST_US: u64 = (1 << 32) - 1;

/// Microseconds by how often they were seen.
#[derive(Clone, Debug)]
pub(super) struct Histogram {
    counts: Vec<u64>,
    total: u64,
}

/// The middle and the bad end, in microseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Quantiles {
    pub(super) p50: u64,
    pub(super) p99: u64,
}

impl Histogram {
    pub(super) fn new() -> Self {
        Self { counts: vec![0; bucket(LONGEST_US) + 1], total: 0 }
    }

    pub(super) fn record(&mut self, length: Duration) {
        let us = u64::try_from(length.as_micros()).unwrap_or(u64::MAX);
        self.counts[bucket(us.min(LONGEST_US))] += 1;
        self.total += 1;
    }

    /// Adds what another one counted.
    pub(super) fn merge(&mut self, other: &Self) {
        for (count, more) in self.counts.iter_mut().zip(&other.counts) {
            *count += more;
        }
        self.total += other.total;
    }

    pub(super) fn quantiles(&self) -> Quantiles {
        Quantiles { p50: self.percentile(50), p99: self.percentile(99) }
    }

    /// What so many of a hundred did not exceed; 0 where nothing was recorded.
    fn percentile(&self, percent: u64) -> u64 {
        let rank = (self.total * percent).div_ceil(100);
        let mut seen = 0;
        for (bucket, count) in (0..).zip(&self.counts) {
            seen += count;
            if *count > 0 && seen >= rank {
                return highest(bucket);
            }
        }
        0
    }
}

/// Each microsecond has a bucket of its own up to twice [`STEPS`]; from there on each doubling has
/// [`STEPS`] buckets.
fn bucket(us: u64) -> usize {
    let shift = us.max(1).ilog2().saturating_sub(STEP_BITS);
    usize::try_from(u64::from(shift) * STEPS + (us >> shift))
        .expect("LONGEST_US keeps this below two thousand")
}

/// The most microseconds that a bucket stands for.
fn highest(bucket: u64) -> u64 {
    let shift = (bucket / STEPS).saturating_sub(1);
    ((bucket - shift * STEPS + 1) << shift) - 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_is_less_than_two_percent_wide_and_they_leave_no_gap() {
        let mut last = 0;
        for us in (0..100_000).chain((100_000..LONGEST_US).step_by(99_991)).chain([LONGEST_US]) {
            let bucket = bucket(us);
            let top = highest(u64::try_from(bucket).unwrap());
            assert!(
                bucket >= last && top >= us && (top - us) * 50 <= us,
                "{us}: bucket {bucket} up to {top}"
            );
            last = bucket;
        }
    }

    #[test]
    fn quantiles_are_of_everything_that_was_merged() {
        let (mut fast, mut slow) = (Histogram::new(), Histogram::new());
        (1..=90).for_each(|us| fast.record(Duration::from_micros(us)));
        (0..10).for_each(|_| slow.record(Duration::from_micros(1_000)));
        assert_eq!(Histogram::new().quantiles(), Quantiles { p50: 0, p99: 0 });
        assert_eq!(fast.quantiles(), Quantiles { p50: 45, p99: 90 });
        fast.merge(&slow);
        let Quantiles { p50, p99 } = fast.quantiles();
        assert_eq!(p50, 50);
        assert!((1_000..1_020).contains(&p99), "{p99}");
        fast.record(Duration::MAX);
        assert_eq!(fast.total, 101);
    }
}
