//! Files that were changed by something else: every bit, every length. The torn end of the last group
//! is cut and reported; anything else is refused with its place, and nothing is ever read differently.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::ops::Range;

use sealane_core::record::RecordRef;
use sealane_storage::testing::home::{Home, LogHome};
use sealane_storage::testing::lossy_disk::{Loss, LossyDisk};
use sealane_storage::testing::samples::{completed, enqueued, input, job_data};
use sealane_storage::{Damage, Fact, LastStop, OpenError, Recovery};

const SEGMENT_BYTES: u64 = 4 << 10;
const HEADER_BYTES: usize = 512;
const FILE: &str = "0000000001.segment";

/// One segment, three groups of two records.
struct Fixture {
    home: LogHome,
    disk: LossyDisk,
    records: Vec<(RecordRef, Fact)>,
    /// Where each group stands in the file.
    groups: Vec<Range<usize>>,
    file: Vec<u8>,
}

fn fixture(close: bool) -> Fixture {
    let (home, disk) = LogHome::lossy(SEGMENT_BYTES);
    let mut journal = home.open(&mut |_, _| Ok(())).unwrap().journal;
    let mut records = Vec::new();
    let mut groups = Vec::new();
    let mut end = HEADER_BYTES;
    for group in 0..3 {
        let data = input(group, 20);
        for (fact, data) in [(enqueued(group), Some(job_data(&data))), (completed(group), None)] {
            records.push((journal.append(&fact, data).unwrap(), fact));
        }
        journal.commit().unwrap();
        let from = end;
        end = used(&disk.contents(FILE).unwrap());
        groups.push(from..end);
    }
    if close {
        journal.close().unwrap();
    } else {
        drop(journal);
    }
    let file = disk.contents(FILE).unwrap();
    Fixture { home, disk, records, groups, file }
}

/// Frames end at a multiple of eight.
fn used(file: &[u8]) -> usize {
    file.iter().rposition(|byte| *byte != 0).unwrap().next_multiple_of(8)
}

impl Fixture {
    /// Opens a copy in which one file is `content`.
    fn open_with(&self, name: &str, content: &[u8]) -> Result<(Recovery, Vec<(RecordRef, Fact)>), OpenError> {
        let copy = self.disk.after_power_cut(Loss::Everything);
        copy.tamper(name, |file| *file = content.to_vec());
        self.open(&copy)
    }

    fn open(&self, disk: &LossyDisk) -> Result<(Recovery, Vec<(RecordRef, Fact)>), OpenError> {
        let before: Vec<_> = disk.names().into_iter().map(|name| (disk.contents(&name), name)).collect();
        let unchanged = |what: &str| {
            let after: Vec<_> = disk.names().into_iter().map(|name| (disk.contents(&name), name)).collect();
            assert_eq!(before, after, "{what} changed something");
        };
        let verified = self.home.on(disk.clone()).verify();
        unchanged("a check");
        let opened = self.home.on(disk.clone()).open_collecting();
        if let Err(error) = &opened {
            unchanged("a refused start");
            assert_eq!(verified.as_ref().err().map(ToString::to_string), Some(error.to_string()));
        }
        let (opened, visited) = opened?;
        // A check finds what a start finds, without one.
        let verified = verified.unwrap();
        assert_eq!((&verified.recovery, verified.unopenable), (&opened.recovery, 0));
        for (number, (record, _)) in visited.iter().enumerate().filter(|(number, _)| number % 2 == 0) {
            let group = u64::try_from(number / 2).unwrap();
            assert_eq!(opened.journal.reader().read_job(*record).unwrap(), input(group, 20));
        }
        Ok((opened.recovery, visited))
    }

    fn group_at(&self, byte: usize) -> Option<usize> {
        self.groups.iter().position(|group| group.contains(&byte))
    }

    fn group_lsn(&self, group: usize) -> u64 {
        u64::try_from(self.groups[group].start - HEADER_BYTES).unwrap()
    }
}

fn flipped(file: &[u8], bit: usize) -> Vec<u8> {
    let mut bad = file.to_vec();
    bad[bit / 8] ^= 1 << (bit % 8);
    bad
}

