//! What is measured: the words of the command line and their bounds.

use std::path::PathBuf;
use std::time::Duration;

use clap::builder::RangedU64ValueParser;
use clap::{Args, Subcommand};

use super::compare::Compare;
use super::plan::{Op, Plan};
use super::plot::Plot;
use super::rate::Rate;
use crate::failure::Failure;

/// A bench holds a server busy for as long as its runs take together, so there is an end to them.
const RUNS_MAX: usize = 200;

/// Measure a server: sealed jobs per second, with settings and disk beside the figures
#[derive(Args, Debug)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Bench {
    #[command(subcommand)]
    pub(super) results: Option<Results>,
    #[command(flatten)]
    pub(super) measure: Measure,
}

/// What to do with figures that were kept.
#[derive(Debug, Subcommand)]
pub(super) enum Results {
    /// Compare two benches, run by run
    Compare(Compare),
    /// Draw latency over load from a bench with rates, as SVG
    Plot(Plot),
}

/// What to measure.
#[derive(Args, Debug)]
pub(super) struct Measure {
    /// What to do: enqueue (send and be answered), cycle (send, lease, open, complete), work (the same by producers
    /// and a worker that share a client)
    #[arg(
        long = "op",
        value_enum,
        value_delimiter = ',',
        default_value = "enqueue,cycle",
        value_name = "OP,OP"
    )]
    ops: Vec<Op>,
    /// So many at once, each with a connection of its own; with `work` over shared ones
    #[arg(long, value_delimiter = ',', default_value = "1,8,64", value_name = "N,N", value_parser = bounded(256))]
    producers: Vec<usize>,
    /// Jobs in a request
    #[arg(long, value_delimiter = ',', default_value = "1,100,1000", value_name = "N,N", value_parser = bounded(1_000))]
    batch: Vec<usize>,
    /// Bytes in a body before it is sealed
    #[arg(long, value_delimiter = ',', default_value = "100,1024", value_name = "N,N", value_parser = bounded(524_288))]
    size: Vec<usize>,
    /// How long each run takes
    #[arg(long, default_value = "5", value_name = "N", value_parser = seconds)]
    seconds: Duration,
    /// Begin so many jobs a second by the clock, all producers together, instead of one after the other: `500`, or
    /// `10%,50%,90%` of what the same work reaches without a rate, which is then measured first
    #[arg(long = "rate", value_delimiter = ',', value_name = "N,N%", value_parser = Rate::parse)]
    rates: Vec<Rate>,
    /// Keep each run's whole histogram in the JSON
    #[arg(long)]
    pub(super) histogram: bool,
    /// Send bodies unsealed
    #[arg(long)]
    pub(super) plaintext: bool,
    /// Where to measure the disk; beside the context where not said
    #[arg(long, value_name = "DIR")]
    pub(super) disk_dir: Option<PathBuf>,
    /// The server's process, to count its processor time as well; it must be on this machine
    #[arg(long, value_name = "PID")]
    pub(super) server_pid: Option<u32>,
}

impl Measure {
    /// How long one run takes.
    pub(super) const fn time(&self) -> Duration {
        self.seconds
    }

    /// The runs, every combination once. Where parts of a maximum are asked for, the run without a
    /// rate that finds it out comes before them.
    pub(super) fn plans(&self) -> Result<Vec<Plan>, Failure> {
        let rates = self.rates_in_order();
        let count = self.ops.len() * self.producers.len() * self.batch.len() * self.size.len() * rates.len();
        if count > RUNS_MAX {
            return Err(Failure::usage(format!(
                "these are {count} runs and {RUNS_MAX} is the most: name fewer values"
            )));
        }
        if self.ops.contains(&Op::Work) && !self.rates.is_empty() {
            return Err(Failure::usage(
                "work has no rate: its producers go on as its worker does".to_owned(),
            ));
        }
        let mut plans = Vec::with_capacity(count);
        for &op in &self.ops {
            for &size in &self.size {
                for &batch in &self.batch {
                    for &producers in &self.producers {
                        let time = self.seconds;
                        plans.extend(rates.iter().map(|&rate| Plan {
                            op,
                            producers,
                            batch,
                            size,
                            time,
                            rate,
                        }));
                    }
                }
            }
        }
        for plan in &plans {
            // Why not the parts: of what, is not known before it is measured.
            if let Some(Rate::PerSecond(jobs)) = plan.rate {
                plan.spacing(f64::from(jobs))?;
            }
        }
        Ok(plans)
    }

