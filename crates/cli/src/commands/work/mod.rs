//! `sealane work`: a command for each job of a queue.

mod child;
mod doors;
mod group;
mod reports;
mod run;

pub(crate) use run::{Work, run};
