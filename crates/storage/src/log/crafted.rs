//! Tests on segments made by hand: what no run of this version writes, but a file may hold.

use std::sync::Arc;

use super::files;
use super::frame::{FrameKind, FramePrefix, SegmentSeal, encode_commit};
use super::header::{Before, HEADER_BYTES, Left, SegmentHeader};
use crate::codec::{DecodeError, encode_fact};
use crate::error::{Damage, OpenError};
use crate::fact::Fact;
use crate::journal::{Cut, Recovery};
use crate::keys::DataKeys;
use crate::testing::home::{Home, LogHome};
use crate::testing::keys::KnownKeys;
use crate::testing::lossy_disk::LossyDisk;
use crate::testing::samples::{completed, enqueued};

const FILE_BYTES: usize = 4_096;

struct Crafted {
    header: SegmentHeader,
    seal: SegmentSeal,
    bytes: Vec<u8>,
}

impl Crafted {
    fn new(uuid: [u8; 16], before: Before) -> Self {
        let header = SegmentHeader {
            uuid,
            sequence: 1,
            base_lsn: 0,
            file_bytes: u64::try_from(FILE_BYTES).unwrap(),
            before,
            previous: [0; 16],
            previous_left: Left::None,
        };
        let journal_key = KnownKeys::danger_from_seed(1).journal_key();
        let bytes = header.encode(&journal_key).to_vec();
        Self { header, seal: SegmentSeal::new(&journal_key, uuid), bytes }
    }

    fn lsn(&self) -> u64 {
        u64::try_from(self.bytes.len() - HEADER_BYTES).unwrap()
    }

    fn frame(&mut self, kind: FrameKind, group_lsn: u64, payload: &[u8]) {
        let lsn = self.lsn();
        let prefix = FramePrefix {
            kind,
            sealed_bytes: u16::try_from(payload.len()).unwrap(),
            data_bytes: 0,
            group_offset: u32::try_from(lsn - group_lsn).unwrap(),
        };
        let mut frame = vec![0; prefix.frame_bytes()];
        frame[FramePrefix::sealed_at()..][..payload.len()].copy_from_slice(payload);
        self.seal.seal(&mut frame, prefix, lsn).unwrap();
        self.bytes.extend_from_slice(&frame);
    }

    /// A group whose commit frame says `said` records.
    fn group(&mut self, payloads: &[Vec<u8>], said: u32) {
        let from = self.lsn();
        for payload in payloads {
            self.frame(FrameKind::Record, from, payload);
        }
        self.frame(FrameKind::Commit, from, &encode_commit(said));
    }

    fn open(&self) -> Result<(Recovery, Vec<Fact>), OpenError> {
        let disk = LossyDisk::new();
        disk.tamper(&files::segment(1), |file| {
            *file = self.bytes.clone();
            file.resize(file.len().max(FILE_BYTES), 0);
        });
        let home = LogHome::new(Arc::new(disk), 4 << 10);
        let (opened, visited) = home.open_collecting()?;
        Ok((opened.recovery, visited.into_iter().map(|(_, fact)| fact).collect()))
    }
}

fn payload(fact: &Fact) -> Vec<u8> {
    let mut out = Vec::new();
    encode_fact(fact, &mut out);
    out
}

#[track_caller]
fn assert_damaged(result: Result<(Recovery, Vec<Fact>), OpenError>, expected: Damage, at_lsn: u64) {
    let error = result.unwrap_err();
    let OpenError::Damaged { damage, place } = &error else { panic!("{error}") };
    assert_eq!((*damage, place.lsn), (expected, Some(at_lsn)), "{error}");
}

#[test]
fn a_record_with_an_unknown_tag_is_refused_with_its_place() {
    for (record, tag, version) in [([200, 1], 200, 1), ([1, 4], 1, 4)] {
        let mut crafted = Crafted::new([1; 16], Before::Zeros);
        crafted.group(&[payload(&enqueued(1))], 1);
        let lsn = crafted.lsn();
        crafted.group(&[record.to_vec()], 1);
        let error = crafted.open().unwrap_err();
        let OpenError::UnknownRecord { place, source } = &error else { panic!("{error}") };
        assert_eq!((place.lsn, *source), (Some(lsn), DecodeError::UnknownTag { tag, version }));
    }
}

#[test]
fn a_segment_of_a_later_format_is_refused_by_its_number() {
    let mut crafted = Crafted::new([1; 16], Before::Zeros);
    crafted.bytes[9] = 2;
    let crc = crc32c::crc32c(&crafted.bytes[..508]);
    crafted.bytes[508..512].copy_from_slice(&crc.to_be_bytes());
    let error = crafted.open().unwrap_err();
    assert!(matches!(error, OpenError::UnknownFormat { version: 2, .. }), "{error}");
}

