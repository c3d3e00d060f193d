//! `sealane bench`: how fast a server is, everything on.

mod cpu;
mod disk;
mod histogram;
mod lane;
mod load;
mod machine;
mod options;
mod report;
mod run;

pub(crate) use options::Bench;
pub(crate) use run::run;