/// Must be refused at a place in `file` at or before `byte`.
#[track_caller]
fn assert_refused<T>(result: Result<T, OpenError>, file: &str, byte: usize) {
    match result {
        Ok(_) => panic!("byte {byte} of {file} was not noticed"),
        Err(OpenError::Damaged { place, .. }) => {
            assert_eq!(place.file, file, "byte {byte}");
            assert!(place.offset <= u64::try_from(byte).unwrap(), "byte {byte}, refused at {place}");
        }
        Err(other) => panic!("byte {byte}: {other}"),
    }
}

// covers REL-7 (corruption is detected, never served)
// attack 76
#[test]
fn every_flipped_bit_after_a_crash() {
    let fixture = fixture(false);
    let end = fixture.groups[2].end;
    for bit in 0..(end + 64) * 8 {
        let byte = bit / 8;
        let result = fixture.open_with(FILE, &flipped(&fixture.file, bit));
        match fixture.group_at(byte) {
            None if byte < HEADER_BYTES => {
                let error = result.expect_err("a damaged header");
                assert!(
                    matches!(error, OpenError::Damaged { damage: Damage::SegmentHeader, .. }),
                    "bit {bit}: {error}"
                );
            }
            Some(group) if group < 2 => assert_refused(result, FILE, byte),
            last => {
                let (recovery, visited) = result.unwrap_or_else(|error| panic!("bit {bit}: {error}"));
                let cut = recovery.cut.unwrap_or_else(|| panic!("bit {bit} was not reported"));
                let kept = if last.is_some() { 2 } else { 3 };
                let lsn = u64::try_from(fixture.groups[kept - 1].end - HEADER_BYTES).unwrap();
                assert_eq!((cut.file.as_str(), cut.lsn, cut.missing_bytes), (FILE, lsn, 0), "bit {bit}");
                assert_eq!(visited, fixture.records[..kept * 2], "bit {bit}");
            }
        }
    }
}

// attack 73
#[test]
fn every_length_after_a_crash() {
    let fixture = fixture(false);
    for len in 0..fixture.file.len() {
        let result = fixture.open_with(FILE, &fixture.file[..len]);
        if len < HEADER_BYTES {
            assert_refused(result, FILE, len);
            continue;
        }
        let (recovery, visited) = result.unwrap_or_else(|error| panic!("cut to {len}: {error}"));
        let whole = fixture.groups.iter().filter(|group| group.end <= len).count();
        assert_eq!(visited, fixture.records[..whole * 2], "cut to {len}");
        let cut = recovery.cut.unwrap_or_else(|| panic!("cut to {len} was not reported"));
        assert_eq!(cut.missing_bytes, SEGMENT_BYTES - u64::try_from(len).unwrap());
        assert_eq!((cut.file.as_str(), recovery.last_stop), (FILE, LastStop::Crash));
    }
}

// attack 76
#[test]
fn every_flipped_bit_after_a_clean_stop() {
    let fixture = fixture(true);
    let end = used(&fixture.file);
    assert!(end > fixture.groups[2].end, "the stop is in the file");
    for bit in 0..end * 8 {
        assert_refused(fixture.open_with(FILE, &flipped(&fixture.file, bit)), FILE, bit / 8);
    }
    let marker = fixture.disk.contents("stopped").unwrap();
    for bit in 0..marker.len() * 8 {
        assert_refused(fixture.open_with("stopped", &flipped(&marker, bit)), "stopped", bit / 8);
    }
    let (recovery, visited) = fixture.open_with(FILE, &fixture.file).unwrap();
    assert_eq!((recovery.last_stop, recovery.cut), (LastStop::Clean, None));
    assert_eq!(visited, fixture.records);
}

#[test]
fn every_length_after_a_clean_stop() {
    let fixture = fixture(true);
    let end = used(&fixture.file);
    for len in 0..end {
        assert_refused(fixture.open_with(FILE, &fixture.file[..len]), FILE, len);
    }
    for len in [end, end + 1, fixture.file.len() - 1] {
        assert_eq!(fixture.open_with(FILE, &fixture.file[..len]).unwrap().1, fixture.records);
    }
    let marker = fixture.disk.contents("stopped").unwrap();
    for len in 0..marker.len() {
        assert_refused(fixture.open_with("stopped", &marker[..len]), "stopped", len);
    }
}

