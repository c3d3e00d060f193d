//! `cargo xtask bench`: measures the server and, in the same minutes on the same disk, Redis doing
//! the same work; writes `docs/benchmarks.md`.

mod arguments;
mod child;
mod page;
mod redis;
mod redis_load;
mod resp;
mod run;
mod sealane;

pub(crate) use run::run;
