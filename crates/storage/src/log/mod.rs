//! The journal on disk. `FORMAT.md` has the bytes and argues recovery case by case.
//!
//! ```text
//!   journal/0000000001.segment   left: trimmed, never written again
//!   journal/0000000002.segment   active: groups are added at its end
//!   journal/prepared             zero-filled, becomes 0000000003.segment
//!   journal/0000000001.snapshot  what all records up to some position made
//!   journal/stopped              which segment the last clean stop ended
//! ```
//!
//! - [`open`]: recovery, then a fresh segment. Writing never goes on in an old one.
//! - `writer`: append, commit, close. `preparer`: the next segment, made ahead.
//! - `reader` and `segments`: from a reference to what is stored there.
//! - [`verify`]: the same checks, and whether every record opens; changes nothing.
//! - `recovery`: walks a segment, tells a torn end from damage.
//! - `snapshot`: the state at one position, so that a start need not read all that came before.
//! - `header`, `frame`, `stop_marker`: the bytes.

#[cfg(test)]
mod crafted;
mod files;
mod frame;
mod header;
mod open;
mod preparer;
mod reader;
mod recent;
mod recovery;
mod segments;
mod settings;
mod snapshot;
mod stop_marker;
mod verify;
mod writer;

pub use open::{open, restore};
pub use settings::{LogSettings, Prepare};
pub use verify::{Verified, verify};
