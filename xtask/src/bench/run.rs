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
            for turn in turns(peers.len() + 1, round, arguments.rounds) {
                settle()?;
                let Some(peer) = turn.checked_sub(1) else {
                    let figures = sealane.measure("cycle", BODY_BYTES, setting, arguments.time)?;
                    println!("  {:>8.0} jobs/s  Sealane", figures.jobs_per_s);
                    ours[at].push(figures);
                    continue;
                };
                let Running { candidate, server } = &peers[peer];
                let figures = programs.measure(candidate.load, server.address, setting, arguments.time);
                let figures = figures.map_err(|failure| about(candidate, &failure))?;
                println!(
                    "  {:>8.0} jobs/s  {}, {} (client {:.0} µs of processor per job)",
                    figures.jobs_per_s, candidate.title, candidate.durability, figures.client_cpu_us_per_job
                );
                theirs[peer][at].push(figures);
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

/// Whose turn it is, one after the other; each round begins with another one. Why: whoever is always
/// behind the same one always meets what that one left behind.
fn turns(count: usize, round: u32, rounds: u32) -> impl Iterator<Item = usize> {
    let share = |whole: usize, part: u32| whole * usize::try_from(part).unwrap_or(0);
    let first = share(count, round.saturating_sub(1)) / share(1, rounds).max(1);
    (0..count).map(move |place| (first + place) % count)
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
        remove_stale(beside);
        fs::create_dir(&path).map_err(|cause| Failure::file("create", &path, &cause))?;
        Ok(Self { path })
    }
}

/// Removes what runs that were killed left behind.
fn remove_stale(beside: &Path) {
    for entry in fs::read_dir(beside).into_iter().flatten().filter_map(Result::ok) {
        let name = entry.file_name();
        let process = name.to_str().and_then(|name| name.strip_prefix("bench-")?.parse::<u32>().ok());
        if process.is_some_and(|process| !Path::new(&format!("/proc/{process}")).exists()) {
            // Why ignored: what cannot be removed is in nobody's way.
            let _ = fs::remove_dir_all(entry.path());
        }
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
    fn every_round_begins_with_another_and_has_all() {
        let round = |round| turns(4, round, 3).collect::<Vec<_>>();
        assert_eq!([round(1), round(2), round(3)], [[0, 1, 2, 3], [1, 2, 3, 0], [2, 3, 0, 1]]);
        assert_eq!(turns(1, 9, 9).collect::<Vec<_>>(), [0]);
    }

    #[test]
    fn what_a_killed_run_left_is_removed_and_nothing_else() {
        let beside = std::env::temp_dir().join(format!("xtask-stale-{}", std::process::id()));
        let living = format!("bench-{}", std::process::id());
        for name in ["bench-4294967295", "bench-results", &living] {
            fs::create_dir_all(beside.join(name)).expect("a directory");
        }
        remove_stale(&beside);
        let left = ["bench-4294967295", "bench-results", &living].map(|name| beside.join(name).exists());
        fs::remove_dir_all(&beside).expect("it was made above");
        assert_eq!(left, [false, true, true]);
    }

    #[test]
    fn the_middle_is_not_moved_by_one_bad_round() {
        assert_eq!(middle(vec![5.0, 1.0, 4.0], |one| *one), 4.0);
        assert_eq!(middle(vec![7.0], |one| *one), 7.0);
    }
}
