//! Owns the order of a measurement: build, fetch, start, take turns, write down.

use super::arguments::Arguments;
use super::load::{self, PeerFigures, Programs};
use super::page::{self, Alone, Page, PeerRow};
use super::peers::{Candidate, Fetched, Running};
use super::sealane::{Figures, Sealane};
use super::setting::{ALONE, BAR, BODY_BYTES, CYCLES, Setting};
use crate::build_output;
use crate::command::Line;
use crate::failure::Failure;
use crate::place::Place;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Bytes in a body of our own measurements.
const SIZES: [u32; 2] = [100, BODY_BYTES];
/// The work of the picture of latency over load: single jobs, as many at once as we measure.
const SWEEP: Setting = Setting { connections: 64, batch: 1 };

/// Measures and writes `docs/benchmarks.md`.
pub(crate) fn run(words: &[String]) -> Result<(), Failure> {
    let arguments = Arguments::read(words)?;
    let place = Place::discover()?;
    if arguments.check {
        return load::check(&place);
    }
    let _claim = build_output::claim(&place)?;
    // Why first: what is missing shall be said before anything is built.
    let fetched = Fetched::of(&place, &arguments.peers)?;
    place.cargo(["build", "--release", "--locked", "--package", "sealane-cli"]).run()?;
    let programs = Programs::build(&place, &fetched.directory)?;
    let scratch = Scratch::create(&place.target)?;
    let sealane = Sealane::start(&place.target.join("release/sealane"), &scratch.path)?;
    let peers = start(&arguments.peers, &fetched, &programs, &scratch.path)?;

    let (ours, theirs) = side_by_side(&arguments, &sealane, &peers, &programs)?;
    let mut alone = Vec::new();
    for op in ["enqueue", "cycle"] {
        for body_bytes in SIZES {
            for setting in ALONE {
                let figures = sealane.measure(op, body_bytes, setting, arguments.time)?;
                alone.push(Alone { op, body_bytes, setting, figures });
            }
        }
    }
    let path = arguments.out.clone().unwrap_or_else(|| place.root.join("docs/benchmarks.md"));
    sealane.draw(SWEEP, arguments.time, &path.with_file_name(page::LOAD_PICTURE))?;
    let page = Page { arguments: &arguments, ours: &ours, theirs: &theirs, alone: &alone };
    write(&path.with_file_name(page::PEERS_PICTURE), &page.chart(BAR))?;
    let text = page.text();
    write(&path, &text)?;
    println!("\n{text}");
    Ok(())
}

/// Starts every peer and has it do the work once, so that one that is ill is seen before the hour is
/// spent.
fn start(
    candidates: &[&'static Candidate],
    fetched: &Fetched,
    programs: &Programs,
    scratch: &Path,
) -> Result<Vec<Running>, Failure> {
    let mut peers = Vec::new();
    for (number, &candidate) in candidates.iter().enumerate() {
        println!("starting {}, {}", candidate.title, candidate.durability);
        let directory = scratch.join(format!("{number}-{}", candidate.name));
        fs::create_dir(&directory).map_err(|cause| Failure::file("create", &directory, &cause))?;
        let server = (candidate.start)(fetched, &directory)?;
        let once = Setting { connections: 1, batch: 1 };
        let done = programs.measure(candidate.load, server.address, once, Duration::ZERO);
        done.map_err(|failure| about(candidate, &failure))?;
        peers.push(Running { candidate, server });
    }
    Ok(peers)
}

/// Everybody, every setting, in turns. Why in turns: a machine that is busy for a minute is then busy
/// for all.
fn side_by_side(
    arguments: &Arguments,
    sealane: &Sealane,
    peers: &[Running],
    programs: &Programs,
) -> Result<(Vec<Figures>, Vec<PeerRow>), Failure> {
    let mut ours: Vec<Vec<Figures>> = vec![Vec::new(); CYCLES.len()];
    let mut theirs: Vec<Vec<Vec<PeerFigures>>> = vec![vec![Vec::new(); CYCLES.len()]; peers.len()];
    for round in 1..=arguments.rounds {
        for (at, setting) in CYCLES.into_iter().enumerate() {
            println!("round {round}, {setting}");
            settle()?;
            let figures = sealane.measure("cycle", BODY_BYTES, setting, arguments.time)?;
            println!("  {:>8.0} jobs/s  Sealane", figures.jobs_per_s);
            ours[at].push(figures);
            for (running, taken) in peers.iter().zip(&mut theirs) {
                settle()?;
                let Running { candidate, server } = running;
                let figures = programs.measure(candidate.load, server.address, setting, arguments.time);
                let figures = figures.map_err(|failure| about(candidate, &failure))?;
                println!(
                    "  {:>8.0} jobs/s  {}, {} (client {:.0} µs of processor per job)",
                    figures.jobs_per_s, candidate.title, candidate.durability, figures.client_cpu_us_per_job
                );
                taken[at].push(figures);
            }
        }
    }
    let rows = peers.iter().zip(theirs).map(|(running, taken)| PeerRow {
        title: format!("{}, {}", running.candidate.title, running.server.version),
        name: running.candidate.title,
        label: running.candidate.label,
        durability: running.candidate.durability,
        figures: taken.into_iter().map(|rounds| middle(rounds, |one| one.jobs_per_s)).collect(),
    });
    let ours = ours.into_iter().map(|rounds| middle(rounds, |one| one.jobs_per_s)).collect();
    Ok((ours, rows.collect()))
}

fn about(candidate: &Candidate, failure: &Failure) -> Failure {
    Failure::new(format!("{}, {}: {failure}", candidate.title, candidate.durability))
}

/// What one server left to be written is written before the next one's turn.
fn settle() -> Result<(), Failure> {
    Line::new("sync").run()
}

/// The middle one by this figure.
fn middle<T>(mut rounds: Vec<T>, figure: impl Fn(&T) -> f64) -> T {
    rounds.sort_by(|one, other| figure(one).total_cmp(&figure(other)));
    let place = rounds.len() / 2;
    rounds.swap_remove(place)
}

fn write(path: &Path, text: &str) -> Result<(), Failure> {
    fs::write(path, text).map_err(|cause| Failure::file("write", path, &cause))
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
        assert_eq!(middle(vec![5.0, 1.0, 4.0], |one| *one), 4.0);
        assert_eq!(middle(vec![7.0], |one| *one), 7.0);
    }
}
