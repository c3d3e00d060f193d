//! A snapshot's file: the state at one position, row by row. `FORMAT.md` has the bytes.
//!
//! - `header`: the first sector. `block`: rows, encrypted and checked together.
//! - `write`: makes one. `load`: reads one back, or says what is wrong with it.

mod block;
mod header;
mod load;
mod write;

pub(super) use header::SnapshotHeader;
pub(super) use load::{LoadError, SnapshotFound, load, read_header};
pub(super) use write::SnapshotFile;