    fn rates_in_order(&self) -> Vec<Option<Rate>> {
        let parts = self.rates.iter().any(|rate| matches!(rate, Rate::Percent(_)));
        let maximum = (parts || self.rates.is_empty()).then_some(None);
        maximum.into_iter().chain(self.rates.iter().copied().map(Some)).collect()
    }
}

fn bounded(max: u64) -> impl clap::builder::TypedValueParser<Value = usize> {
    use clap::builder::TypedValueParser as _;
    RangedU64ValueParser::<u64>::new()
        .range(1..=max)
        .map(|number| usize::try_from(number).expect("the bounds given above fit every machine's usize"))
}

/// Seconds, in parts where wished: `5` or `0.2`.
fn seconds(text: &str) -> Result<Duration, String> {
    const RULE: &str = "must be a number of seconds from 0.05 to 60";
    let number: f64 = text.parse().map_err(|_| RULE)?;
    if (0.05..=60.0).contains(&number) { Ok(Duration::from_secs_f64(number)) } else { Err(RULE.to_owned()) }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        bench: Bench,
    }

    fn read(line: &str) -> Result<Bench, String> {
        let words = std::iter::once("bench").chain(line.split_whitespace());
        Line::try_parse_from(words).map(|line| line.bench).map_err(|error| error.to_string())
    }

    fn plans(line: &str) -> Result<Vec<Plan>, Failure> {
        read(line).unwrap().measure.plans()
    }

    // covers CLI-1 (bench)
    #[test]
    fn every_combination_is_one_run() {
        let plans = plans("--producers 1,8 --batch 1,100 --size 100,1024 --seconds 0.2").unwrap();
        assert_eq!(plans.len(), 16);
        assert_eq!(plans[0].time, Duration::from_millis(200));
        assert!(plans.iter().all(|plan| plan.rate.is_none()));
        assert_eq!(plans.iter().filter(|plan| plan.op == Op::Cycle && plan.producers == 8).count(), 4);
    }

    #[test]
    fn a_maximum_is_measured_before_parts_of_it_and_only_then() {
        let rates = |line: &str| -> Vec<Option<Rate>> {
            let one = format!("--op cycle --producers 1 --batch 1 --size 1 {line}");
            plans(&one).unwrap().iter().map(|plan| plan.rate).collect()
        };
        assert_eq!(rates("--rate 50%,7"), [None, Some(Rate::Percent(50)), Some(Rate::PerSecond(7))]);
        assert!(plans("--op cycle --batch 10 --seconds 2 --rate 5").is_ok());
        assert!(plans("--op cycle --batch 10,11 --seconds 2 --rate 5").is_err());
        assert_eq!(rates("--rate 7 --rate 8"), [Some(Rate::PerSecond(7)), Some(Rate::PerSecond(8))]);
    }

    // attack 55
    #[test]
    fn what_would_have_no_end_is_refused() {
        for bad in [
            "--producers 0",
            "--producers 257",
            "--batch 1001",
            "--size 0",
            "--size 524289",
            "--seconds 0",
            "--seconds 61",
            "--seconds NaN",
            "--seconds -1",
            "--op nothing",
            "--rate 0",
            "--rate 1000001",
            "--rate 201%",
            "compare one",
            "compare one two --fail-below 0",
            "compare one two --fail-below NaN",
            "plot",
            "--seconds 1 compare one two",
        ] {
            assert!(read(bad).is_err(), "{bad}");
        }
        let many = ["1"; 101].join(",");
        assert!(plans(&format!("--producers {many} --batch 1 --size 1")).is_err());
        assert!(plans(&format!("--op cycle --producers 1 --batch 1 --size 1,2 --rate {many}")).is_err());
    }
}
