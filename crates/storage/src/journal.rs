//! What every journal promises. Who implements it runs [`crate::testing::conformance`].
//!
//! ```text
//!   open ── visits every durable record ──▶ append* ─▶ commit ─▶ append* ─▶ commit … ─▶ close
//!                                             │           │
//!                                    staged, not durable  durable, readable, may be answered
//! ```

use std::error::Error;
use std::sync::Arc;

use sealane_core::job::JobInput;
use sealane_core::record::RecordRef;

use crate::error::{JournalError, Place, ReadError, SnapshotError};
use crate::fact::{CallerData, Fact};
use crate::state::StateRow;

/// What a visitor may answer to stop an opening journal.
pub type VisitError = Box<dyn Error + Send + Sync>;

/// Receives the durable records in their order while a journal opens.
pub type Visit<'a> = dyn FnMut(RecordRef, Fact) -> Result<(), VisitError> + 'a;

/// A journal that is open, and how its opening went.
pub struct Opened {
    /// The journal.
    pub journal: Box<dyn Journal>,
    /// What opening found.
    pub recovery: Recovery,
}

/// What opening a journal found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recovery {
    /// The state that was loaded, if one was.
    pub snapshot: Option<Loaded>,
    /// Newer snapshots that are not whole, the newest first. Nothing is lost by them: the records that
    /// they stood for were visited instead.
    pub damaged_snapshots: Vec<DamagedSnapshot>,
    /// Durable records that were visited: those behind the state, or all.
    pub records: u64,
    /// Where the journal goes on.
    pub end_lsn: u64,
    /// How the journal was left last time.
    pub last_stop: LastStop,
    /// What was cut from its end, if anything.
    pub cut: Option<Cut>,
}

/// A state that was loaded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loaded {
    /// From which file.
    pub file: String,
    /// The position that it stands at.
    pub lsn: u64,
    /// Its rows.
    pub rows: u64,
}

/// A snapshot that is not whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DamagedSnapshot {
    /// Where that was seen.
    pub place: Place,
    /// What is wrong.
    pub why: String,
}

/// A snapshot that is durable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SnapshotDone {
    /// Its number.
    pub sequence: u64,
    /// The position that it stands at.
    pub lsn: u64,
    /// Its rows.
    pub rows: u64,
    /// What it takes.
    pub bytes: u64,
}

/// How a journal was left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LastStop {
    /// It was closed.
    Clean,
    /// It was not.
    Crash,
    /// There was none: this is the first start.
    Never,
}

/// The end of a journal that was never declared durable and did not pass its checks. No answer
/// depended on it, unless the disk lost what it had confirmed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cut {
    /// The file.
    pub file: String,
    /// The first position that was cut.
    pub lsn: u64,
    /// Bytes of the file that are ignored from there on.
    pub bytes: u64,
    /// Bytes by which the file is shorter than it was made. Not zero means that something other than
    /// a power cut was at work, and that the end may have held more than one group.
    pub missing_bytes: u64,
}

/// Whether there is space for new work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Room {
    /// The next segment could not be prepared: the disk is full. What is left of the present one
    /// should be kept for work that ends jobs.
    Low {
        /// Bytes left.
        bytes: u64,
    },
    /// There is.
    Ok,
}

/// A point between two staged records.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mark(pub(crate) u64);

/// An append-only list of facts, written in groups by one thread.
pub trait Journal: Send {
    /// Stages a fact and what its caller supplied; it is durable after the next
    /// [`commit`](Self::commit) only. The reference is final, unless a rollback takes it back.
    ///
    /// # Errors
    /// [`JournalError::NoSpace`] and [`JournalError::GroupFull`] leave the staged group as it was,
    /// and it can still be committed; see [`JournalError::is_fatal`] for the others.
    fn append(&mut self, fact: &Fact, data: Option<CallerData<'_>>) -> Result<RecordRef, JournalError>;

    /// Makes the staged group durable: all of it or, should the machine stop before this returns,
    /// all or nothing. Without anything staged it does nothing.
    ///
    /// # Errors
    /// After an error nothing of the group may be answered, and every later call fails: what the
    /// disk holds is known again only after the journal was opened anew.
    fn commit(&mut self) -> Result<(), JournalError>;

    /// Bytes the staged group takes so far; zero when nothing is staged.
    fn staged_bytes(&self) -> usize;

    /// The present end of the staged group, to come back to.
    fn mark(&self) -> Mark;

    /// Takes back what was staged after `mark`. A mark from before the last commit takes back
    /// everything staged since that commit, and never more.
    fn rollback(&mut self, mark: Mark);

    /// Whether so much is behind the last snapshot that another one is due, or is before closing.
    fn snapshot_is_due(&self, closing: bool) -> bool;

    /// Begins a snapshot that stands at the present end. Its rows must be those of the state that all facts
    /// committed so far make. It may be written on any thread, while the journal goes on; one at a time.
    ///
    /// # Errors
    /// See [`SnapshotError`]. The journal goes on as if it had not been asked.
    fn snapshot(&mut self) -> Result<Box<dyn Snapshot>, SnapshotError>;

    /// A snapshot is durable: lets those go that are not needed any more. The last two stay.
    fn trim(&mut self, done: &SnapshotDone);

    /// Whether there is space for new work. Asks no disk: cheap enough for every request.
    fn room(&self) -> Room;

    /// After [`Room::Low`]: tries once more to get space. The caller decides how often.
    fn retry_room(&mut self);

    /// Reads back what callers supplied; for any number of threads.
    fn reader(&self) -> Arc<dyn JournalReader>;

    /// Leaves the journal so that the next opening knows its end for certain. A group that is staged
    /// and not committed is dropped.
    ///
    /// # Errors
    /// When the disk fails. Everything committed is durable all the same.
    fn close(self: Box<Self>) -> Result<(), JournalError>;
}

/// A snapshot in the making. Dropped before it is finished, it never was.
pub trait Snapshot: Send {
    /// Adds a row.
    ///
    /// # Errors
    /// See [`SnapshotError`]. The snapshot cannot be finished any more.
    fn put(&mut self, row: &StateRow) -> Result<(), SnapshotError>;

    /// Makes it durable: it is there whole or not at all. To be told to [`Journal::trim`].
    ///
    /// # Errors
    /// See [`SnapshotError`].
    fn finish(self: Box<Self>) -> Result<SnapshotDone, SnapshotError>;
}

/// Reads back what callers supplied, from any thread.
pub trait JournalReader: Send + Sync {
    /// What the producer sent with the job that this record accepted.
    ///
    /// # Errors
    /// See [`ReadError`]: one kind holds the job, the other stops the server.
    fn read_job(&self, record: RecordRef) -> Result<Arc<JobInput>, ReadError>;

    /// What the worker gave with the completion, failure or report in this record; `None` when it gave nothing.
    ///
    /// # Errors
    /// See [`ReadError`].
    fn read_outcome(&self, record: RecordRef) -> Result<Option<Vec<u8>>, ReadError>;

    /// What was given with a session in this record, its name or what it remembers; `None` when nothing was.
    ///
    /// # Errors
    /// See [`ReadError`].
    fn read_session(&self, record: RecordRef) -> Result<Option<Vec<u8>>, ReadError>;
}
