//! Two benches side by side: the same runs, figure by figure, and everything around them that
//! differs, since then the figures say less.

use std::collections::BTreeMap;
use std::path::PathBuf;

use clap::Args;
use serde::Serialize;
use serde_json::Value;

use super::saved::{Saved, SavedQuantiles, SavedRun, Work};
use crate::commands::Surroundings;
use crate::failure::{DATA, FAILED, Failure};

/// Compare two benches, run by run
#[derive(Args, Debug)]
pub(super) struct Compare {
    /// What `sealane bench -o json` printed before
    #[arg(value_name = "A")]
    before: PathBuf,
    /// What it printed after
    #[arg(value_name = "B")]
    after: PathBuf,
    /// Fail (exit 1) where a run of B reaches less than so many times A's jobs a second, misses jobs while A's
    /// missed none, or is missing
    #[arg(long, value_name = "RATIO", value_parser = ratio)]
    fail_below: Option<f64>,
}

/// What was found.
#[derive(Debug, Serialize)]
struct Comparison {
    fdatasync_us: Pair<SavedQuantiles>,
    /// Facts about the machine that are not the same.
    machine_differs: Vec<Difference>,
    settings_differ: Vec<Difference>,
    runs: Vec<RunPair>,
    /// Runs that the other file has not.
    only_in_a: Vec<String>,
    only_in_b: Vec<String>,
}

#[derive(Debug, Serialize)]
struct Pair<T> {
    a: T,
    b: T,
}

/// One fact; null where a file does not have it.
#[derive(Debug, PartialEq, Serialize)]
struct Difference {
    name: String,
    a: Value,
    b: Value,
}

#[derive(Debug, Serialize)]
struct RunPair {
    #[serde(flatten)]
    work: Work,
    #[serde(skip_serializing_if = "Option::is_none")]
    rate_asked: Option<String>,
    jobs_per_s: Ratio,
    p50_us: Ratio,
    p99_us: Ratio,
    cpu_us_per_job: Ratio,
    /// Jobs that were to begin and did not.
    missed: Pair<u64>,
}

/// A figure twice, and B's as so many times A's; none where A's is nothing.
#[derive(Clone, Copy, Debug, Serialize)]
struct Ratio {
    a: f64,
    b: f64,
    ratio: Option<f64>,
}

pub(super) fn run(at: &Surroundings, command: &Compare) -> Result<(), Failure> {
    let comparison = Comparison::of(&Saved::read(&command.before)?, &Saved::read(&command.after)?);
    // Where runs are judged, one that is missing is judged as well.
    let judged = command.fail_below.is_some() && !comparison.only_in_a.is_empty();
    if comparison.runs.is_empty() && !judged {
        let detail = "no run of the one is in the other: make both with the same --op, --producers, --batch, --size and --rate";
        return Err(Failure::new(DATA, "nothing_to_compare", "these cannot be compared", detail));
    }
    let rows = comparison.runs.iter().map(RunPair::row).collect();
    at.output.report(&comparison, &comparison.facts(), &COLUMNS, rows)?;
    command.fail_below.map_or(Ok(()), |least| comparison.judge(least))
}

const COLUMNS: [&str; 13] = [
    "op",
    "producers",
    "batch",
    "size",
    "rate",
    "jobs/s a",
    "jobs/s b",
    "b/a",
    "p50 b/a",
    "p99 b/a",
    "cpu b/a",
    "missed a",
    "missed b",
];

impl Comparison {
    fn of(a: &Saved, b: &Saved) -> Self {
        let mut left: Vec<&SavedRun> = b.runs.iter().collect();
        let (mut runs, mut only_in_a) = (Vec::new(), Vec::new());
        for run in &a.runs {
            // Why by position: a run that was asked for twice has its match twice.
            let same =
                left.iter().position(|other| other.work == run.work && other.rate_asked == run.rate_asked);
            match same {
                Some(place) => runs.push(RunPair::of(run, left.remove(place))),
                None => only_in_a.push(name(run)),
            }
        }
        Self {
            fdatasync_us: Pair { a: a.fdatasync_us, b: b.fdatasync_us },
            machine_differs: differences(&a.machine, &b.machine),
            settings_differ: differences(&a.settings, &b.settings),
            runs,
            only_in_a,
            only_in_b: left.into_iter().map(name).collect(),
        }
    }