/// Once a later segment says where an earlier one ended, every bit before that point counts and none
/// behind it.
#[test]
fn every_flipped_bit_of_a_segment_that_was_left() {
    for close in [false, true] {
        let mut fixture = fixture(close);
        drop(fixture.home.open(&mut |_, _| Ok(())).unwrap());
        fixture.file = fixture.disk.contents(FILE).unwrap();
        let end = used(&fixture.file);
        assert_eq!(end, fixture.file.len().next_multiple_of(8), "its unused end was given back");
        for bit in 0..end.min(fixture.file.len()) * 8 {
            assert_refused(fixture.open_with(FILE, &flipped(&fixture.file, bit)), FILE, bit / 8);
        }
        for len in 0..fixture.file.len() {
            assert_refused(fixture.open_with(FILE, &fixture.file[..len]), FILE, len);
        }
        let longer = [fixture.file.as_slice(), &[0xff; 100]].concat();
        assert_eq!(fixture.open_with(FILE, &longer).unwrap().1, fixture.records);
    }
}

/// The torn end stays in the file, explained by the next header, and is never read again.
#[test]
fn a_cut_is_reported_once_and_stays_cut() {
    let fixture = fixture(false);
    let torn = flipped(&fixture.file, (fixture.groups[2].start + 20) * 8);
    let copy = fixture.disk.after_power_cut(Loss::Everything);
    copy.tamper(FILE, |file| *file = torn.clone());
    let (recovery, _) = fixture.open(&copy).unwrap();
    let cut = recovery.cut.unwrap();
    assert_eq!((cut.lsn, cut.bytes > 0), (fixture.group_lsn(2), true));
    assert_eq!(copy.contents(FILE).unwrap()[..], torn[..used(&torn).min(copy.contents(FILE).unwrap().len())]);
    assert!(copy.contents(FILE).unwrap().len() > fixture.groups[2].start, "the torn bytes are still there");
    for _ in 0..2 {
        let (recovery, visited) = fixture.open(&copy).unwrap();
        assert_eq!(recovery.cut, None);
        assert_eq!(visited, fixture.records[..4]);
    }
}

#[test]
fn a_missing_segment_is_refused_by_name() {
    let fixture = fixture(true);
    for _ in 0..2 {
        fixture.home.open(&mut |_, _| Ok(())).unwrap().journal.close().unwrap();
    }
    for missing in 1..=3_u64 {
        let copy = fixture.disk.after_power_cut(Loss::Everything);
        copy.tamper_remove(&format!("{missing:010}.segment"));
        let error = fixture.open(&copy).unwrap_err();
        assert!(
            matches!(error, OpenError::MissingSegment { missing: found, .. } if found == missing),
            "{error}"
        );
    }
    let copy = fixture.disk.after_power_cut(Loss::Everything);
    let second = copy.contents("0000000002.segment").unwrap();
    copy.tamper("0000000003.segment", |file| *file = second);
    assert_refused(fixture.open(&copy), "0000000003.segment", 0);
}

#[test]
fn leftovers_of_a_crash_are_cleared_and_strangers_left_alone() {
    let fixture = fixture(false);
    let copy = fixture.disk.after_power_cut(Loss::Everything);
    for name in [
        "prepared.unfinished",
        "segment.unfinished",
        "stopped.unfinished",
        "notes.txt",
        "x.segment",
        "1.segment",
    ] {
        copy.tamper(name, |file| *file = b"leftover".to_vec());
    }
    copy.tamper("prepared", |file| file[10] = 1);
    assert_eq!(fixture.open(&copy).unwrap().1, fixture.records);
    assert_eq!(
        copy.names(),
        ["0000000001.segment", "0000000002.segment", "1.segment", "notes.txt", "prepared", "x.segment"]
    );
    assert!(copy.contents("prepared").unwrap().iter().all(|byte| *byte == 0), "made anew");
}
