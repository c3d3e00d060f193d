//! Why the history said no. It is derived: whatever is lost here is made again from the journal, and
//! every message about damage names the file that has to be.

use std::fmt;
use std::io;

use sealane_crypto::SealError;
use thiserror::Error as ThisError;

/// Which check failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flaw {
    /// A checksum is wrong.
    Checksum,
    /// The bytes are whole, and contradict each other.
    Contradiction,
    /// The file is not there, or shorter than what it must hold.
    Short,
    /// The checksum is right but the bytes do not open: somebody wrote here without the key.
    Tampered,
}

impl fmt::Display for Flaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Checksum => "bytes of the history fail their checksum",
            Self::Contradiction => "parts of the history contradict each other",
            Self::Short => "a file of the history is missing or ends early",
            Self::Tampered => "the history was changed by something that does not have the key",
        })
    }
}

/// The history could not be read or written.
#[derive(Debug, ThisError)]
pub enum HistoryError {
    /// Stored bytes fail a check. Set the run aside: its rows are made again from the journal.
    #[error("{flaw}: {file} at byte {offset}; its rows must be made again from the journal")]
    Damaged {
        /// Which check.
        flaw: Flaw,
        /// The file.
        file: String,
        /// The byte in it.
        offset: u64,
        /// The number of the run, where it is one.
        run: Option<u64>,
    },
    /// The disk refused. What is there is unharmed; what was being written is not.
    #[error("could not {action} {file}")]
    Disk {
        /// What was tried.
        action: &'static str,
        /// On which file.
        file: String,
        /// What the system said.
        source: io::Error,
    },
    /// The rows are not those of the stretch of the journal that comes next, or that is missing.
    #[error("these rows are of another part of the journal than the one that is wanted")]
    Misplaced,
    /// Which catalogue is durable is not known any more.
    #[error("an earlier change may be half durable, so the history takes nothing more: open it again")]
    Poisoned,
    /// A page could not be encrypted.
    #[error("a page of the history could not be encrypted")]
    Seal(#[from] SealError),
    /// More rows than a run holds.
    #[error("{rows} rows are too many for one run, which holds {max}: write them in parts")]
    TooManyRows {
        /// How many.
        rows: usize,
        /// How many may be.
        max: u32,
    },
    /// A row has more than its place can hold.
    #[error("a row has {tokens} tokens and can have {max}")]
    TooManyTokens {
        /// How many.
        tokens: usize,
        /// How many may be.
        max: usize,
    },
    /// Written by a newer version.
    #[error(
        "{file} has format version {version}, which this version cannot read: start the version that wrote it"
    )]
    UnknownFormat {
        /// The file.
        file: String,
        /// Its format version.
        version: u16,
    },
    /// Whole, but not under this key.
    #[error(
        "{file} was written under another journal key: put back the key registry and the master key that belong to this journal"
    )]
    WrongKey {
        /// The file.
        file: String,
    },
}

impl HistoryError {
    /// Damage at a byte of a file that is no run.
    pub(super) fn damaged(flaw: Flaw, file: &str, offset: u64) -> Self {
        Self::Damaged { flaw, file: file.to_owned(), offset, run: None }
    }

    /// What the disk said when `action` was tried on `file`.
    pub(super) fn disk<'a>(action: &'static str, file: &'a str) -> impl FnOnce(io::Error) -> Self + 'a {
        move |source| Self::Disk { action, file: file.to_owned(), source }
    }
}
