//! Owns what a step is: a name, one line about it, and a function.

use crate::failure::Failure;
use crate::place::Place;

/// One entry of the list in `ci.rs`.
pub(crate) struct Step {
    /// What is typed after `cargo xtask`.
    pub(crate) name: &'static str,
    /// What it promises when it passes.
    pub(crate) about: &'static str,
    /// Does the work; prints what it learns, returns what came of it.
    pub(crate) run: fn(&Place) -> Result<Outcome, Failure>,
}

/// How a step ended when nothing was wrong.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Something needed from outside was not to be had; the reason stands in the summary.
    NotChecked(String),
    /// The promise of the step holds.
    Passed,
}
