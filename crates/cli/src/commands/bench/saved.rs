//! A bench's JSON, read back. Files of other versions are read as well: a field that is not known
//! here is left alone, one that came later may be missing.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::plan::Op;
use crate::failure::{DATA, Failure};

/// A report of all the runs that a bench may make, every one with its histogram, is smaller.
const FILE_BYTES_MAX: u64 = 32 << 20;
/// Several reports' worth, for files put together by hand.
const RUNS_MAX: usize = 1_000;

/// What a bench printed.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Saved {
    pub(super) machine: BTreeMap<String, Value>,
    pub(super) fdatasync_us: SavedQuantiles,
    pub(super) settings: BTreeMap<String, Value>,
    pub(super) runs: Vec<SavedRun>,
}

/// The disk's own time.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
pub(super) struct SavedQuantiles {
    pub(super) p50: u64,
    pub(super) p99: u64,
}

/// One run of it.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct SavedRun {
    #[serde(flatten)]
    pub(super) work: Work,
    pub(super) rate: Option<f64>,
    pub(super) rate_asked: Option<String>,
    #[serde(default)]
    pub(super) missed: u64,
    pub(super) jobs_per_s: f64,
    pub(super) p50_us: u64,
    pub(super) p99_us: u64,
    pub(super) cpu_us_per_job: f64,
}

/// What was done in a run, whatever came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub(super) struct Work {
    pub(super) op: Op,
    pub(super) producers: u32,
    pub(super) batch: u32,
    pub(super) size: u32,
}

impl fmt::Display for Work {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { op, producers, batch, size } = self;
        write!(formatter, "{}, {producers} × {batch}, {size} bytes", op.as_str())
    }
}

impl Saved {
    /// Reads a file, bounded.
    pub(super) fn read(path: &Path) -> Result<Self, Failure> {
        let mut text = Vec::new();
        let taken = File::open(path).and_then(|file| file.take(FILE_BYTES_MAX + 1).read_to_end(&mut text));
        let bytes = taken.map_err(|error| unusable(path, &error.to_string()))?;
        if u64::try_from(bytes).unwrap_or(u64::MAX) > FILE_BYTES_MAX {
            return Err(unusable(path, &format!("it is longer than {FILE_BYTES_MAX} bytes")));
        }
        Self::parse(&text).map_err(|why| unusable(path, &why))
    }

    fn parse(text: &[u8]) -> Result<Self, String> {
        let saved: Self = serde_json::from_slice(text)
            .map_err(|error| format!("it is not what `sealane bench -o json` prints: {error}"))?;
        if saved.runs.len() > RUNS_MAX {
            return Err(format!("it has {} runs and {RUNS_MAX} is the most", saved.runs.len()));
        }
        for run in &saved.runs {
            let figures = [run.jobs_per_s, run.cpu_us_per_job, run.rate.unwrap_or(0.0)];
            if figures.iter().any(|figure| !figure.is_finite() || *figure < 0.0) {
                return Err(format!("a figure of the run {} is below zero", run.work));
            }
        }
        Ok(saved)
    }
}

fn unusable(path: &Path, why: &str) -> Failure {
    Failure::new(DATA, "file_unusable", "a file cannot be used", format!("{}: {why}", path.display()))
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A report with these runs, as a bench prints it.
    pub(in crate::commands::bench) fn saved(runs: &str) -> Saved {
        Saved::parse(report(runs).as_bytes()).unwrap()
    }

    pub(in crate::commands::bench) fn report(runs: &str) -> String {
        format!(
            r#"{{"machine":{{"cores":2,"cpu":"A"}},"fdatasync_us":{{"p50":1,"p99":2}},"settings":{{"tls":"1.3"}},"runs":[{runs}],"cpu_of":"bench"}}"#
        )
    }

    pub(in crate::commands::bench) fn run(more: &str) -> String {
        format!(
            r#"{{"op":"cycle","producers":8,"batch":1,"size":100,"p50_us":100,"p99_us":900,"cpu_us_per_job":20.0,{more}}}"#
        )
    }

    #[test]
    fn reports_of_other_versions_are_read() {
        let old = saved(&run(r#""jobs_per_s":5.5"#));
        assert_eq!((old.runs[0].rate, old.runs[0].missed, old.runs[0].work.producers), (None, 0, 8));
        let new =
            saved(&run(r#""jobs_per_s":5.5,"rate":9.0,"rate_asked":"50%","missed":3,"unheard_of":[1]"#));
        assert_eq!((new.runs[0].rate, new.runs[0].missed), (Some(9.0), 3));
        assert_eq!(new.runs[0].work.to_string(), "cycle, 8 × 1, 100 bytes");
    }

    // attack 55
    #[test]
    fn what_is_no_report_is_refused() {
        let good = run(r#""jobs_per_s":5.5"#);
        for bad in [
            String::new(),
            "[]".to_owned(),
            report(&good.replace("\"p99_us\"", "\"p98_us\"")),
            report(&good.replace("5.5", "-5.5")),
            report(&good.replace("5.5", "1e999")),
            report(&good.replace("cycle", "circle")),
            report(&good.replace(":8,", ":-8,")),
            report(&vec![good.clone(); RUNS_MAX + 1].join(",")),
        ] {
            assert!(Saved::parse(bad.as_bytes()).is_err(), "{}", &bad[..bad.len().min(200)]);
        }
        assert_eq!(saved(&vec![good; RUNS_MAX].join(",")).runs.len(), RUNS_MAX);
        assert_eq!(Saved::read(Path::new("/dev/zero")).unwrap_err().code(), "file_unusable");
        assert_eq!(Saved::read(Path::new("/not/there")).unwrap_err().exit(), DATA);
    }
}
