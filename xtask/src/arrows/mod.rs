//! The dependency arrows between the workspace's crates: drawn in ARCHITECTURE.md, real in the
//! manifests, and the same.

mod check;
mod graph;
mod picture;

pub(crate) use check::step;
