//! The life of jobs as it is told to those who listen.
//!
//! ```text
//!  Event ──▶ Step (compact, no text) ──▶ Feed: 1 2 3 … n   the newest stay, within two bounds
//!                                              ▲     ▲
//!                                   a reader's place  the place of whoever begins now
//! ```
//! - [`Step`]: something that happened to a job, in few bytes. A function of the event and of the shard
//!   after it; nothing in it is a caller's data.
//! - [`Feed`]: the last steps of a namespace. Derived and never stored: after a restart it is empty, and
//!   every place in the one before is unknown to it.

mod place;
mod ring;
mod step;

pub use place::{Incarnation, Place};
pub use ring::{Feed, Read};
pub use step::{Step, StepKind, What};
