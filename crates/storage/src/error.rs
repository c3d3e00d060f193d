//! Why the journal said no: when writing ([`JournalError`]), when opening ([`OpenError`]) and when
//! reading one record back ([`ReadError`]). Every message about damage names the place.

use std::error::Error;
use std::fmt;
use std::io;

use sealane_crypto::SealError;
use thiserror::Error as ThisError;

use crate::codec::DecodeError;
use crate::keys::KeyError;

/// A place in the journal's files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The file.
    pub file: String,
    /// The byte in it.
    pub offset: u64,
    /// The position in the journal, where it is known.
    pub lsn: Option<u64>,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at byte {}", self.file, self.offset)?;
        match self.lsn {
            Some(lsn) => write!(f, " (lsn {lsn})"),
            None => Ok(()),
        }
    }
}

/// Writing failed.
#[derive(Debug, ThisError)]
pub enum JournalError {
    /// The disk refused. The journal refuses everything from here on.
    #[error("could not {action} {file}: the server must stop and start again from its journal")]
    Disk {
        /// What was tried.
        action: &'static str,
        /// On which file.
        file: String,
        /// What the system said.
        source: io::Error,
    },
    /// The group is as large as a segment. Commit it, then stage the record again.
    #[error("the group would take {bytes} bytes and a segment holds {max}: commit first")]
    GroupFull {
        /// What it would take.
        bytes: u64,
        /// What fits.
        max: u64,
    },
    /// No data key, no record.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// Caller data came with an event that does not carry it: the caller's mistake.
    #[error("this event carries no such caller data")]
    Misplaced,
    /// No space for the next segment. The staged group is unharmed; free some space and try again.
    #[error("no space for the next segment: free space on the volume of the data directory")]
    NoSpace,
    /// An earlier write or sync failed.
    #[error("an earlier write failed, so the journal takes nothing more: start the server again")]
    Poisoned,
    /// The record could not be encrypted, so it was not staged.
    #[error("the record was not stored: it could not be encrypted")]
    Seal(#[from] SealError),
    /// A record this large has no form in the journal.
    #[error("the record has {bytes} bytes of {part} and at most {max} can be stored")]
    TooLarge {
        /// Which part of it.
        part: &'static str,
        /// How much.
        bytes: usize,
        /// How much is allowed.
        max: usize,
    },
}

impl JournalError {
    /// Whether an `append` that failed finished the journal: stop answering and end the process. The
    /// other errors leave it as it was before the call. A `commit` that failed always finishes it.
    pub fn is_fatal(&self) -> bool {
        match self {
            Self::Disk { .. } | Self::Poisoned => true,
            Self::GroupFull { .. }
            | Self::Key(_)
            | Self::Misplaced
            | Self::NoSpace
            | Self::Seal(_)
            | Self::TooLarge { .. } => false,
        }
    }
}

/// A snapshot could not be written. The journal has everything all the same.
#[derive(Debug, ThisError)]
pub enum SnapshotError {
    /// The disk refused.
    #[error("could not {action} {file}: the journal has everything, and the next start takes longer")]
    Disk {
        /// What was tried.
        action: &'static str,
        /// On which file.
        file: String,
        /// What the system said.
        source: io::Error,
    },
    /// A row could not be encrypted.
    #[error("the snapshot was not written: a row could not be encrypted")]
    Seal(#[from] SealError),
    /// Something is staged and not committed: the caller's mistake.
    #[error("a snapshot stands behind a group: commit first")]
    Staged,
    /// A row this large has no form in a snapshot.
    #[error("a row has {bytes} bytes and at most {max} can be stored")]
    TooLarge {
        /// What it has.
        bytes: usize,
        /// What is allowed.
        max: usize,
    },
}

/// Which check failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Damage {
    /// Groups or frames contradict each other.
    Contradiction,
    /// A frame's checksum is wrong, or where a frame must be there is none.
    Frame,
    /// The file is shorter than its records.
    Short,
    /// A segment's header is missing or its checksum is wrong.
    SegmentHeader,
    /// A snapshot is not whole.
    Snapshot,
    /// The marker of the last clean stop is not whole.
    StopMarker,
    /// The checksum is right but the bytes do not open: somebody wrote here without the key.
    Tampered,
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Contradiction => "the records contradict each other",
            Self::Frame => "a frame that was declared durable fails its checksum",
            Self::Short => "the file ends before records that were declared durable",
            Self::SegmentHeader => "the segment header is damaged",
            Self::Snapshot => "the snapshot is damaged",
            Self::StopMarker => "the marker of the last clean stop is damaged",
            Self::Tampered => "the bytes were changed by something that does not have the key",
        })
    }
}

