//! Owns the simulation's runs: in CI so many fresh seeds, by hand as many as one likes. What a run is,
//! and what is wrong with it, is `crates/sim`'s business.

use crate::build_output;
use crate::command::Line;
use crate::failure::Failure;
use crate::place::Place;
use crate::step::Outcome;

/// What CI runs: fresh seeds each time, the first of them twice.
const IN_CI: [&str; 4] = ["--seeds", "200", "--twice", "20"];

/// The seeds that ever failed; a run that fails adds its own.
const KEPT: &str = "crates/sim/seeds/kept.txt";

/// The step of `ci`.
pub(crate) fn step(place: &Place) -> Result<Outcome, Failure> {
    simulate(place, &IN_CI.map(str::to_owned))?;
    Ok(Outcome::Passed)
}

/// `cargo xtask sim …`, with the words of `sealane-sim`.
pub(crate) fn run(words: &[String]) -> Result<(), Failure> {
    let place = Place::discover()?;
    let _claim = build_output::claim(&place)?;
    if words.is_empty() { step(&place).map(|_| ()) } else { simulate(&place, words) }
}

fn simulate(place: &Place, words: &[String]) -> Result<(), Failure> {
    // Why the whole workspace: its features are then those of the tests, and nothing is built twice.
    place.cargo(["build", "--release", "--locked", "--workspace", "--bin", "sealane-sim"]).run()?;
    let program = place.target.join("release/sealane-sim");
    Line::new(program).args(words).args(["--keep", KEPT]).within(&place.root).run()
}
