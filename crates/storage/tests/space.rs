//! Full disks and broken ones.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::io::ErrorKind;

use sealane_storage::testing::home::{Home, LogHome};
use sealane_storage::testing::lossy_disk::{Call, Fault, Loss};
use sealane_storage::testing::samples::{completed, enqueued, input, job_data, outcome_data};
use sealane_storage::{Journal, JournalError, OpenError, Room};

const SEGMENT_BYTES: u64 = 4 << 10;

fn open(home: &LogHome) -> Box<dyn Journal> {
    home.open(&mut |_, _| Ok(())).unwrap().journal
}

fn enqueue(journal: &mut dyn Journal, number: u64) -> Result<(), JournalError> {
    journal.append(&enqueued(number), Some(job_data(&input(number, 400)))).map(|_| ())
}

// covers REL-6 (full disk: new work refused, settle still possible)
// attack 75
#[test]
fn a_full_disk_is_known_before_it_hurts_and_forgotten_when_it_is_over() {
    let (home, disk) = LogHome::lossy(SEGMENT_BYTES);
    let mut journal = open(&home);
    assert_eq!(journal.room(), Room::Ok);
    let present: usize = disk.names().iter().map(|name| disk.contents(name).unwrap().len()).sum();
    disk.set_capacity(Some(present));

    // The present segment and the prepared one still take jobs; only then the next cannot be made.
    let mut acknowledged = 0;
    while journal.room() == Room::Ok {
        enqueue(journal.as_mut(), acknowledged).unwrap();
        journal.commit().unwrap();
        acknowledged += 1;
    }
    let Room::Low { bytes } = journal.room() else { panic!("low") };
    // The segment that is written now got its name when nothing else needed the directory synced.
    let (_, visited) = home.on(disk.after_power_cut(Loss::Everything)).open_collecting().unwrap();
    assert_eq!(u64::try_from(visited.len()).unwrap(), acknowledged);
    assert!(bytes > SEGMENT_BYTES / 2, "most of a segment is kept for settling: {bytes}");
    journal.append(&completed(0), Some(outcome_data(b"done"))).unwrap();
    journal.commit().unwrap();
    acknowledged += 1;

    // Whoever goes on all the same is refused, and loses nothing that was staged.
    let mut staged = 0;
    let refusal = loop {
        match enqueue(journal.as_mut(), 1_000 + staged) {
            Ok(()) => staged += 1,
            Err(error) => break error,
        }
    };
    assert!(matches!(refusal, JournalError::NoSpace), "{refusal}");
    assert!(!refusal.is_fatal() && staged > 0);
    journal.commit().unwrap();
    acknowledged += staged;
    assert!(matches!(enqueue(journal.as_mut(), 2_000), Err(JournalError::NoSpace)));
    journal.retry_room();
    assert!(matches!(journal.room(), Room::Low { .. }), "still full");

    disk.set_capacity(None);
    journal.retry_room();
    assert_eq!(journal.room(), Room::Ok);
    enqueue(journal.as_mut(), 3_000).unwrap();
    journal.commit().unwrap();
    acknowledged += 1;
    let (_, visited) = home.on(disk.after_power_cut(Loss::Everything)).open_collecting().unwrap();
    assert_eq!(u64::try_from(visited.len()).unwrap(), acknowledged);
}

#[test]
fn a_start_on_a_full_disk_goes_on_in_the_prepared_segment() {
    let (home, disk) = LogHome::lossy(SEGMENT_BYTES);
    let mut journal = open(&home);
    enqueue(journal.as_mut(), 1).unwrap();
    journal.commit().unwrap();
    drop(journal);
    let present: usize = disk.names().iter().map(|name| disk.contents(name).unwrap().len()).sum();
    disk.set_capacity(Some(present));
    let mut journal = open(&home);
    assert!(matches!(journal.room(), Room::Low { .. }));
    journal.append(&completed(1), None).unwrap();
    journal.commit().unwrap();
    drop(journal);
    disk.set_capacity(Some(0));
    assert!(matches!(home.open(&mut |_, _| Ok(())), Err(OpenError::NoSpace)));
    disk.set_capacity(None);
    let (_, visited) = home.open_collecting().unwrap();
    assert_eq!(visited.len(), 2);
}

// attack 74
// attack 75
#[test]
fn after_a_failed_write_or_sync_nothing_is_taken_any_more() {
    for call in [Call::Write, Call::Sync] {
        for kind in [ErrorKind::Other, ErrorKind::StorageFull] {
            let (home, disk) = LogHome::lossy(SEGMENT_BYTES);
            let mut journal = open(&home);
            enqueue(journal.as_mut(), 1).unwrap();
            journal.commit().unwrap();
            enqueue(journal.as_mut(), 2).unwrap();
            disk.fail(call, 1, Fault::Error(kind));
            let error = journal.commit().unwrap_err();
            assert!(
                matches!(&error, JournalError::Disk { file, .. } if file == "0000000001.segment"),
                "{error}"
            );
            assert!(error.is_fatal());
            let before = (disk.writes(), disk.syncs());
            assert!(matches!(journal.commit(), Err(JournalError::Poisoned)));
            assert!(matches!(enqueue(journal.as_mut(), 3), Err(JournalError::Poisoned)));
            assert!(matches!(journal.close(), Err(JournalError::Poisoned)));
            assert_eq!((disk.writes(), disk.syncs()), before, "no second try");
            let (_, visited) = home.on(disk.after_power_cut(Loss::Everything)).open_collecting().unwrap();
            assert_eq!(visited.iter().map(|(_, fact)| fact.clone()).collect::<Vec<_>>(), [enqueued(1)]);
        }
    }
}

/// A disk that breaks while the next segment is prepared is found out when that segment is needed.
#[test]
fn a_segment_that_could_not_be_prepared_ends_the_journal_and_loses_nothing() {
    let (home, disk) = LogHome::lossy(SEGMENT_BYTES);
    // The open's own writes: the first segment, then the prepared one.
    disk.fail(Call::Write, 3, Fault::Error(ErrorKind::Other));
    let mut journal = open(&home);
    let mut acknowledged = 0;
    let error = loop {
        if let Err(error) = enqueue(journal.as_mut(), acknowledged) {
            break error;
        }
        journal.commit().unwrap();
        acknowledged += 1;
    };
    assert!(error.is_fatal() && acknowledged > 0, "{error}");
    assert!(matches!(journal.commit(), Err(JournalError::Poisoned)));
    drop(journal);
    let (_, visited) = home.open_collecting().unwrap();
    assert_eq!(u64::try_from(visited.len()).unwrap(), acknowledged);
}
