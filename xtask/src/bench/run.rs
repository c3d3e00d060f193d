//! Owns the order of a measurement: build, start, take turns, write down.

use super::arguments::Arguments;
use super::page::{self, Alone, Row};
use super::redis::{self, Redis, Sync};
use super::sealane::{Figures, Sealane};
use crate::build_output;
use crate::failure::Failure;
use crate::place::Place;
use std::fs;
use std::path::{Path, PathBuf};

/// How many do how much at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Setting {
    pub(crate) connections: u32,
    pub(crate) batch: u32,
}

const fn setting(connections: u32, batch: u32) -> Setting {
    Setting { connections, batch }
}

const CYCLES: [Setting; 4] = [setting(1, 1), setting(8, 1), setting(64, 1), setting(8, 100)];
const ALONE: [Setting; 5] =
    [setting(1, 1), setting(8, 1), setting(64, 1), setting(8, 100), setting(8, 1_000)];
/// Bytes in a body beside other servers.
const BODY_BYTES: u32 = 1_024;
/// Bytes in a body of our own measurements.
const SIZES: [u32; 2] = [100, BODY_BYTES];

/// What was measured for one setting, in every round.
#[derive(Default)]
struct Taken {
    ours: Vec<Figures>,
    always: Vec<f64>,
    every_second: Vec<f64>,
}

/// Measures and writes `docs/benchmarks.md`.
pub(crate) fn run(words: &[String]) -> Result<(), Failure> {
    let arguments = Arguments::read(words)?;
    let place = Place::discover()?;
    let _claim = build_output::claim(&place)?;
    place.cargo(["build", "--release", "--locked", "--package", "sealane-cli"]).run()?;
    let scratch = Scratch::create(&place.target)?;
    let redis_program = redis::program(&scratch.path)?;
    let sealane = Sealane::start(&place.target.join("release/sealane"), &scratch.path)?;
    let always = Redis::start(&redis_program, &scratch.path, Sync::Always)?;
    let every_second = Redis::start(&redis_program, &scratch.path, Sync::EverySecond)?;

    let mut taken: Vec<Taken> = CYCLES.iter().map(|_| Taken::default()).collect();
    // Why in turns: a machine that is busy for a minute is then busy for all.
    for round in 1..=arguments.rounds {
        for (setting, taken) in CYCLES.into_iter().zip(&mut taken) {
            taken.ours.push(sealane.measure("cycle", BODY_BYTES, setting, arguments.time)?);
            taken.always.push(always.measure(setting, arguments.time)?);
            taken.every_second.push(every_second.measure(setting, arguments.time)?);
            println!("round {round}: {}", row(setting, taken).line());
        }
    }
    let mut alone = Vec::new();
    for op in ["enqueue", "cycle"] {
        for body_bytes in SIZES {
            for setting in ALONE {
                let figures = sealane.measure(op, body_bytes, setting, arguments.time)?;
                alone.push(Alone { op, body_bytes, setting, figures });
            }
        }
    }
    let rows: Vec<Row> = CYCLES.into_iter().zip(&taken).map(|(setting, taken)| row(setting, taken)).collect();
    let text = page::write(arguments, &always.version, &rows, &alone);
    let path = place.root.join("docs/benchmarks.md");
    fs::write(&path, &text).map_err(|cause| Failure::file("write", &path, &cause))?;
    println!("\n{text}");
    Ok(())
}

/// The middle of what was measured so far.
fn row(setting: Setting, taken: &Taken) -> Row {
    let mut ours = taken.ours.clone();
    ours.sort_by(|one, other| one.jobs_per_s.total_cmp(&other.jobs_per_s));
    Row {
        setting,
        ours: ours.swap_remove(ours.len() / 2),
        always: middle(&taken.always),
        every_second: middle(&taken.every_second),
    }
}

fn middle(rates: &[f64]) -> f64 {
    let mut rates = rates.to_vec();
    rates.sort_by(f64::total_cmp);
    rates[rates.len() / 2]
}

/// A directory beside the build output, on a disk and not in memory, gone at the end.
struct Scratch {
    path: PathBuf,
}

impl Scratch {
    fn create(beside: &Path) -> Result<Self, Failure> {
        let path = beside.join(format!("bench-{}", std::process::id()));
        fs::create_dir(&path).map_err(|cause| Failure::file("create", &path, &cause))?;
        Ok(Self { path })
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // Why ignored: what stays is found in the build output and is in nobody's way.
        let _ = fs::remove_dir_all(&self.path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_middle_is_not_moved_by_one_bad_round() {
        assert_eq!(middle(&[5.0, 1.0, 4.0]), 4.0);
        assert_eq!(middle(&[7.0]), 7.0);
    }
}
