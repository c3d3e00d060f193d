//! Snapshots that something happened to: power cuts at every call, every flipped bit, every length, a full
//! disk. Whatever it was, the state is the one that the records make.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::io::ErrorKind;

use sealane_core::queue::state::{Phase, Row};
use sealane_core::record::RecordRef;
use sealane_storage::testing::home::{Collected, Home, LogHome};
use sealane_storage::testing::lossy_disk::{Call, Fault, Loss, LossyDisk};
use sealane_storage::testing::samples::{enqueued, input, job_data, job_id};
use sealane_storage::testing::state_samples::plain_job;
use sealane_storage::{Damage, Fact, Journal, JournalError, OpenError, ReadError, SnapshotError, StateRow};

const SEGMENT_BYTES: u64 = 4 << 10;

/// Which of these jobs there are is the state here: a row for each fact `enqueued`.
fn row(number: u64) -> StateRow {
    StateRow::Row(Row::Job(Box::new(plain_job(number, Phase::Ready))))
}

/// The numbers of the jobs that a journal holds, by rows and by facts; in the order they came.
fn jobs(found: &Collected) -> Vec<u64> {
    let of_row = |row: &StateRow| match row {
        StateRow::Row(Row::Job(job)) => job.sequence,
        other => panic!("nobody wrote {other:?}"),
    };
    let of_fact = |fact: &(RecordRef, Fact)| {
        (0..1_000).find(|number| enqueued(*number) == fact.1).expect("somebody wrote it")
    };
    found.rows.iter().map(of_row).chain(found.facts.iter().map(of_fact)).collect()
}

#[derive(Default)]
struct Story {
    acknowledged: u64,
    written: u64,
    snapshots: u64,
    finished: bool,
}

fn enqueue(journal: &mut dyn Journal, number: u64) -> Result<RecordRef, JournalError> {
    let record = journal.append(&enqueued(number), Some(job_data(&input(number, 600))))?;
    journal.commit().map(|()| record)
}

fn snapshot(journal: &mut dyn Journal, jobs: u64) -> Result<(), SnapshotError> {
    let mut snapshot = journal.snapshot()?;
    (0..jobs).try_for_each(|number| snapshot.put(&row(number)))?;
    let done = snapshot.finish()?;
    journal.trim(&done);
    Ok(())
}

/// Runs of a journal with a snapshot now and then, one of them closed behind a snapshot.
fn tell(home: &LogHome, story: &mut Story) -> Option<()> {
    for run in 0..4 {
        let (opened, found) = home.restore_collecting().ok()?;
        assert_eq!(jobs(&found), (0..story.written).collect::<Vec<_>>());
        let mut journal = opened.journal;
        for step in 0..6 {
            story.written += 1;
            enqueue(journal.as_mut(), story.written - 1).ok()?;
            story.acknowledged = story.written;
            if step % 3 == run % 3 || (run == 2 && step == 5) {
                snapshot(journal.as_mut(), story.written).ok()?;
                story.snapshots += 1;
            }
        }
        if run == 2 {
            journal.close().ok()?;
        }
    }
    Some(())
}

fn check(home: &LogHome, story: &Story, context: &str) -> Collected {
    let (opened, found) = home.restore_collecting().unwrap_or_else(|error| panic!("{context}: {error}"));
    let there = jobs(&found);
    let expected: Vec<u64> = (0..u64::try_from(there.len()).unwrap()).collect();
    assert_eq!(there, expected, "{context}");
    let count = u64::try_from(there.len()).unwrap();
    assert!((story.acknowledged..=story.written).contains(&count), "{context}: {count} jobs");
    assert_eq!(opened.recovery.damaged_snapshots, Vec::new(), "{context}: no power cut damages a named one");
    for (record, _) in &found.facts {
        opened.journal.reader().read_job(*record).unwrap_or_else(|error| panic!("{context}: {error}"));
    }
    found
}

fn losses() -> impl Iterator<Item = Loss> {
    [Loss::Everything, Loss::Nothing].into_iter().chain((0..6).map(Loss::Seeded))
}

fn cut_at(call: Call, nth: u64) -> bool {
    for fault in [Fault::PowerOffBefore, Fault::PowerOffAfter] {
        for loss in losses() {
            let context = format!("{call:?} {nth}, {fault:?}, {loss:?}");
            let (home, disk) = LogHome::lossy(SEGMENT_BYTES);
            disk.fail(call, nth, fault);
            let mut story = Story::default();
            story.finished = tell(&home, &mut story).is_some();
            if story.finished {
                return false;
            }
            let (home, _) = home.after_power_cut(&disk, loss);
            check(&home, &story, &context);
            // And once more: what the first start made of it is as good.
            check(&home, &story, &context);
        }
    }
    true
}

