//! `sealane bench`: how fast a server is, everything on; and what to do with the figures afterwards.

mod closed;
mod compare;
mod cpu;
pub(super) mod disk;
mod histogram;
mod lane;
mod lanes;
mod ledger;
mod machine;
mod open;
mod options;
mod plan;
mod plot;
mod program;
mod rate;
mod report;
mod run;
mod saved;

pub(crate) use options::Bench;
pub(crate) use run::run;
