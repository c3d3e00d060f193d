//! Many segments: filling one, going on in the next, starting again and again.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::BTreeSet;

use sealane_core::record::RecordRef;
use sealane_storage::disk::Disk;
use sealane_storage::log::Prepare;
use sealane_storage::testing::home::{Home, LogHome};
use sealane_storage::testing::lossy_disk::{Loss, LossyDisk};
use sealane_storage::testing::samples::{completed, enqueued, input, job_data};
use sealane_storage::{Journal, JournalError, LastStop};

fn open(home: &LogHome) -> Box<dyn Journal> {
    home.open(&mut |_, _| Ok(())).unwrap().journal
}

fn enqueue(journal: &mut dyn Journal, number: u64, body: usize) -> Result<RecordRef, JournalError> {
    journal.append(&enqueued(number), Some(job_data(&input(number, body))))
}

fn segments(disk: &LossyDisk) -> Vec<String> {
    disk.names().into_iter().filter(|name| name.ends_with(".segment")).collect()
}

fn bytes(disk: &LossyDisk) -> usize {
    disk.names().iter().map(|name| disk.contents(name).unwrap().len()).sum()
}

/// Groups of every size, so that one ends at each distance from the end of a segment.
#[test]
fn a_group_that_does_not_fit_any_more_begins_the_next_segment() {
    for body in 0..200 {
        let (home, disk) = LogHome::lossy(4 << 10);
        let mut journal = open(&home);
        let mut written = Vec::new();
        for number in 0..40 {
            written.push((enqueue(journal.as_mut(), number, body * 3).unwrap(), number));
            if number % 2 == 1 {
                journal.commit().unwrap();
            }
        }
        assert!(segments(&disk).len() > 1);
        let reader = journal.reader();
        for (record, number) in &written {
            assert_eq!(reader.read_job(*record).unwrap(), input(*number, body * 3));
        }
        journal.close().unwrap();
        let (opened, visited) = home.on(disk.after_power_cut(Loss::Everything)).open_collecting().unwrap();
        assert_eq!(opened.recovery.last_stop, LastStop::Clean);
        let expected: Vec<_> = written.iter().map(|(record, number)| (*record, enqueued(*number))).collect();
        assert_eq!(visited, expected);
        for (record, number) in &written {
            assert_eq!(opened.journal.reader().read_job(*record).unwrap(), input(*number, body * 3));
        }
    }
}

#[test]
fn a_group_larger_than_a_segment_is_refused_and_what_was_staged_stays() {
    let (home, _) = LogHome::lossy(4 << 10);
    let mut journal = open(&home);
    let mut staged = 0;
    let refusal = loop {
        match enqueue(journal.as_mut(), staged, 500) {
            Ok(_) => staged += 1,
            Err(error) => break error,
        }
    };
    assert!(matches!(refusal, JournalError::GroupFull { max: 3_552, .. }), "{refusal}");
    journal.commit().unwrap();
    enqueue(journal.as_mut(), staged, 500).unwrap();
    journal.commit().unwrap();
    let alone = enqueue(journal.as_mut(), 99, 5_000).unwrap_err();
    assert!(matches!(alone, JournalError::GroupFull { .. }) && journal.staged_bytes() == 0, "{alone}");
    let monster = enqueue(journal.as_mut(), 99, 5 << 20).unwrap_err();
    assert!(matches!(monster, JournalError::TooLarge { part: "caller data", .. }), "{monster}");
    drop(journal);
    let (_, visited) = home.open_collecting().unwrap();
    assert_eq!(u64::try_from(visited.len()).unwrap(), staged + 1);
}

/// However often it starts, a journal takes the space of its records, one header per start, and the
/// segments in use.
#[test]
fn a_hundred_starts_do_not_fill_the_disk() {
    const SEGMENT: usize = 64 << 10;
    let (home, disk) = LogHome::lossy(SEGMENT.try_into().unwrap());
    let mut records = Vec::new();
    for number in 0..100 {
        let mut journal = open(&home);
        records.push(enqueue(journal.as_mut(), number, 100).unwrap());
        journal.commit().unwrap();
        match number % 3 {
            0 => journal.close().unwrap(),
            _ => drop(journal),
        }
    }
    assert_eq!(segments(&disk).len(), 100);
    let bytes = bytes(&disk);
    assert!(bytes < 2 * SEGMENT + 100 * 1_024, "{bytes} bytes");
    let journal = open(&home);
    // More files than are kept open at once, back and forth.
    for number in (0..100).chain((0..100).rev()) {
        let record = records[usize::try_from(number).unwrap()];
        assert_eq!(journal.reader().read_job(record).unwrap(), input(number, 100));
    }
}