// covers REL-3 (extend)
// attack 72
#[test]
fn the_power_goes_at_every_sync_and_every_write() {
    for call in [Call::Sync, Call::Write] {
        let mut nth = 1;
        while cut_at(call, nth) {
            nth += 1;
        }
        assert!(nth > 40, "{call:?} was called {nth} times only");
    }
}

#[test]
fn a_story_that_ends_well_leaves_two_snapshots_and_begins_with_the_last() {
    let (home, disk) = LogHome::lossy(SEGMENT_BYTES);
    let mut story = Story::default();
    tell(&home, &mut story).unwrap();
    let snapshots: Vec<_> = disk.names().into_iter().filter(|name| name.ends_with(".snapshot")).collect();
    assert_eq!(snapshots.len(), 2, "{snapshots:?}");
    let found = check(&home, &story, "the end");
    assert!(!found.rows.is_empty() && found.facts.len() < 4, "{} facts", found.facts.len());
    // All facts are there as well, for whoever wants them.
    let (_, facts) = home.open_collecting().unwrap();
    assert_eq!(u64::try_from(facts.len()).unwrap(), story.written);
}

struct Fixture {
    home: LogHome,
    disk: LossyDisk,
    records: Vec<RecordRef>,
}

const FIRST: &str = "0000000001.snapshot";
const SECOND: &str = "0000000002.snapshot";

/// Nine jobs; snapshots behind the third and the sixth.
fn fixture() -> Fixture {
    let (home, disk) = LogHome::lossy(SEGMENT_BYTES);
    let mut journal = home.open(&mut |_, _| Ok(())).unwrap().journal;
    let mut records = Vec::new();
    for number in 0..9 {
        records.push(enqueue(journal.as_mut(), number).unwrap());
        if number % 3 == 2 && number < 8 {
            snapshot(journal.as_mut(), number + 1).unwrap();
        }
    }
    drop(journal);
    Fixture { home, disk, records }
}

impl Fixture {
    fn copy(&self) -> (LogHome, LossyDisk) {
        self.home.after_power_cut(&self.disk, Loss::Nothing)
    }

    /// Opens a copy in which files are something else. Gives how many jobs came by rows, and which files
    /// were found damaged.
    fn open_with(&self, files: &[(&str, &[u8])]) -> Result<(usize, Vec<String>), OpenError> {
        let (home, disk) = self.copy();
        for (name, content) in files {
            disk.tamper(name, |file| *file = content.to_vec());
        }
        let (opened, found) = home.restore_collecting()?;
        assert_eq!(jobs(&found), (0..9).collect::<Vec<_>>());
        assert_eq!(found.whole, !found.rows.is_empty());
        let damaged = opened.recovery.damaged_snapshots;
        Ok((found.rows.len(), damaged.into_iter().map(|damaged| damaged.place.file).collect()))
    }
}

fn flipped(file: &[u8], bit: usize) -> Vec<u8> {
    let mut bad = file.to_vec();
    bad[bit / 8] ^= 1 << (bit % 8);
    bad
}

// covers REL-7 (extend)
// attack 76
#[test]
fn every_flipped_bit_is_noticed_and_the_snapshot_before_stands_in() {
    let fixture = fixture();
    assert_eq!(fixture.open_with(&[]).unwrap(), (6, Vec::new()));
    let second = fixture.disk.contents(SECOND).unwrap();
    for bit in 0..second.len() * 8 {
        let found = fixture.open_with(&[(SECOND, &flipped(&second, bit))]).unwrap();
        assert_eq!(found, (3, vec![SECOND.to_owned()]), "bit {bit}");
    }
}

#[test]
fn every_other_length_is_noticed() {
    let fixture = fixture();
    let second = fixture.disk.contents(SECOND).unwrap();
    for len in 0..second.len() {
        let found = fixture.open_with(&[(SECOND, &second[..len])]).unwrap();
        assert_eq!(found, (3, vec![SECOND.to_owned()]), "length {len}");
    }
    let longer = [second.as_slice(), &[0]].concat();
    assert_eq!(fixture.open_with(&[(SECOND, &longer)]).unwrap(), (3, vec![SECOND.to_owned()]));
}

