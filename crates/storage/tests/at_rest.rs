//! Somebody can read and write the files but has no key. Checksums are no obstacle to them: every
//! change here comes with the right one.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::ops::Range;

use sealane_core::control::ControlEvent;
use sealane_core::name::QueueName;
use sealane_core::queue::Event;
use sealane_core::record::RecordRef;
use sealane_core::time::Time;
use sealane_storage::error::Unopenable;
use sealane_storage::testing::home::{Home, LogHome};
use sealane_storage::testing::keys::KnownKeys;
use sealane_storage::testing::lossy_disk::{Loss, LossyDisk};
use sealane_storage::testing::samples::{
    QUEUE, completed, enqueued, every_fact, full_input, input, job_data, outcome_data, session_accepted,
    session_data, session_state_set, shard,
};
use sealane_storage::{Damage, Fact, JournalReader, OpenError, ReadError};

const SEGMENT_BYTES: u64 = 8 << 10;
const HEADER_BYTES: usize = 512;
const FILE: &str = "0000000001.segment";

/// Three jobs of one size, the third enqueued twice, in groups of their own.
fn fixture() -> (LogHome, LossyDisk, Vec<RecordRef>) {
    let (home, disk) = LogHome::lossy(SEGMENT_BYTES);
    let mut journal = home.open(&mut |_, _| Ok(())).unwrap().journal;
    let records = [1, 2, 3, 3]
        .map(|number| {
            let record = journal.append(&enqueued(number), Some(job_data(&input(number, 40)))).unwrap();
            journal.commit().unwrap();
            record
        })
        .into();
    (home, disk, records)
}

fn frame(record: RecordRef) -> Range<usize> {
    let from = HEADER_BYTES + usize::try_from(record.lsn).unwrap();
    from..from + usize::try_from(record.bytes).unwrap()
}

/// Where a record's caller data stands in the file, as FORMAT.md says.
fn data(file: &[u8], record: RecordRef) -> Range<usize> {
    let frame = &file[frame(record)];
    let sealed = usize::from(u16::from_be_bytes([frame[6], frame[7]]));
    let len = usize::try_from(u32::from_be_bytes([frame[8], frame[9], frame[10], frame[11]])).unwrap();
    let from = self::frame(record).start + 32 + sealed;
    from..from + len
}

/// Makes a frame's checksum right again.
fn repair(file: &mut [u8], record: RecordRef) {
    let mut crc = crc32c::crc32c(&file[16..32]);
    crc = crc32c::crc32c_append(crc, &record.lsn.to_be_bytes());
    crc = crc32c::crc32c_append(crc, &file[frame(record)][4..]);
    let at = frame(record).start;
    file[at..at + 4].copy_from_slice(&crc.to_be_bytes());
}

fn reader(home: &LogHome, disk: &LossyDisk) -> std::sync::Arc<dyn JournalReader> {
    home.on(disk.after_power_cut(Loss::Everything)).open(&mut |_, _| Ok(())).unwrap().journal.reader()
}

#[track_caller]
fn assert_unopenable(result: Result<impl std::fmt::Debug, ReadError>, expected: Unopenable) {
    let error = result.unwrap_err();
    assert!(error.holds_the_job(), "{error}");
    assert!(matches!(error, ReadError::Unopenable { why, .. } if why == expected), "{error}");
}

// covers REST-1 (a record swapped, moved or replaced by an older one is detected)
// attack 25
#[test]
fn caller_data_that_was_swapped_or_replaced_by_an_older_one_holds_its_job_and_no_other() {
    let (home, disk, records) = fixture();
    for (from, to, both) in [(0, 1, true), (2, 3, false)] {
        let copy = disk.after_power_cut(Loss::Everything);
        copy.tamper(FILE, |file| {
            let (one, other) = (data(file, records[from]), data(file, records[to]));
            let (first, second) = (file[one.clone()].to_vec(), file[other.clone()].to_vec());
            file[other].copy_from_slice(&first);
            repair(file, records[to]);
            if both {
                file[one].copy_from_slice(&second);
                repair(file, records[from]);
            }
        });
        let reader = reader(&home, &copy);
        assert_unopenable(reader.read_job(records[to]), Unopenable::NotAuthentic);
        if both {
            assert_unopenable(reader.read_job(records[from]), Unopenable::NotAuthentic);
        }
        for (index, number) in [(0, 1), (1, 2), (2, 3), (3, 3)] {
            if index != to && !(both && index == from) {
                assert_eq!(reader.read_job(records[index]).unwrap(), input(number, 40));
            }
        }
    }
}

// attack 25
#[test]
fn every_changed_bit_of_caller_data_holds_the_job() {
    let (home, disk, records) = fixture();
    let at = data(&disk.contents(FILE).unwrap(), records[1]);
    for bit in at.start * 8..at.end * 8 {
        let copy = disk.after_power_cut(Loss::Everything);
        copy.tamper(FILE, |file| {
            file[bit / 8] ^= 1 << (bit % 8);
            repair(file, records[1]);
        });
        let reader = reader(&home, &copy);
        let names_another_key = bit / 8 < at.start + 4;
        let why = if names_another_key { Unopenable::NoKey } else { Unopenable::NotAuthentic };
        assert_unopenable(reader.read_job(records[1]), why);
        assert_eq!(home.on(copy.clone()).verify().unwrap().unopenable, 1, "a check counts it");
        assert!(reader.read_job(records[0]).is_ok());
    }
}

