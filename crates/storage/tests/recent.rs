//! Inputs that are still in memory: read as from the disk, and no others than from there.

#![allow(clippy::unwrap_used, reason = "in a test a panic is the report")]

use sealane_core::record::RecordRef;
use sealane_storage::testing::home::{Home, LogHome};
use sealane_storage::testing::lossy_disk::{Loss, LossyDisk};
use sealane_storage::testing::samples::{QUEUE, enqueued, full_input, input, job_data};
use sealane_storage::{Journal, ReadError};

const FILE: &str = "0000000001.segment";

fn home(recent_bytes: usize) -> (LogHome, LossyDisk) {
    let (mut home, disk) = LogHome::lossy(256 << 10);
    home.settings.recent_bytes = recent_bytes;
    (home, disk)
}

fn open(home: &LogHome) -> Box<dyn Journal> {
    home.open(&mut |_, _| Ok(())).unwrap().journal
}

#[test]
fn answers_are_the_same_with_no_memory_with_little_and_with_enough() {
    let answers = |recent_bytes| {
        let (home, _) = home(recent_bytes);
        let mut journal = open(&home);
        let reader = journal.reader();
        let mut records = Vec::new();
        for number in 0..40 {
            let data = if number % 5 == 0 { full_input("word") } else { input(number, 300) };
            records.push(journal.append(&enqueued(number), Some(job_data(&data))).unwrap());
            if number % 7 == 0 {
                journal.commit().unwrap();
            }
        }
        // Some are staged only, some references are no record's.
        let wrong = records.iter().flat_map(|record| {
            let (lsn, bytes) = (record.lsn, record.bytes);
            [
                RecordRef { lsn: lsn + 8, bytes },
                RecordRef { lsn, bytes: bytes + 8 },
                RecordRef { lsn, bytes: bytes - 8 },
                RecordRef { lsn, bytes: u32::MAX },
                RecordRef { lsn: u64::MAX, bytes },
            ]
        });
        let asked: Vec<RecordRef> = records.iter().copied().chain(wrong).collect();
        asked
            .into_iter()
            .map(|record| reader.read_job(record).map_err(|error| error.to_string()))
            .collect::<Vec<_>>()
    };
    let without = answers(0);
    assert_eq!(without.iter().filter(|answer| answer.is_ok()).count(), 36);
    assert_eq!(answers(2_000), without);
    assert_eq!(answers(64 << 20), without);
}

/// What is read from memory needs no disk: the file is wrong, the answer is right, until a new start
/// forgets what was in memory and finds the damage.
#[test]
fn the_newest_are_in_memory_and_a_new_start_trusts_the_disk_only() {
    let (home, disk) = home(64 << 20);
    let mut journal = open(&home);
    let data = input(1, 100);
    let record = journal.append(&enqueued(1), Some(job_data(&data))).unwrap();
    journal.commit().unwrap();
    journal.append(&enqueued(2), None).unwrap();
    journal.commit().unwrap();
    let byte = 512 + usize::try_from(record.lsn).unwrap() + 20;
    disk.tamper(FILE, |file| file[byte] ^= 1);
    assert_eq!(journal.reader().read_job(record).unwrap(), data);
    drop(journal);
    assert!(home.on(disk.after_power_cut(Loss::Nothing)).open_collecting().is_err(), "the damage was found");
}

#[test]
fn what_was_rolled_back_is_not_read_and_its_place_is_the_next_ones() {
    let (home, _) = home(64 << 20);
    let mut journal = open(&home);
    let reader = journal.reader();
    let kept = journal.append(&enqueued(1), Some(job_data(&input(1, 100)))).unwrap();
    let mark = journal.mark();
    let gone = journal.append(&enqueued(2), Some(job_data(&input(2, 100)))).unwrap();
    journal.rollback(mark);
    let next = journal.append(&enqueued(3), Some(job_data(&input(3, 100)))).unwrap();
    assert_eq!(next, gone, "the place is given out again");
    assert!(matches!(reader.read_job(next), Err(ReadError::NoSuchRecord { .. })), "not durable yet");
    journal.commit().unwrap();
    assert_eq!(reader.read_job(kept).unwrap(), input(1, 100));
    assert_eq!(reader.read_job(next).unwrap(), input(3, 100));

    let mark = journal.mark();
    let gone = journal.append(&enqueued(4), Some(job_data(&input(4, 100)))).unwrap();
    journal.rollback(mark);
    let shorter = journal.append(&enqueued(5), Some(job_data(&input(5, 8)))).unwrap();
    journal.append(&enqueued(6), Some(job_data(&input(6, 200)))).unwrap();
    journal.commit().unwrap();
    assert!(reader.read_job(gone).is_err());
    assert_eq!(reader.read_job(shorter).unwrap(), input(5, 8));
}

// covers REST-2 (without its data key a record is unreadable, in memory too)
#[test]
fn a_destroyed_data_key_ends_what_is_in_memory_as_well() {
    let (home, _) = home(64 << 20);
    let mut journal = open(&home);
    let record = journal.append(&enqueued(1), Some(job_data(&input(1, 100)))).unwrap();
    journal.commit().unwrap();
    home.keys.destroy(QUEUE.0 + 1);
    assert!(matches!(journal.reader().read_job(record), Err(ReadError::Unopenable { .. })));
}