/// A recycled file holds whole groups of its former life, at places where they were right.
#[test]
fn frames_of_an_older_segment_are_no_frames() {
    let mut older = Crafted::new([2; 16], Before::Zeros);
    for number in 0..8 {
        older.group(&[payload(&completed(number))], 1);
    }
    for (before, reported) in [(Before::OlderSegment, false), (Before::Zeros, true)] {
        let mut crafted = Crafted::new([1; 16], before);
        crafted.group(&[payload(&enqueued(1))], 1);
        let end = crafted.bytes.len();
        let lsn = crafted.lsn();
        crafted.bytes.extend_from_slice(&older.bytes[end..]);
        let (recovery, facts) = crafted.open().unwrap();
        assert_eq!(facts, [enqueued(1)]);
        assert_eq!((recovery.end_lsn, recovery.cut.is_some()), (lsn, reported), "{before:?}");
    }
}

#[test]
fn a_torn_group_in_a_recycled_segment_is_told_from_what_was_there_before() {
    let mut older = Crafted::new([2; 16], Before::Zeros);
    for number in 0..8 {
        older.group(&[payload(&completed(number))], 1);
    }
    let mut crafted = Crafted::new([1; 16], Before::OlderSegment);
    crafted.group(&[payload(&enqueued(1))], 1);
    let lsn = crafted.lsn();
    crafted.frame(FrameKind::Record, lsn, &payload(&completed(1)));
    let torn = crafted.lsn() - lsn;
    let end = crafted.bytes.len();
    crafted.bytes.extend_from_slice(&older.bytes[end..]);
    let (recovery, facts) = crafted.open().unwrap();
    assert_eq!(facts, [enqueued(1)]);
    assert_eq!(recovery.cut, Some(Cut { file: files::segment(1), lsn, bytes: torn, missing_bytes: 0 }));
}

/// The next group was only begun when the one before was durable: one frame of it is proof enough.
#[test]
fn one_frame_of_an_unfinished_later_group_makes_a_broken_one_damage() {
    for later_frame in [false, true] {
        let mut crafted = Crafted::new([1; 16], Before::Zeros);
        crafted.group(&[payload(&enqueued(1))], 1);
        let broken_lsn = crafted.lsn();
        let broken = crafted.bytes.len();
        crafted.group(&[payload(&enqueued(2))], 1);
        let later = crafted.lsn();
        if later_frame {
            crafted.frame(FrameKind::Record, later, &payload(&enqueued(3)));
        }
        crafted.bytes[broken + 20] ^= 1;
        if later_frame {
            assert_damaged(crafted.open(), Damage::Frame, broken_lsn);
        } else {
            assert_eq!(crafted.open().unwrap().0.cut.unwrap().lsn, broken_lsn);
        }
    }
}

#[test]
fn a_group_must_be_what_its_commit_says() {
    for said in [0, 1, 3] {
        let mut crafted = Crafted::new([1; 16], Before::Zeros);
        crafted.group(&[payload(&enqueued(1)), payload(&enqueued(2))], said);
        let commit = crafted.lsn() - u64::try_from(super::frame::COMMIT_BYTES).unwrap();
        assert_damaged(crafted.open(), Damage::Contradiction, commit);
    }
    let mut crafted = Crafted::new([1; 16], Before::Zeros);
    crafted.frame(FrameKind::Record, 0, &payload(&enqueued(1)));
    let stop = crafted.lsn();
    crafted.frame(FrameKind::CleanStop, stop, &[]);
    assert_damaged(crafted.open(), Damage::Contradiction, stop);
}

#[test]
fn a_header_must_fit_its_file() {
    let key = KnownKeys::danger_from_seed(1).journal_key();
    let wrong: [fn(&mut SegmentHeader); 4] = [
        |header| header.sequence = 2,
        |header| header.base_lsn = 8,
        |header| header.previous = [1; 16],
        |header| header.previous_left = Left::Full,
    ];
    for change in wrong {
        let mut crafted = Crafted::new([1; 16], Before::Zeros);
        change(&mut crafted.header);
        crafted.bytes = crafted.header.encode(&key).to_vec();
        let error = crafted.open().unwrap_err();
        assert!(matches!(error, OpenError::Damaged { damage: Damage::Contradiction, .. }), "{error}");
    }
}