// attack 25
#[test]
fn an_event_that_was_swapped_or_changed_is_refused_at_the_start() {
    let (home, disk, records) = fixture();
    let whole_frame = |file: &mut Vec<u8>| {
        file.copy_within(frame(records[0]), frame(records[1]).start);
        repair(file, records[1]);
    };
    let one_bit = |file: &mut Vec<u8>| {
        file[frame(records[1]).start + 20] ^= 1;
        repair(file, records[1]);
    };
    for change in [&whole_frame as &dyn Fn(&mut Vec<u8>), &one_bit] {
        let copy = disk.after_power_cut(Loss::Everything);
        copy.tamper(FILE, change);
        let error = home.on(copy).open_collecting().map(|_| ()).unwrap_err();
        let OpenError::Damaged { damage, place } = &error else { panic!("{error}") };
        // The moved frame says it is somewhere else in its group, or does not open here.
        assert!(matches!(damage, Damage::Tampered | Damage::Contradiction), "{error}");
        assert_eq!((place.file.as_str(), place.lsn), (FILE, Some(records[1].lsn)));
    }
}

// attack 25
#[test]
fn a_bit_that_flips_under_a_running_server_is_never_served() {
    let (home, disk, records) = fixture();
    let journal = home.open(&mut |_, _| Ok(())).unwrap().journal;
    let reader = journal.reader();
    let good = disk.contents(FILE).unwrap();
    for bit in frame(records[1]).start * 8..frame(records[1]).end * 8 {
        disk.tamper(FILE, |file| {
            file.clone_from(&good);
            file[bit / 8] ^= 1 << (bit % 8);
        });
        let error = reader.read_job(records[1]).unwrap_err();
        let ReadError::Corrupt { place, .. } = &error else { panic!("bit {bit}: {error}") };
        assert_eq!((place.file.as_str(), place.lsn), (FILE, Some(records[1].lsn)));
        assert!(!error.holds_the_job());
        assert!(reader.read_job(records[0]).is_ok());
    }
}

// covers REST-2 (without its data key a record is unreadable)
#[test]
fn a_destroyed_data_key_ends_its_records_and_nothing_else() {
    let (home, disk, records) = fixture();
    let reader = reader(&home, &disk);
    home.keys.destroy(QUEUE.0 + 1);
    assert_unopenable(reader.read_job(records[0]), Unopenable::NoKey);
    assert_eq!(home.verify().unwrap().unopenable, 4);
    let (_, visited) = home.on(disk.after_power_cut(Loss::Everything)).open_collecting().unwrap();
    assert_eq!(visited.len(), 4);
}

#[test]
fn another_journal_key_is_told_from_damage() {
    let (home, disk, _) = fixture();
    let mut other = home.on(disk);
    other.keys = std::sync::Arc::new(KnownKeys::danger_from_seed(2));
    let error = other.open_collecting().map(|_| ()).unwrap_err();
    assert!(matches!(&error, OpenError::WrongKey { file } if file == FILE), "{error}");
}

// covers REST-1 (nothing a caller supplied is on disk in the clear)
#[test]
fn no_planted_word_is_in_any_file() {
    const WORD: &str = "canary-4711-canary";
    let (home, disk) = LogHome::lossy(SEGMENT_BYTES);
    let mut journal = home.open(&mut |_, _| Ok(())).unwrap().journal;
    journal.append(&enqueued(1), Some(job_data(&full_input(WORD)))).unwrap();
    journal.append(&completed(1), Some(outcome_data(WORD.as_bytes()))).unwrap();
    journal.append(&session_accepted(), Some(session_data(WORD.as_bytes()))).unwrap();
    journal.append(&session_state_set(), Some(session_data(WORD.as_bytes()))).unwrap();
    let created = Event::QueueCreated {
        number: QUEUE,
        queue: QueueName::parse(WORD).unwrap(),
        settings: Box::default(),
        at: Time::default(),
    };
    journal.append(&shard(created), None).unwrap();
    // By groups: all of them are more than one segment of this size holds.
    for facts in every_fact().chunks(20) {
        journal.commit().unwrap();
        for fact in facts {
            journal.append(fact, None).unwrap();
        }
    }
    journal.commit().unwrap();
    journal.close().unwrap();
    let hash = every_fact().into_iter().find_map(|fact| match fact {
        Fact::Control(ControlEvent::AccessKeyCreated(key)) => Some(key.hash),
        _ => None,
    });
    let words: [&[u8]; 6] =
        [WORD.as_bytes(), b"canary", b"acme", b"billing-service", b"abcdefghijklmnop", &hash.unwrap()];
    for word in words {
        assert!(!disk.holds_anywhere(word), "{}", String::from_utf8_lossy(word));
    }
    assert!(disk.holds_anywhere(b"SEALJRNL"), "the search finds what is there");
}
