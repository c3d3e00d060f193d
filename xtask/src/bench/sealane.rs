//! Owns our side: a server of our own and `sealane bench` against it.

use super::child::{Child, Start, log};
use super::setting::{BODY_BYTES, Setting};
use crate::command::Line;
use crate::failure::Failure;
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

const START_TIME_MAX: Duration = Duration::from_secs(60);
/// What a measurement may take beyond its own time.
const EXTRA_TIME_MAX: Duration = Duration::from_secs(180);
/// Parts of what is reached without a rate, for the picture of latency over load.
const RATES: &str = "10%,25%,50%,75%,90%,100%,110%";

/// A server with an empty data directory.
pub(crate) struct Sealane {
    program: PathBuf,
    context: PathBuf,
    server: Child,
}

/// What one bench said.
#[derive(Debug, Clone)]
pub(crate) struct Figures {
    pub(crate) jobs_per_s: f64,
    pub(crate) p50_us: u64,
    pub(crate) p99_us: u64,
    pub(crate) cpu_us_per_job: f64,
    /// Where it ran and with which settings.
    pub(crate) around: Around,
}

/// What the figures cannot be read without.
#[derive(Debug, Clone)]
pub(crate) struct Around {
    pub(crate) machine: Vec<(String, String)>,
    pub(crate) settings: Vec<(String, String)>,
    pub(crate) fdatasync_p50_us: u64,
    pub(crate) fdatasync_p99_us: u64,
}

impl Sealane {
    pub(crate) fn start(program: &Path, directory: &Path) -> Result<Self, Failure> {
        let data = directory.join("sealane");
        let arguments = ["serve", "--listen", "127.0.0.1:0", "--data-dir"].map(Into::into);
        let mut server = Child::speaking(&Start {
            program: program.to_path_buf(),
            arguments: arguments.into_iter().chain([data.clone().into_os_string()]).collect(),
            environment: Vec::new(),
            log: log(directory, "sealane"),
        })?;
        server.wait_for("\"ready\"", START_TIME_MAX)?;
        Ok(Self { program: program.to_path_buf(), context: data.join("admin.context"), server })
    }

    /// One run.
    pub(crate) fn measure(
        &self,
        op: &str,
        body_bytes: u32,
        setting: Setting,
        time: Duration,
    ) -> Result<Figures, Failure> {
        let said = self
            .bench(time, 1)
            .args(["--op", op, "--size", &body_bytes.to_string()])
            .args(["--producers", &setting.connections.to_string(), "--batch", &setting.batch.to_string()])
            .args(["--server-pid", &self.server.pid().to_string()])
            .answer()?;
        let report: Value = serde_json::from_str(&said)
            .map_err(|cause| Failure::new(format!("the bench printed no JSON: {cause}")))?;
        figures(&report).ok_or_else(|| {
            Failure::new("the bench printed another form of report, adapt `xtask/src/bench/sealane.rs`")
        })
    }

    /// Latency over load, drawn into this file.
    pub(crate) fn draw(&self, setting: Setting, time: Duration, picture: &Path) -> Result<(), Failure> {
        let runs = u32::try_from(RATES.split(',').count() + 1).unwrap_or(u32::MAX);
        let said = self
            .bench(time, runs.saturating_mul(2).saturating_mul(2))
            .args(["--op", "enqueue,cycle", "--size", &BODY_BYTES.to_string(), "--rate", RATES])
            .args(["--producers", &setting.connections.to_string(), "--batch", &setting.batch.to_string()])
            .answer()?;
        let report = self.context.with_file_name("sweep.json");
        fs::write(&report, said).map_err(|cause| Failure::file("write", &report, &cause))?;
        let line = Line::new(&self.program).args(["bench", "plot"]).args([&report]);
        line.args(["--out"]).args([picture]).answer().map(drop)
    }

    /// A bench of so many runs at most, within bounds.
    fn bench(&self, time: Duration, runs: u32) -> Line {
        let seconds_max = (time.saturating_mul(runs) + EXTRA_TIME_MAX).as_secs().to_string();
        Line::new("timeout")
            .args([&seconds_max])
            .args([&self.program])
            .args(["bench", "--output", "json", "--seconds", &time.as_secs().to_string()])
            .env("SEALANE_CONTEXT", &self.context)
    }
}

fn figures(report: &Value) -> Option<Figures> {
    let run = report.get("runs")?.get(0)?;
    let disk = report.get("fdatasync_us")?;
    Some(Figures {
        jobs_per_s: run.get("jobs_per_s")?.as_f64()?,
        p50_us: run.get("p50_us")?.as_u64()?,
        p99_us: run.get("p99_us")?.as_u64()?,
        cpu_us_per_job: run.get("cpu_us_per_job")?.as_f64()?,
        around: Around {
            machine: pairs(report.get("machine")?)?,
            settings: pairs(report.get("settings")?)?,
            fdatasync_p50_us: disk.get("p50")?.as_u64()?,
            fdatasync_p99_us: disk.get("p99")?.as_u64()?,
        },
    })
}

fn pairs(object: &Value) -> Option<Vec<(String, String)>> {
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    Some(object.as_object()?.iter().map(|(name, value)| (name.clone(), text(value))).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_is_read_and_one_without_a_figure_is_not() {
        let text = r#"{"machine":{"cores":2},"fdatasync_us":{"p50":1,"p99":2},"settings":{"tls":"1.3"},
            "runs":[{"jobs_per_s":5.5,"p50_us":7,"p99_us":9,"cpu_us_per_job":11.0}]}"#;
        let report: Value = serde_json::from_str(text).expect("it is JSON");
        let read = figures(&report).expect("everything is there");
        assert_eq!((read.jobs_per_s, read.p99_us, read.around.fdatasync_p50_us), (5.5, 9, 1));
        assert_eq!(read.around.machine, [("cores".to_owned(), "2".to_owned())]);
        let without: Value = serde_json::from_str(&text.replace("p99_us", "p98_us")).expect("it is JSON");
        assert!(figures(&without).is_none());
    }
}
