//! The power goes at every single sync and write of a workload. What was taken is there, once; what was not is
//! taken again; merging and dropping change nothing that is told.

use std::collections::BTreeSet;

use sealane_storage::history::{History, HistoryError, Work};
use sealane_storage::testing::lossy_disk::{Call, Fault, Loss};

use crate::support::{BYTES, Home, all, job, jobs, list, rows, time};

const ROWS_PER_PART: u64 = 8;
const PARTS: u64 = 7;
/// The rows of so many parts, which is more than half of all, are over early.
const OVER_PARTS: u64 = 4;
/// And then.
const OVER: u64 = 1_000;

/// Parts are taken and merged as they come; the first ones go by their age in the end. Gives how many parts were
/// taken for certain, and whether all was done.
fn workload(home: &Home) -> (u64, bool) {
    let mut taken = 0;
    let done = (|| {
        let mut history = home.try_open().ok()?.history;
        for part in history.reached() / 8 / ROWS_PER_PART..PARTS {
            let (stretch, mut rows) = rows(part * ROWS_PER_PART..(part + 1) * ROWS_PER_PART);
            if part < OVER_PARTS {
                rows.iter_mut().for_each(|row| row.kept_until = time(OVER));
            }
            history.append(stretch, rows).ok()?;
            taken = part + 1;
            drain(&mut history, 100)?;
            if part == 4 {
                history = home.try_open().ok()?.history;
            }
        }
        drain(&mut history, OVER + 2 * 86_400_000)
    })();
    (taken, done.is_some())
}

fn drain(history: &mut History, now: u64) -> Option<()> {
    while history.work(time(now), BYTES).ok()? == Work::More {}
    Some(())
}

/// Opens what is left, takes what is missing, and compares everything.
fn check(home: &Home, taken: u64, context: &str) {
    let opened = home.try_open().unwrap_or_else(|error| panic!("{context}: {error}"));
    assert!(opened.set_aside.is_empty() && opened.history.missing().is_empty(), "{context}");
    let history = opened.history;
    let parts = history.reached() / 8 / ROWS_PER_PART;
    assert!(
        parts >= taken && history.reached().is_multiple_of(8 * ROWS_PER_PART),
        "{context}: {parts} of {taken}"
    );
    let found = jobs(&list(&history.view(), &all(), 100, 33));
    let distinct: BTreeSet<_> = found.iter().collect();
    assert_eq!(distinct.len(), found.len(), "{context}: something is there twice");
    // The first parts may have been dropped, which comes after everything else only.
    let whole = (0..parts * ROWS_PER_PART).rev().map(job).collect::<Vec<_>>();
    let kept = (OVER_PARTS * ROWS_PER_PART..parts * ROWS_PER_PART).rev().map(job).collect::<Vec<_>>();
    assert!(found == whole || parts == PARTS && found == kept, "{context}: {} rows", found.len());
    let runs = home.run_files().len();
    drop(history);
    // An opening removes what is not named, and finds the same from then on.
    assert_eq!(home.open().rows() > 0, runs > 0, "{context}");
    let (_, done) = workload(home);
    assert!(done, "{context}: could not go on");
    let history = home.open();
    assert_eq!(history.reached(), PARTS * ROWS_PER_PART * 8, "{context}");
    let kept = (OVER_PARTS * ROWS_PER_PART..PARTS * ROWS_PER_PART).rev().map(job).collect::<Vec<_>>();
    assert!(jobs(&list(&history.view(), &all(), 100, 33)) == kept, "{context}");
    assert_eq!(history.rows(), (PARTS - OVER_PARTS) * ROWS_PER_PART, "{context}");
}

/// Does it at the `nth` call; `false` when the workload has fewer.
fn at(call: Call, nth: u64, faults: &[Fault]) -> bool {
    for fault in faults {
        for loss in [Loss::Everything, Loss::Nothing, Loss::Seeded(nth), Loss::Seeded(nth + 1_000)] {
            let context = format!("{call:?} {nth}, {fault:?}, {loss:?}");
            let home = Home::new();
            home.disk.fail(call, nth, *fault);
            let (taken, done) = workload(&home);
            if done {
                return false;
            }
            check(&home.after_power_cut(loss), taken, &context);
        }
    }
    true
}

// covers REL-1 (power cut in the middle of a merge)
// attack 73
#[test]
fn a_power_cut_at_every_sync_loses_and_doubles_nothing() {
    let faults = [Fault::PowerOffBefore, Fault::PowerOffAfter];
    let syncs = (1..).take_while(|nth| at(Call::Sync, *nth, &faults)).count();
    assert!(syncs > 40, "the workload has {syncs} syncs");
}

// attack 73
#[test]
fn a_power_cut_at_every_write_loses_and_doubles_nothing() {
    let faults = [Fault::PowerOffBefore, Fault::PowerOffAfter];
    let writes = (1..).take_while(|nth| at(Call::Write, *nth, &faults)).count();
    assert!(writes > 20, "the workload has {writes} writes");
}

/// A sync or write fails and the process goes on: the history is opened again, in the same process or after a
/// power cut later.
// attack 74
#[test]
fn a_failed_sync_or_write_loses_and_doubles_nothing() {
    for call in [Call::Sync, Call::Write] {
        for kind in [std::io::ErrorKind::Other, std::io::ErrorKind::StorageFull] {
            let failed = (1..).take_while(|nth| at(call, *nth, &[Fault::Error(kind)])).count();
            assert!(failed > 20, "the workload has {failed} {call:?}s");
        }
    }
}

/// The disk is full, then it is not: what could not be taken is taken, without another opening.
#[test]
fn a_full_disk_refuses_and_later_takes() {
    let home = Home::new();
    let mut history = home.open();
    let (stretch, first) = rows(0..100);
    history.append(stretch, first).unwrap();
    let (stretch, second) = rows(100..200);
    let used: usize = home.disk.names().iter().map(|name| home.disk.contents(name).unwrap().len()).sum();
    for room in [0, 5_000, 30_000] {
        home.disk.set_capacity(Some(used + room));
        assert!(history.append(stretch, second.clone()).is_err(), "{room}");
        assert_eq!(jobs(&list(&history.view(), &all(), 200, 50)).len(), 100);
    }
    home.disk.set_capacity(None);
    history.append(stretch, second).unwrap();
    assert_eq!(jobs(&list(&history.view(), &all(), 200, 50)), (0..200).rev().map(job).collect::<Vec<_>>());
    history.work(time(200), BYTES).unwrap();
    assert_eq!(home.run_files().len(), 2, "what came to nothing was removed");
}

/// After the rename of a catalogue it may be unknown which one is durable: nothing is taken until that is known.
#[test]
fn after_a_catalogue_that_may_be_half_durable_nothing_is_taken() {
    let home = Home::new();
    let mut history = home.open();
    let (stretch, first) = rows(0..10);
    // The run, the catalogue's file and both names are synced; the fourth sync is that of the new name.
    home.disk.fail(Call::Sync, 4, Fault::Error(std::io::ErrorKind::Other));
    assert!(matches!(history.append(stretch, first.clone()), Err(HistoryError::Disk { .. })));
    let refused = history.append(stretch, first);
    assert!(matches!(refused, Err(HistoryError::Poisoned)), "{refused:?}");
    assert!(matches!(history.work(time(1), BYTES), Err(HistoryError::Poisoned)));
    check(&home.after_power_cut(Loss::Everything), 0, "half durable");
}