/// A position that is sealed twice is sealed under two keys: every run and every rotation begins a
/// segment of its own, also where a torn group's positions are given out again.
#[test]
fn no_two_segments_have_the_same_key() {
    let (home, disk) = LogHome::lossy(4 << 10);
    for run in 0..10 {
        let mut journal = open(&home);
        for number in 0..10 {
            enqueue(journal.as_mut(), number, 400).unwrap();
            journal.commit().unwrap();
        }
        drop(journal);
        let newest = segments(&disk).pop().unwrap();
        if run % 2 == 0 {
            // Tears the last group.
            disk.tamper(&newest, |file| {
                let last = file.iter().rposition(|byte| *byte != 0).unwrap();
                file[last] ^= 0xff;
            });
        }
    }
    let names = segments(&disk);
    assert!(names.len() >= 20, "no run filled a segment");
    let uuids: BTreeSet<Vec<u8>> =
        names.iter().map(|name| disk.contents(name).unwrap()[16..32].to_vec()).collect();
    assert_eq!(uuids.len(), names.len());
}

/// The trim of a segment that was left may itself be lost; a later start does it again.
#[test]
fn an_unused_end_that_was_not_given_back_is_given_back_later() {
    let (home, disk) = LogHome::lossy(64 << 10);
    let mut journal = open(&home);
    enqueue(journal.as_mut(), 1, 100).unwrap();
    journal.commit().unwrap();
    drop(journal);
    drop(open(&home));
    let trimmed = disk.contents("0000000001.segment").unwrap();
    assert!(trimmed.len() < 2_000);
    disk.tamper("0000000001.segment", |file| file.resize(64 << 10, 0));
    drop(open(&home));
    assert_eq!(disk.contents("0000000001.segment").unwrap(), trimmed);
}

#[test]
fn one_group_is_one_write_and_one_sync() {
    let (home, disk) = LogHome::lossy(1 << 20);
    let mut journal = open(&home);
    for records in [1, 10, 100] {
        let before = (disk.writes(), disk.syncs());
        for number in 0..records {
            enqueue(journal.as_mut(), number, 1_000).unwrap();
        }
        assert_eq!((disk.writes(), disk.syncs()), before, "staging touches no disk");
        journal.commit().unwrap();
        assert_eq!((disk.writes() - before.0, disk.syncs() - before.1), (1, 1));
    }
}

/// So that the system need not read the rest of the page first. What stands there otherwise is zeros.
#[test]
fn a_write_goes_to_the_end_of_its_page_and_not_beyond_page_or_file() {
    const FILE: &str = "0000000001.segment";
    let (home, disk) = LogHome::lossy(10_000);
    let mut journal = open(&home);
    disk.tamper(FILE, |file| file[512..].fill(0xff));
    let mut end = 512;
    for (body, page_end) in [(100, 4_096), (7_500, 10_000)] {
        enqueue(journal.as_mut(), 1, body).unwrap();
        // The commit frame comes on top.
        end += journal.staged_bytes() + 40;
        journal.commit().unwrap();
        let file = disk.contents(FILE).unwrap();
        assert_eq!(file.len(), 10_000);
        assert!(file[end - 40..end].iter().any(|byte| *byte != 0), "the commit frame ends there");
        assert!(file[end..page_end].iter().all(|byte| *byte == 0), "zeros from {end} on");
        assert!(file[page_end..].iter().all(|byte| *byte == 0xff), "untouched from {page_end} on");
    }
    let other = home.after_power_cut(&disk, Loss::Everything).0;
    assert_eq!(other.open_collecting().unwrap().1.len(), 2);
}

/// The background thread makes the next segment while groups go into this one.
#[test]
fn the_background_thread_keeps_up_and_ends_with_the_journal() {
    let (mut home, disk) = LogHome::lossy(16 << 10);
    home.settings.prepare = Prepare::Background;
    home.settings.first_segment_bytes = 4 << 10;
    let mut journal = open(&home);
    for number in 0..200 {
        enqueue(journal.as_mut(), number, 1_000).unwrap();
        journal.append(&completed(number), None).unwrap();
        journal.commit().unwrap();
    }
    journal.close().unwrap();
    assert!(segments(&disk).len() > 10);
    let disk = disk.after_power_cut(Loss::Everything);
    assert!(
        disk.list()
            .unwrap()
            .iter()
            .all(|name| !name.ends_with(".unfinished") || name.starts_with("prepared"))
    );
    let (opened, visited) = home.on(disk).open_collecting().unwrap();
    assert_eq!((visited.len(), opened.recovery.last_stop), (400, LastStop::Clean));
}
