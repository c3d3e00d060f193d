//! The figures, and what they cannot be read without.

use std::time::Duration;

use sealane_api::v1::{QueueOut, ServerOut};
use serde::Serialize;

use super::histogram::Quantiles;
use super::lanes::Measured;
use super::machine::Machine;
use super::plan::{Op, Plan};

/// Everything that one bench found out.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Report {
    pub(super) machine: Machine,
    pub(super) fdatasync_us: Quantiles,
    pub(super) settings: Settings,
    /// Whose processor time is in the figures.
    pub(super) cpu_of: &'static str,
    pub(super) runs: Vec<Run>,
}

/// How the server was set up, in its own words.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Settings {
    version: String,
    tls: String,
    auth: String,
    audit: String,
    sealing: String,
    at_rest: String,
    sync: String,
}

impl Settings {
    pub(super) fn of(server: ServerOut, queue: QueueOut) -> Self {
        Self {
            version: server.version,
            tls: server.tls,
            auth: server.auth,
            audit: server.audit,
            sealing: queue.sealing,
            at_rest: server.at_rest,
            sync: server.sync,
        }
    }
}

/// One run's figures.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Run {
    op: Op,
    producers: usize,
    batch: usize,
    size: usize,
    /// Jobs a second that were to begin, and the words that asked for it; neither in a closed loop.
    #[serde(skip_serializing_if = "Option::is_none")]
    rate: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rate_asked: Option<String>,
    jobs: u64,
    /// Jobs that were to begin and did not, long after their time.
    #[serde(skip_serializing_if = "Option::is_none")]
    missed: Option<u64>,
    jobs_per_s: f64,
    p50_us: u64,
    p90_us: u64,
    p99_us: u64,
    p999_us: u64,
    max_us: u64,
    cpu_us_per_job: f64,
    /// The most microseconds of a bucket, and how many batches are in it.
    #[serde(skip_serializing_if = "Option::is_none")]
    histogram_us: Option<Vec<(u64, u64)>>,
}

impl Run {
    /// `rate` is what an open loop asked for.
    pub(super) fn new(plan: &Plan, rate: Option<f64>, measured: &Measured, histogram: bool) -> Self {
        let Measured { done, took, cpu } = measured;
        let Quantiles { p50, p99 } = done.latency.quantiles();
        Self {
            op: plan.op,
            producers: plan.producers,
            batch: plan.batch,
            size: plan.size,
            rate,
            rate_asked: plan.rate.map(|rate| rate.to_string()),
            jobs: done.jobs,
            missed: rate.map(|_| done.missed),
            jobs_per_s: per_second(done.jobs, *took),
            p50_us: p50,
            p90_us: done.latency.at(0.9),
            p99_us: p99,
            p999_us: done.latency.at(0.999),
            max_us: done.latency.longest(),
            cpu_us_per_job: micros_each(*cpu, done.jobs),
            histogram_us: histogram.then(|| done.latency.buckets()),
        }
    }

    /// What a part of the maximum is a part of.
    pub(super) const fn jobs_per_s(&self) -> f64 {
        self.jobs_per_s
    }

    pub(super) fn row(&self) -> Vec<String> {
        vec![
            self.op.as_str().to_owned(),
            self.producers.to_string(),
            self.batch.to_string(),
            self.size.to_string(),
            self.rate.map_or_else(|| "-".to_owned(), |rate| format!("{rate:.0}")),
            format!("{:.0}", self.jobs_per_s),
            self.missed.map_or_else(|| "-".to_owned(), |missed| missed.to_string()),
            self.p50_us.to_string(),
            self.p99_us.to_string(),
            self.p999_us.to_string(),
            format!("{:.1}", self.cpu_us_per_job),
        ]
    }
}

impl Report {
    /// Names of a run's columns.
    pub(super) const COLUMNS: [&'static str; 11] = [
        "op",
        "producers",
        "batch",
        "size",
        "rate",
        "jobs/s",
        "missed",
        "p50 us",
        "p99 us",
        "p99.9 us",
        "cpu us/job",
    ];

    /// What stands above the runs.
    pub(super) fn facts(&self) -> Vec<(&'static str, String)> {
        let Self { machine, fdatasync_us, settings, .. } = self;
        vec![
            ("machine", format!("{} × {}, {} MiB", machine.cores, machine.cpu, machine.memory_mb)),
            ("kernel", machine.kernel.clone()),
            ("fdatasync", format!("p50 {} µs, p99 {} µs", fdatasync_us.p50, fdatasync_us.p99)),
            ("version", settings.version.clone()),
            ("tls", settings.tls.clone()),
            ("auth", settings.auth.clone()),
            ("audit", settings.audit.clone()),
            ("sealing", settings.sealing.clone()),
            ("at rest", settings.at_rest.clone()),
            ("sync", settings.sync.clone()),
            ("cpu of", self.cpu_of.to_owned()),
        ]
    }
}

fn per_second(jobs: u64, time: Duration) -> f64 {
    one_digit(jobs as f64 / time.as_secs_f64().max(1e-9))
}

fn micros_each(time: Duration, jobs: u64) -> f64 {
    one_digit(time.as_secs_f64() * 1e6 / jobs.max(1) as f64)
}

/// One digit after the point: more would be noise that looks like knowledge.
fn one_digit(number: f64) -> f64 {
    (number * 10.0).round() / 10.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_of_all_jobs_over_all_the_time() {
        assert_eq!(per_second(3_000, Duration::from_millis(1_500)), 2_000.0);
        assert_eq!(micros_each(Duration::from_millis(33), 1_000), 33.0);
        assert_eq!(micros_each(Duration::from_millis(1), 0), 1_000.0);
    }
}
