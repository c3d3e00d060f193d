//! Records as bytes, written out by hand so that no library's change of mind can change them.
//!
//! A record begins with its tag and that tag's version; both are listed in `FORMAT.md`. A layout
//! that was ever released is never edited: a new one gets the next version. Whatever is not exactly
//! one known layout is refused: an unknown tag, a value out of its bounds, a byte too many.
//!
//! - `fact`: which family a record belongs to.
//! - `shard` and `control`: the families; `person`: those of the first that people brought about,
//!   `session`: those about sessions.
//! - `settings`, `options`: what a queue and a job can be given besides; `retrying`: back-offs.
//! - `report`: what workers say of jobs that they run.
//! - `runner`: what a lease says besides: whose hold of a session it is under, and who runs the job.
//! - `keys`: idempotency and unique keys.
//! - `job_input`: what a producer supplied.
//! - `state`: rows of a state, which a snapshot holds.
//! - `fields`: the few shapes all of them are made of.

mod control;
mod dead_letter;
mod error;
mod fact;
mod fields;
mod job_input;
mod keys;
mod links;
mod options;
mod person;
mod report;
mod retrying;
mod runner;
mod schedule;
mod session;
mod settings;
mod shard;
mod state;

pub use error::DecodeError;
pub use fact::{decode_fact, encode_fact};
pub(crate) use fields::{Cursor, Fields};
pub use job_input::{decode_job_input, encode_job_input};
pub use state::{decode_row, encode_row};
