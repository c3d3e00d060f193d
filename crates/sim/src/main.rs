//! `cargo xtask sim` runs this.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a developer tool talks to its terminal")]

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use sealane::crypto::{Random as _, SystemRandom};
use sealane_sim::run::{Outcome, run};
use sealane_sim::seeds::{HowMany, kept, parse, run_all};

const USAGE: &str =
    "usage: sealane-sim [--seeds N | --seconds N | --seed 0x…] [--from 0x…] [--twice N] [--keep FILE]";

struct Arguments {
    how_many: HowMany,
    /// One seed and no other.
    one: Option<u64>,
    /// What the fresh seeds follow from.
    from: Option<u64>,
    /// So many seeds are run twice.
    twice: u64,
    /// Where a seed that failed is written to.
    keep: Option<PathBuf>,
}

fn main() -> ExitCode {
    let Some(arguments) = read(std::env::args().skip(1)) else {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    };
    if let Some(seed) = arguments.one {
        let outcome = run(seed);
        println!("{outcome}");
        return if outcome.has_failed() { ExitCode::FAILURE } else { ExitCode::SUCCESS };
    }
    let mut drawn = [0; 8];
    if arguments.from.is_none() && SystemRandom.fill(&mut drawn).is_err() {
        eprintln!("sealane-sim: the system gives no random bytes");
        return ExitCode::FAILURE;
    }
    let from = arguments.from.unwrap_or(u64::from_be_bytes(drawn));
    println!("sim: fresh seeds from {from:#018x}");
    let report = run_all(&kept(), from, arguments.how_many, arguments.twice);
    if let Some(failed) = &report.failed {
        println!("{failed}");
        if let Some(path) = &arguments.keep {
            keep(failed, path);
        }
    }
    println!("{report}");
    if report.failed.is_some() { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

/// Writes a seed to the list of those that failed, to be committed with what is done about it.
fn keep(failed: &Outcome, path: &std::path::Path) {
    use std::io::Write as _;
    if kept().contains(&failed.seed) {
        return;
    }
    let line = format!("{:#018x} {}\n", failed.seed, failed.promise().unwrap_or_default());
    let file = std::fs::OpenOptions::new().append(true).open(path);
    match file.and_then(|mut file| file.write_all(line.as_bytes())) {
        Ok(()) => println!("kept in {}", path.display()),
        Err(error) => eprintln!("the seed could not be kept in {}: {error}", path.display()),
    }
}

fn read(mut words: impl Iterator<Item = String>) -> Option<Arguments> {
    let mut arguments =
        Arguments { how_many: HowMany::Seeds(200), one: None, from: None, twice: 0, keep: None };
    while let Some(name) = words.next() {
        let value = words.next()?;
        match name.as_str() {
            "--seeds" => arguments.how_many = HowMany::Seeds(value.parse().ok()?),
            "--seconds" => arguments.how_many = HowMany::Time(Duration::from_secs(value.parse().ok()?)),
            "--seed" => arguments.one = Some(parse(&value)?),
            "--from" => arguments.from = Some(parse(&value)?),
            "--twice" => arguments.twice = value.parse().ok()?,
            "--keep" => arguments.keep = Some(value.into()),
            _ => return None,
        }
    }
    Some(arguments)
}
