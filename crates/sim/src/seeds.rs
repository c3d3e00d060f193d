//! Many runs: the seeds that ever failed, then fresh ones, on as many threads as there are.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crate::dice::Dice;
use crate::oracle::Tally;
use crate::run::{Outcome, run};

/// The committed list: one seed a line, and behind it what it found.
const KEPT: &str = include_str!("../seeds/kept.txt");

/// Every seed that ever failed.
pub fn kept() -> Vec<u64> {
    KEPT.lines().filter_map(|line| parse(line.split_whitespace().next()?)).collect()
}

/// Reads a seed as it is printed.
pub fn parse(text: &str) -> Option<u64> {
    u64::from_str_radix(text.strip_prefix("0x")?, 16).ok()
}

/// How many fresh seeds to run.
#[derive(Clone, Copy, Debug)]
pub enum HowMany {
    /// So many.
    Seeds(u64),
    /// As many as fit into this time.
    Time(Duration),
}

/// What came of many runs.
#[derive(Debug)]
pub struct Report {
    seeds: u64,
    steps: u64,
    tally: Tally,
    /// The first that failed.
    pub failed: Option<Outcome>,
}

/// Runs these seeds and then fresh ones, which follow from `first`, until one fails. The first `twice` of
/// all are run twice, and must tell the same story both times.
pub fn run_all(known: &[u64], first: u64, how_many: HowMany, twice: u64) -> Report {
    let began = Instant::now();
    let next = Mutex::new((0_u64, Dice::new(first)));
    let over = AtomicBool::new(false);
    let report = Mutex::new(Report { seeds: 0, steps: 0, tally: Tally::default(), failed: None });
    let take = || {
        let mut next = next.lock().unwrap_or_else(PoisonError::into_inner);
        let number = next.0;
        next.0 += 1;
        let known_at = usize::try_from(number).ok().and_then(|at| known.get(at));
        if let Some(seed) = known_at {
            return Some((number, *seed));
        }
        let fresh = number - u64::try_from(known.len()).unwrap_or(0);
        let more = match how_many {
            HowMany::Seeds(seeds) => fresh < seeds,
            HowMany::Time(time) => began.elapsed() < time,
        };
        more.then(|| (number, next.1.draw()))
    };
    let work = || {
        while !over.load(Ordering::Relaxed) {
            let Some((number, seed)) = take() else { return };
            let mut outcome = run(seed);
            if number < twice && !outcome.has_failed() {
                outcome = outcome.compared(&run(seed));
            }
            let mut report = report.lock().unwrap_or_else(PoisonError::into_inner);
            report.seeds += 1;
            report.steps += outcome.steps;
            report.tally = report.tally.and(outcome.tally);
            if outcome.has_failed() {
                over.store(true, Ordering::Relaxed);
                report.failed.get_or_insert(outcome);
            }
        }
    };
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(work);
        }
    });
    report.into_inner().unwrap_or_else(PoisonError::into_inner)
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Tally { attempted, acknowledged, found, lost, duplicated, unexpected } = self.tally;
        write!(
            f,
            "sim: {} seeds, {} steps; jobs: {attempted} attempted, {acknowledged} acknowledged, {found} found, {lost} lost, {duplicated} duplicated, {unexpected} unexpected",
            self.seeds, self.steps
        )
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for line in &self.last {
            writeln!(f, "{line}")?;
        }
        if let Some(broken) = &self.violation {
            writeln!(f, "\nbroken: {}\n        {}", broken.promise, broken.how)?;
            writeln!(f, "seed {:#018x}, step {}; to repeat it:", self.seed, broken.step)?;
            return write!(f, "    cargo xtask sim --seed {:#018x}", self.seed);
        }
        write!(f, "seed {:#018x}: {} steps, hash {:016x}, {:?}", self.seed, self.steps, self.hash, self.tally)
    }
}