#[test]
fn without_a_whole_snapshot_the_records_are_read_from_the_beginning() {
    let fixture = fixture();
    let (first, second) = (fixture.disk.contents(FIRST).unwrap(), fixture.disk.contents(SECOND).unwrap());
    let (bad_first, bad_second) = (flipped(&first, 4_500), flipped(&second, 4_500));
    let found = fixture.open_with(&[(FIRST, &bad_first), (SECOND, &bad_second)]).unwrap();
    assert_eq!(found, (0, vec![SECOND.to_owned(), FIRST.to_owned()]));
    // A check that changes nothing says the same.
    let (home, disk) = fixture.copy();
    disk.tamper(SECOND, |file| *file = bad_second.clone());
    let verified = home.verify().unwrap();
    assert_eq!((verified.snapshots, verified.damaged_snapshots.len()), (1, 1));
    assert_eq!(verified.recovery.records, 9, "all records were looked at");
    // One in the other's place is not whole either.
    assert_eq!(fixture.open_with(&[(SECOND, &first)]).unwrap(), (3, vec![SECOND.to_owned()]));
    // The next one leaves what was found damaged alone, until two newer ones are whole.
    let (home, disk) = fixture.copy();
    disk.tamper(SECOND, |file| *file = bad_second.clone());
    let mut journal = home.restore_collecting().unwrap().0.journal;
    let names = || disk.names().into_iter().filter(|name| name.ends_with("snapshot")).collect::<Vec<_>>();
    snapshot(journal.as_mut(), 9).unwrap();
    assert_eq!(names(), [FIRST, SECOND, "0000000003.snapshot"]);
    snapshot(journal.as_mut(), 9).unwrap();
    assert_eq!(names(), ["0000000003.snapshot", "0000000004.snapshot"]);
}

/// A snapshot is written when all before it is durable: a journal without that lost its end.
#[test]
fn a_journal_that_ends_before_its_snapshot_is_refused() {
    let fixture = fixture();
    let segments: Vec<_> =
        fixture.disk.names().into_iter().filter(|name| name.ends_with(".segment")).collect();
    let last = segments.last().unwrap();
    // The newest segment is gone, and the one that the snapshot stands in may be as well.
    for gone in 1..segments.len() {
        let (home, disk) = fixture.copy();
        segments[gone..].iter().for_each(|name| disk.tamper_remove(name));
        let opened = home.restore_collecting();
        match opened {
            Err(OpenError::MissingSegment { .. } | OpenError::Damaged { .. }) => {}
            Err(other) => panic!("{other}"),
            Ok((_, found)) => assert!(jobs(&found).len() >= 6, "what the snapshot vouches for is missing"),
        }
    }
    let (home, disk) = fixture.copy();
    disk.tamper(last, |file| file[512..].fill(0));
    let stands_there = |found: &Collected| jobs(found).len() >= 6;
    match home.restore_collecting() {
        Err(OpenError::Damaged { damage: Damage::Frame | Damage::Short, place }) => {
            assert_eq!(&place.file, last);
        }
        Err(other) => panic!("{other}"),
        Ok((_, found)) => assert!(stands_there(&found)),
    }
    let (home, disk) = fixture.copy();
    disk.tamper_remove(&segments[0]);
    let refused = home.restore_collecting().err().expect("the first segment is gone");
    assert!(matches!(refused, OpenError::MissingSegment { missing: 1, .. }), "{refused}");
}

/// The end of the newest segment may be torn, but not what a snapshot vouches for.
#[test]
fn a_group_before_the_snapshot_is_never_taken_for_a_torn_end() {
    let (home, disk) = LogHome::lossy(64 << 10);
    let mut journal = home.open(&mut |_, _| Ok(())).unwrap().journal;
    let records: Vec<_> = (0..4)
        .map(|number| {
            let record = enqueue(journal.as_mut(), number).unwrap();
            if number == 2 {
                snapshot(journal.as_mut(), 3).unwrap();
            }
            record
        })
        .collect();
    drop(journal);
    for (from, whole) in [(3, true), (2, false), (1, false)] {
        let (home, disk) = home.after_power_cut(&disk, Loss::Nothing);
        let at = usize::try_from(records[from].lsn).unwrap() + 512;
        disk.tamper("0000000001.segment", |file| file[at..].fill(0));
        match home.restore_collecting() {
            Ok((_, found)) => assert!(whole && jobs(&found) == [0, 1, 2], "from {from}"),
            Err(OpenError::Damaged { place, .. }) => {
                assert_eq!((whole, place.lsn), (false, Some(records[from].lsn)));
            }
            Err(other) => panic!("{other}"),
        }
    }
}

