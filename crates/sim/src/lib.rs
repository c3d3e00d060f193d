//! Simulation: whole server and clients in one thread, under a clock, randomness, a disk and a network
//! that come from a seed, and an oracle that watches what clients see. Same seed, same story.
//!
//! | module | what it owns |
//! |---|---|
//! | [`run`](mod@run) | one run from beginning to end |
//! | [`seeds`] | many runs: kept seeds, fresh seeds, the report |
//! | `plan` | what a seed decides beforehand |
//! | `world` | clock, disk, network, misfortunes |
//! | `workload` | who uses the server |
//! | `oracle` | the promises, and who watches them |
//! | `dice`, `trace` | lots; what happened |
//!
//! What is real: the door with its routes, CBOR and problem documents, the engine, the journal over a disk
//! that loses what was not synced, the client library with its retries, worker runtime and sealed bodies.
//! What is not: TLS, sockets, files, threads.

mod dice;
mod oracle;
mod plan;
pub mod run;
pub mod seeds;
mod trace;
mod workload;
mod world;
