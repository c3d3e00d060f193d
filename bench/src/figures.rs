//! Owns what a measurement came to.

use crate::failure::Failure;
use hdrhistogram::Histogram;
use serde::Serialize;
use std::time::{Duration, Instant};

/// Until about an hour, to two digits.
const LONGEST_US: u64 = (1 << 32) - 1;
const DIGITS: u8 = 2;

/// The line that is printed.
#[derive(Debug, Serialize)]
pub(crate) struct Figures {
    jobs: u64,
    jobs_per_s: f64,
    p50_us: u64,
    p99_us: u64,
    /// Of this process alone.
    client_cpu_us_per_job: f64,
}

/// What one lane did.
#[derive(Debug)]
pub(crate) struct Steps {
    began: Instant,
    ended: Instant,
    times: Histogram<u64>,
}

impl Steps {
    pub(crate) fn begin() -> Self {
        let times = Histogram::new_with_bounds(1, LONGEST_US, DIGITS).expect("the bounds above are in order");
        let now = Instant::now();
        Self { began: now, ended: now, times }
    }

    /// Whether there is time for another one.
    pub(crate) fn goes_on(&self, time: Duration) -> bool {
        self.began.elapsed() < time
    }

    pub(crate) fn record(&mut self, step: Duration) {
        self.times.saturating_record(u64::try_from(step.as_micros()).unwrap_or(u64::MAX));
        self.ended = Instant::now();
    }
}

impl Figures {
    /// All lanes together; `jobs` are those that were taken while the clock ran.
    pub(crate) fn of(lanes: &[Steps], batch: u32, cpu: Duration) -> Result<Self, Failure> {
        let mut times = Steps::begin().times;
        for lane in lanes {
            times.add(&lane.times).map_err(|_| Failure::new("histograms of two kinds"))?;
        }
        let first = lanes.iter().map(|lane| lane.began).min();
        let last = lanes.iter().map(|lane| lane.ended).max();
        let took =
            last.zip(first).map_or(Duration::ZERO, |(last, first)| last.saturating_duration_since(first));
        let jobs = times.len() * u64::from(batch);
        Ok(Self {
            jobs,
            jobs_per_s: jobs as f64 / took.as_secs_f64().max(1e-6),
            p50_us: times.value_at_quantile(0.5),
            p99_us: times.value_at_quantile(0.99),
            client_cpu_us_per_job: cpu.as_secs_f64() * 1e6 / jobs.max(1) as f64,
        })
    }

    pub(crate) fn line(&self) -> String {
        serde_json::to_string(self).expect("figures are numbers")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_over_the_time_from_the_first_lane_to_the_last() {
        let lane = |from: u64, to: u64| {
            let mut steps = Steps::begin();
            let start = steps.began;
            steps.record(Duration::from_micros(500));
            (steps.began, steps.ended) = (start + Duration::from_secs(from), start + Duration::from_secs(to));
            steps
        };
        let figures =
            Figures::of(&[lane(0, 1), lane(1, 2)], 100, Duration::from_millis(1)).expect("one kind");
        assert_eq!((figures.jobs, figures.p50_us), (200, 501));
        assert!((99.0..=101.0).contains(&figures.jobs_per_s), "{figures:?}");
        assert_eq!(figures.client_cpu_us_per_job, 5.0);
    }
}
