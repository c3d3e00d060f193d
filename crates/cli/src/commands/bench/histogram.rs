//! Lengths of time, counted in buckets one percent wide: a run of any length takes the same memory.

use std::time::Duration;

use hdrhistogram::Histogram as Counts;
use serde::Serialize;

/// Until about an hour; what takes longer counts as that.
const LONGEST_US: u64 = (1 << 32) - 1;
/// Two digits that hold: a bucket is at most one percent wide.
const DIGITS: u8 = 2;

/// Microseconds by how often they were seen.
#[derive(Clone, Debug)]
pub(super) struct Histogram {
    counts: Counts<u64>,
}

/// The middle and the bad end, in microseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(in crate::commands) struct Quantiles {
    pub(in crate::commands) p50: u64,
    pub(in crate::commands) p99: u64,
}

impl Histogram {
    pub(super) fn new() -> Self {
        let counts = Counts::new_with_bounds(1, LONGEST_US, DIGITS).expect("the bounds above are in order");
        Self { counts }
    }

    pub(super) fn record(&mut self, length: Duration) {
        self.counts.saturating_record(u64::try_from(length.as_micros()).unwrap_or(u64::MAX));
    }

    /// Adds what another one counted.
    pub(super) fn merge(&mut self, other: &Self) {
        self.counts.add(&other.counts).expect("all histograms here have the same bounds");
    }

    pub(super) fn quantiles(&self) -> Quantiles {
        Quantiles { p50: self.at(0.5), p99: self.at(0.99) }
    }

    /// What this part of all did not exceed; 0 where nothing was recorded.
    pub(super) fn at(&self, part: f64) -> u64 {
        self.counts.value_at_quantile(part)
    }

    /// The longest.
    pub(super) fn longest(&self) -> u64 {
        self.counts.max()
    }

    /// Every bucket that counted something: the most microseconds it stands for, and how many.
    pub(super) fn buckets(&self) -> Vec<(u64, u64)> {
        self.counts.iter_recorded().map(|step| (step.value_iterated_to(), step.count_at_value())).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_is_at_most_a_percent_wide() {
        let mut histogram = Histogram::new();
        let lengths = [1, 99, 1_000, 123_456, 60_000_000, 3_599_999_999];
        lengths.iter().for_each(|us| histogram.record(Duration::from_micros(*us)));
        let buckets = histogram.buckets();
        assert_eq!(buckets.len(), lengths.len());
        for (us, (top, count)) in lengths.into_iter().zip(buckets) {
            assert!(count == 1 && top >= us && (top - us) * 100 <= us, "{us}: up to {top}");
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
        assert!((1_000..=1_010).contains(&p99), "{p99}");
        fast.record(Duration::MAX);
        assert_eq!(fast.buckets().iter().map(|(_, count)| count).sum::<u64>(), 101);
        assert!(fast.longest() >= LONGEST_US);
    }
}