/// Opening failed. Nothing was changed on disk.
#[derive(Debug, ThisError)]
pub enum OpenError {
    /// Stored bytes fail a check and cannot be the torn end of the last group.
    #[error("{damage}: {place}; nothing was changed, restore this file from a copy")]
    Damaged {
        /// Which check.
        damage: Damage,
        /// Where.
        place: Place,
    },
    /// The disk refused.
    #[error("could not {action} {file}")]
    Disk {
        /// What was tried.
        action: &'static str,
        /// On which file.
        file: String,
        /// What the system said.
        source: io::Error,
    },
    /// A segment is not there.
    #[error("segment {missing} is missing: restore {file} from a copy")]
    MissingSegment {
        /// Its number.
        missing: u64,
        /// What it is called.
        file: String,
    },
    /// No space for a first segment.
    #[error("no space to start a segment: free space on the volume of the data directory")]
    NoSpace,
    /// The segment could not be encrypted.
    #[error("a new segment could not be started")]
    Seal(#[from] SealError),
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
    /// A record of a kind this version does not know, or not in the form it knows.
    #[error("the record in {place} is not one this version can read: start the version that wrote it")]
    UnknownRecord {
        /// Where.
        place: Place,
        /// What is wrong with it.
        source: DecodeError,
    },
    /// The visitor stopped.
    #[error("the record in {place} could not be applied")]
    Visit {
        /// Where.
        place: Place,
        /// What it said.
        source: Box<dyn Error + Send + Sync>,
    },
    /// The files are whole, but not under this key.
    #[error(
        "{file} was written under another journal key: put back the key registry and the master key that belong to this journal"
    )]
    WrongKey {
        /// The first file that did not match.
        file: String,
    },
}

/// One record could not be read back.
#[derive(Debug, ThisError)]
pub enum ReadError {
    /// The frame fails its checksum: the disk cannot be trusted, stop the server.
    #[error("{damage}: {place}; the server must stop, restore this file from a copy")]
    Corrupt {
        /// Which check.
        damage: Damage,
        /// Where.
        place: Place,
    },
    /// The disk refused.
    #[error("could not read {file}")]
    Disk {
        /// The file.
        file: String,
        /// What the system said.
        source: io::Error,
    },
    /// The reference leads to no such record: it is not from this journal, or not yet committed.
    #[error("there is no such record at lsn {lsn}")]
    NoSuchRecord {
        /// Where it leads.
        lsn: u64,
    },
    /// The frame is good, and what the caller supplied does not open. Hold this job; the others are
    /// unharmed.
    #[error("the caller's data at lsn {lsn} does not open: {why}")]
    Unopenable {
        /// Where.
        lsn: u64,
        /// Why.
        why: Unopenable,
    },
}

impl ReadError {
    /// Whether only this record is lost, so that its job is held and the server goes on.
    pub fn holds_the_job(&self) -> bool {
        matches!(self, Self::Unopenable { .. })
    }
}

/// Why a record of caller data does not open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unopenable {
    /// It opens, but what is inside is not what belongs there.
    Content,
    /// Its data key was destroyed or never existed.
    NoKey,
    /// It is not the record that was written here.
    NotAuthentic,
}

impl fmt::Display for Unopenable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Content => "its content is not what belongs there",
            Self::NoKey => "its data key is gone",
            Self::NotAuthentic => "it is not the record that was written here",
        })
    }
}
