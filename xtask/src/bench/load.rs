//! Owns the programs that drive the other servers: what builds them, and one measurement by them.

use super::setting::Setting;
use crate::command::Line;
use crate::failure::Failure;
use crate::place::Place;
use serde_json::Value;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// What a measurement may take beyond its own time: connecting, counting, tidying up.
const EXTRA_TIME_MAX: Duration = Duration::from_secs(180);

/// Which program drives a server.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Load {
    /// Ours in `bench/`, by this name.
    Clients(&'static str),
    /// The peer is a library: its own program, in `bench/bullmq`.
    BullMq,
}

/// Where they are.
#[derive(Debug, Clone)]
pub(crate) struct Programs {
    clients: PathBuf,
    bullmq: PathBuf,
}

/// What one measurement said.
#[derive(Debug, Clone)]
pub(crate) struct PeerFigures {
    pub(crate) jobs_per_s: f64,
    pub(crate) p50_us: u64,
    pub(crate) p99_us: u64,
    pub(crate) client_cpu_us_per_job: f64,
}

impl Programs {
    pub(crate) fn build(place: &Place, fetched: &Path) -> Result<Self, Failure> {
        cargo(place, &["build", "--release", "--locked"]).run()?;
        let clients = target(place).join("release/sealane-peers");
        Ok(Self { clients, bullmq: fetched.join("bullmq/load.mjs") })
    }

    /// One run against a server, checked for its counts by the program.
    pub(crate) fn measure(
        &self,
        load: Load,
        address: SocketAddr,
        setting: Setting,
        time: Duration,
    ) -> Result<PeerFigures, Failure> {
        let seconds = (time + EXTRA_TIME_MAX).as_secs().to_string();
        let line = Line::new("timeout").args([&seconds]);
        let line = match load {
            Load::Clients(name) => line.args([&self.clients]).args([name, &address.to_string()]),
            Load::BullMq => line.args(["node"]).args([&self.bullmq]).args([address.port().to_string()]),
        };
        let numbers = [setting.connections.into(), setting.batch.into(), time.as_millis()];
        let said = line.args(numbers.map(|number: u128| number.to_string())).answer()?;
        let report: Option<Value> = serde_json::from_str(&said).ok();
        report.as_ref().and_then(figures).ok_or_else(|| {
            Failure::new(format!("the load generator printed another form of report: {}", said.trim()))
        })
    }
}

/// Whether the load generators are as tidy as the rest: nothing of `cargo xtask ci` looks at them.
pub(crate) fn check(place: &Place) -> Result<(), Failure> {
    cargo(place, &["fmt", "--check"]).run()?;
    cargo(place, &["clippy", "--release", "--locked", "--all-targets", "--", "-D", "warnings"]).run()?;
    cargo(place, &["test", "--release", "--locked"]).run()
}

/// A command in the workspace of the load generators, which has build output of its own.
fn cargo(place: &Place, arguments: &[&str]) -> Line {
    Line::new("cargo")
        .args(arguments)
        .env("CARGO_TARGET_DIR", target(place))
        .within(&place.root.join("bench"))
}

fn target(place: &Place) -> PathBuf {
    // Not the build output of the steps, which several checkouts share.
    place.root.join("bench/target")
}

fn figures(report: &Value) -> Option<PeerFigures> {
    Some(PeerFigures {
        jobs_per_s: report.get("jobs_per_s")?.as_f64()?,
        p50_us: report.get("p50_us")?.as_u64()?,
        p99_us: report.get("p99_us")?.as_u64()?,
        client_cpu_us_per_job: report.get("client_cpu_us_per_job")?.as_f64()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_is_read_and_one_without_a_figure_is_not() {
        let text = r#"{"jobs":3,"jobs_per_s":5.5,"p50_us":7,"p99_us":9,"client_cpu_us_per_job":11}"#;
        let read = |text: &str| figures(&serde_json::from_str(text).expect("it is JSON"));
        let found = read(text).expect("everything is there");
        assert_eq!((found.jobs_per_s, found.p99_us, found.client_cpu_us_per_job), (5.5, 9, 11.0));
        assert!(read(&text.replace("p99_us", "p98_us")).is_none());
    }
}