/// What the state made unnecessary is not read by the start, and refused by whoever reads it.
#[test]
fn a_flipped_bit_before_the_snapshot_s_segment_is_found_by_the_reader() {
    let fixture = fixture();
    let (home, disk) = fixture.copy();
    disk.tamper("0000000001.segment", |file| file[600] ^= 1);
    let (opened, found) = home.restore_collecting().unwrap();
    assert_eq!(jobs(&found), (0..9).collect::<Vec<_>>());
    let read = opened.journal.reader().read_job(fixture.records[0]);
    assert!(matches!(read, Err(ReadError::Corrupt { damage: Damage::Frame, .. })), "{read:?}");
    let replayed = home.open_collecting();
    assert!(matches!(replayed.err(), Some(OpenError::Damaged { damage: Damage::Frame, .. })));
    // And a file that lost its end is missed at once.
    let (home, disk) = fixture.copy();
    disk.tamper("0000000001.segment", |file| file.truncate(1_000));
    let refused = home.restore_collecting().err().expect("records are missing");
    assert!(matches!(refused, OpenError::Damaged { damage: Damage::Short, .. }), "{refused}");
}

// attack 74
#[test]
fn a_full_disk_costs_the_snapshot_and_nothing_else() {
    let fixture = fixture();
    let (home, disk) = fixture.copy();
    let mut journal = home.restore_collecting().unwrap().0.journal;
    let used: usize = disk.names().iter().map(|name| disk.contents(name).unwrap().len()).sum();
    for room in [0, 100, 600, 1_000] {
        disk.set_capacity(Some(used + room));
        let failed = snapshot(journal.as_mut(), 9).expect_err("no room");
        let SnapshotError::Disk { source, .. } = &failed else { panic!("{failed}") };
        assert_eq!(source.kind(), ErrorKind::StorageFull);
        assert!(!disk.names().iter().any(|name| name.contains("unfinished")), "{:?}", disk.names());
    }
    disk.set_capacity(None);
    enqueue(journal.as_mut(), 9).unwrap();
    snapshot(journal.as_mut(), 10).unwrap();
    drop(journal);
    let (_, found) = home.restore_collecting().unwrap();
    assert_eq!((found.rows.len(), found.facts.len()), (10, 0));
}

#[test]
fn a_failed_sync_costs_the_snapshot_and_nothing_else() {
    for nth in 1..=2 {
        let fixture = fixture();
        let (home, disk) = fixture.copy();
        let mut journal = home.restore_collecting().unwrap().0.journal;
        disk.fail(Call::Sync, nth, Fault::Error(ErrorKind::Other));
        assert!(matches!(snapshot(journal.as_mut(), 9), Err(SnapshotError::Disk { .. })), "sync {nth}");
        enqueue(journal.as_mut(), 9).unwrap();
        drop(journal);
        let (_, found) = home.restore_collecting().unwrap();
        assert_eq!(jobs(&found), (0..10).collect::<Vec<_>>(), "sync {nth}");
    }
}

// covers DATA-2 (extend)
#[test]
fn nothing_of_a_snapshot_is_readable_without_the_key() {
    let fixture = fixture();
    let snapshot = fixture.disk.contents(SECOND).unwrap();
    for secret in [b"producer".as_slice(), job_id(1).as_bytes(), &[3; 16]] {
        assert!(!snapshot.windows(secret.len()).any(|bytes| bytes == secret), "{secret:?}");
    }
    let (mut home, _) = fixture.copy();
    home.keys = std::sync::Arc::new(sealane_storage::testing::keys::KnownKeys::danger_from_seed(2));
    let refused = home.restore_collecting().err().expect("another key");
    assert!(matches!(refused, OpenError::WrongKey { .. }), "{refused}");
}

/// A snapshot that says something else than its own records do is one of another journal.
#[test]
fn a_snapshot_of_another_journal_is_refused() {
    let other = {
        let (mut home, disk) = LogHome::lossy(SEGMENT_BYTES);
        home.random = std::sync::Arc::new(sealane_crypto::SeededRandom::danger_from_seed(7));
        let mut journal = home.open(&mut |_, _| Ok(())).unwrap().journal;
        enqueue(journal.as_mut(), 0).unwrap();
        snapshot(journal.as_mut(), 1).unwrap();
        disk.contents(FIRST).unwrap()
    };
    let fixture = fixture();
    let (home, disk) = fixture.copy();
    disk.tamper_remove(SECOND);
    disk.tamper(FIRST, |file| *file = other.clone());
    let refused = home.restore_collecting().err().expect("not this journal's");
    let OpenError::Damaged { damage: Damage::Contradiction, place } = &refused else { panic!("{refused}") };
    assert_eq!(place.file, FIRST);
}