    fn facts(&self) -> Vec<(&'static str, String)> {
        let Pair { a, b } = self.fdatasync_us;
        let mut facts = vec![
            ("machine", shown(&self.machine_differs)),
            ("settings", shown(&self.settings_differ)),
            ("fdatasync", format!("p50 {} µs and {} µs, p99 {} µs and {} µs", a.p50, b.p50, a.p99, b.p99)),
        ];
        for (title, runs) in [("only in a", &self.only_in_a), ("only in b", &self.only_in_b)] {
            facts.extend(runs.iter().map(|run| (title, run.clone())));
        }
        facts
    }

    fn judge(&self, least: f64) -> Result<(), Failure> {
        let below = |run: &&RunPair| run.jobs_per_s.ratio.is_some_and(|ratio| ratio < least);
        let slower = self.runs.iter().filter(below).count();
        // Why only where A missed none: where both are asked for too much, their rates say which did more.
        let missing = |run: &&RunPair| run.missed.a == 0 && run.missed.b > 0;
        let behind = self.runs.iter().filter(missing).count();
        if slower == 0 && behind == 0 && self.only_in_a.is_empty() {
            return Ok(());
        }
        let all = self.runs.len() + self.only_in_a.len();
        let detail = format!(
            "of {all} runs {slower} reach less than {least} times what they reached in A, {behind} missed jobs where A missed none, and {} are missing in B",
            self.only_in_a.len()
        );
        Err(Failure::new(FAILED, "bench_below", "it became slower", detail))
    }
}

impl RunPair {
    fn of(a: &SavedRun, b: &SavedRun) -> Self {
        let micros = |a: u64, b: u64| Ratio::of(a as f64, b as f64);
        Self {
            work: a.work,
            rate_asked: a.rate_asked.clone(),
            jobs_per_s: Ratio::of(a.jobs_per_s, b.jobs_per_s),
            p50_us: micros(a.p50_us, b.p50_us),
            p99_us: micros(a.p99_us, b.p99_us),
            cpu_us_per_job: Ratio::of(a.cpu_us_per_job, b.cpu_us_per_job),
            missed: Pair { a: a.missed, b: b.missed },
        }
    }

    fn row(&self) -> Vec<String> {
        let Work { op, producers, batch, size } = self.work;
        vec![
            op.as_str().to_owned(),
            producers.to_string(),
            batch.to_string(),
            size.to_string(),
            self.rate_asked.clone().unwrap_or_else(|| "-".to_owned()),
            format!("{:.0}", self.jobs_per_s.a),
            format!("{:.0}", self.jobs_per_s.b),
            self.jobs_per_s.shown(),
            self.p50_us.shown(),
            self.p99_us.shown(),
            self.cpu_us_per_job.shown(),
            self.missed.a.to_string(),
            self.missed.b.to_string(),
        ]
    }
}

impl Ratio {
    fn of(a: f64, b: f64) -> Self {
        let ratio = (a > 0.0).then(|| (b / a * 1_000.0).round() / 1_000.0);
        Self { a, b, ratio }
    }

    fn shown(self) -> String {
        self.ratio.map_or_else(|| "-".to_owned(), |ratio| format!("{ratio:.2}"))
    }
}

fn name(run: &SavedRun) -> String {
    match &run.rate_asked {
        Some(rate) => format!("{}, rate {rate}", run.work),
        None => run.work.to_string(),
    }
}

fn differences(a: &BTreeMap<String, Value>, b: &BTreeMap<String, Value>) -> Vec<Difference> {
    let names = a.keys().chain(b.keys().filter(|name| !a.contains_key(*name)));
    let of = |map: &BTreeMap<String, Value>, name: &str| map.get(name).cloned().unwrap_or(Value::Null);
    names
        .map(|name| Difference { name: name.clone(), a: of(a, name), b: of(b, name) })
        .filter(|found| found.a != found.b)
        .collect()
}

