//! The figures, and what they cannot be read without.

use std::time::Duration;

use sealane_api::v1::{QueueOut, ServerOut};
use serde::Serialize;

use super::histogram::Quantiles;
use super::load::Measured;
use super::machine::Machine;
use super::options::{Op, Plan};

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
    jobs: u64,
    jobs_per_s: f64,
    p50_us: u64,
    p99_us: u64,
    cpu_us_per_job: f64,
}

impl Run {
    pub(super) fn new(plan: &Plan, measured: &Measured) -> Self {
        let Quantiles { p50, p99 } = measured.latency.quantiles();
        Self {
            op: plan.op,
            producers: plan.producers,
            batch: plan.batch,
            size: plan.size,
            jobs: measured.jobs,
            jobs_per_s: per_second(measured.jobs, measured.took),
            p50_us: p50,
            p99_us: p99,
            cpu_us_per_job: micros_each(measured.cpu, measured.jobs),
        }
    }

    pub(super) fn row(&self) -> Vec<String> {
        vec![
            self.op.as_str().to_owned(),
            self.producers.to_string(),
            self.batch.to_string(),
            self.size.to_string(),
            format!("{:.0}", self.jobs_per_s),
            self.p50_us.to_string(),
            self.p99_us.to_string(),
            format!("{:.1}", self.cpu_us_per_job),
        ]
    }
}

impl Report {
    /// Names of a run's columns.
    pub(super) const COLUMNS: [&'static str; 8] =
        ["op", "producers", "batch", "size", "jobs/s", "p50 us", "p99 us", "cpu us/job"];

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
