//! The journal: what happened, in order, on a disk that is not trusted.
//!
//! The server stores events. [`Journal`] takes them in groups; a group is durable when
//! [`Journal::commit`] returns, and nothing that reports a change may be answered before that.
//! [`JournalReader`] gives back what callers supplied with a job, by reference, from any thread.
//!
//! | module | what it answers |
//! |---|---|
//! | [`journal`] | what every engine promises |
//! | [`fact`] | what one record says |
//! | [`state`] | what one row of a state says, and who takes a state in |
//! | [`keys`] | which key a record is under (the server keeps them) |
//! | [`log`] | the engine on disk: segments, groups, recovery (bytes: `FORMAT.md`) |
//! | [`memory`] | the engine for tests |
//! | [`codec`] | records as bytes |
//! | [`history`] | what is known of jobs that have ended: derived from the journal, searched by what they are |
//! | [`disk`] | the few things the log asks of a disk |
//! | [`lock`] | one server per directory |
//! | [`testing`] | the conformance suite, a disk that loses, keys for tests |
//!
//! This crate reads no clock and draws no randomness of its own, and it judges nothing: whether an
//! event may happen was decided before it came here.

pub mod codec;
pub mod disk;
pub mod error;
pub mod fact;
pub mod history;
pub mod journal;
pub mod keys;
pub mod lock;
pub mod log;
pub mod memory;
pub mod state;
pub mod testing;

pub use error::{Damage, JournalError, OpenError, Place, ReadError, SnapshotError};
pub use fact::{CallerData, Fact};
pub use journal::{
    Cut, DamagedSnapshot, Journal, JournalReader, LastStop, Loaded, Mark, Opened, Recovery, Room, Snapshot,
    SnapshotDone, Visit, VisitError,
};
pub use keys::{DataKey, DataKeys, KeyError};
pub use state::{FactsOnly, Restore, StateRow};