fn shown(differences: &[Difference]) -> String {
    if differences.is_empty() {
        return "the same".to_owned();
    }
    let one = |Difference { name, a, b }: &Difference| format!("{name} {a} and {b}");
    format!("DIFFERS: {}", differences.iter().map(one).collect::<Vec<_>>().join("; "))
}

/// A part or a multiple: `0.9`.
fn ratio(text: &str) -> Result<f64, String> {
    const RULE: &str = "must be a number from 0.01 to 100";
    let number: f64 = text.parse().map_err(|_| RULE)?;
    if (0.01..=100.0).contains(&number) { Ok(number) } else { Err(RULE.to_owned()) }
}

#[cfg(test)]
mod tests {
    use super::super::saved::tests::{report, run, saved};
    use super::*;

    fn of_rates(a: &[(&str, f64)], b: &[(&str, f64)]) -> Comparison {
        let runs = |all: &[(&str, f64)]| {
            let one = |(asked, jobs): &(&str, f64)| {
                let rate =
                    if asked.is_empty() { String::new() } else { format!(r#","rate_asked":"{asked}""#) };
                run(&format!(r#""jobs_per_s":{jobs:?}{rate}"#))
            };
            saved(&all.iter().map(one).collect::<Vec<_>>().join(","))
        };
        Comparison::of(&runs(a), &runs(b))
    }

    #[test]
    fn runs_of_the_same_work_and_rate_are_put_side_by_side_once_each() {
        let found = of_rates(
            &[("", 100.0), ("50%", 50.0), ("", 200.0), ("9", 9.0)],
            &[("", 150.0), ("50%", 40.0), ("7", 7.0), ("", 100.0)],
        );
        let ratios: Vec<_> = found.runs.iter().map(|run| run.jobs_per_s.ratio.unwrap()).collect();
        assert_eq!(ratios, [1.5, 0.8, 0.5]);
        assert_eq!(found.only_in_a, ["cycle, 8 × 1, 100 bytes, rate 9"]);
        assert_eq!(found.only_in_b, ["cycle, 8 × 1, 100 bytes, rate 7"]);
    }

    #[test]
    fn it_fails_below_the_ratio_and_where_a_run_is_missing() {
        let worst = of_rates(&[("", 100.0), ("5", 5.0)], &[("", 90.0), ("5", 5.0)]);
        assert!(worst.judge(0.9).is_ok());
        assert_eq!(worst.judge(0.901).unwrap_err().exit(), FAILED);
        assert_eq!(of_rates(&[("", 1.0), ("5", 5.0)], &[("", 1.0)]).judge(0.5).unwrap_err().exit(), FAILED);
        assert!(of_rates(&[("", 1.0)], &[("", 1.0), ("5", 5.0)]).judge(0.5).is_ok());
        assert!(of_rates(&[("", 0.0)], &[("", 1.0)]).judge(0.5).is_ok());
    }

    #[test]
    fn it_fails_where_only_b_missed_jobs() {
        let missed = |jobs: u64| saved(&run(&format!(r#""jobs_per_s":9.0,"missed":{jobs}"#)));
        for (a, b, fails) in [(0, 0, false), (0, 1, true), (1, 2, false), (2, 0, false)] {
            let found = Comparison::of(&missed(a), &missed(b));
            assert_eq!(found.judge(0.5).is_err(), fails, "{a} and {b}");
            assert_eq!(found.runs[0].row()[11..], [a.to_string(), b.to_string()]);
        }
    }

    #[test]
    fn whatever_differs_around_the_runs_is_named() {
        let one = run(r#""jobs_per_s":1.0"#);
        let a = saved(&one);
        let other = report(&one).replace(r#""cpu":"A""#, r#""kernel":"6""#).replace("1.3", "1.2");
        let b: Saved = serde_json::from_str(&other).unwrap();
        let found = Comparison::of(&a, &b);
        let names: Vec<_> = found.machine_differs.iter().map(|found| found.name.as_str()).collect();
        assert_eq!(names, ["cpu", "kernel"]);
        assert_eq!(found.machine_differs[0].b, Value::Null);
        assert_eq!(found.facts()[1].1, r#"DIFFERS: tls "1.3" and "1.2""#);
        assert_eq!(Comparison::of(&a, &a).facts()[0].1, "the same");
    }
}
