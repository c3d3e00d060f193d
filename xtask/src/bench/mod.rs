//! `cargo xtask bench`: measures the server and, in the same minutes on the same disk, other queues
//! doing the same work; writes `docs/benchmarks.md` and the pictures beside it.

mod arguments;
mod chart;
mod child;
mod load;
mod page;
mod peers;
mod run;
mod sealane;
mod setting;
mod words;

pub(crate) use run::run;
