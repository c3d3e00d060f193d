//! Owns the steps that are one cargo command each.
//!
//! All of them use the release profile, clippy and rustdoc too: it is the profile that ships, and
//! C code behind a build script is then compiled once instead of once per profile.

use crate::failure::Failure;
use crate::fixtures;
use crate::place::Place;
use crate::step::Outcome;

pub(crate) fn format(place: &Place) -> Result<Outcome, Failure> {
    // Why names alone: the differences are rustfmt's to make, nobody reads them.
    let said = place.cargo(["fmt", "--all", "--check", "--", "--files-with-diff"]).capture()?;
    print!("{}", said.stdout);
    eprint!("{}", said.stderr);
    if said.succeeded {
        return Ok(Outcome::Passed);
    }
    Err(Failure::with_line("rustfmt would change these files, let it:", "cargo fmt --all"))
}

pub(crate) fn clippy(place: &Place) -> Result<Outcome, Failure> {
    place
        .cargo(["clippy", "--release", "--locked", "--workspace", "--all-targets", "--", "-D", "warnings"])
        .run()?;
    Ok(Outcome::Passed)
}

pub(crate) fn tests(place: &Place) -> Result<Outcome, Failure> {
    let examples = fixtures::webhook_examples(place)?;
    place
        .cargo(["test", "--release", "--locked", "--workspace"])
        .env(fixtures::EXAMPLES_VARIABLE, examples)
        .run()?;
    Ok(Outcome::Passed)
}

pub(crate) fn rustdoc(place: &Place) -> Result<Outcome, Failure> {
    // Why two commands: the program and the client library are both called sealane, and one
    // command would have them overwrite each other's pages with a warning. The library comes
    // last, so its pages are the ones that stay.
    let program = ["doc", "--release", "--locked", "--no-deps", "--package", "sealane-cli"];
    let libraries = ["doc", "--release", "--locked", "--no-deps", "--workspace", "--exclude", "sealane-cli"];
    place.cargo(program).env("RUSTDOCFLAGS", "-D warnings").run()?;
    place.cargo(libraries).env("RUSTDOCFLAGS", "-D warnings").run()?;
    Ok(Outcome::Passed)
}
