//! Owns the call of cargo-deny. The rules are in `deny.toml`; advisories are the audit step's.

use crate::command::Line;
use crate::failure::Failure;
use crate::place::Place;
use crate::step::Outcome;
use crate::tools;

pub(crate) fn step(place: &Place) -> Result<Outcome, Failure> {
    let program = tools::DENY.installed(place)?;
    Line::new(program)
        .args([
            "--locked",
            "--all-features",
            "check",
            "--hide-inclusion-graph",
            "licenses",
            "bans",
            "sources",
        ])
        .within(&place.root)
        .run()?;
    Ok(Outcome::Passed)
}
