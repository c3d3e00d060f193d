//! The power goes at every single sync and write of a workload, and what was not synced is kept or
//! lost in many combinations. Whatever was acknowledged must be there, whole, and nothing half.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::sync::Arc;

use sealane_core::job::JobInput;
use sealane_core::record::RecordRef;
use sealane_storage::testing::home::{Home, LogHome};
use sealane_storage::testing::lossy_disk::{Call, Fault, Loss};
use sealane_storage::testing::samples::{completed, enqueued, input, job_data, outcome_data};
use sealane_storage::{Fact, Journal, JournalError};

const SEGMENT_BYTES: u64 = 4 << 10;

struct Written {
    record: RecordRef,
    fact: Fact,
    input: Option<Arc<JobInput>>,
}

#[derive(Default)]
struct Outcome {
    /// Groups in the order they were staged; the last may not have been committed.
    groups: Vec<Vec<Written>>,
    /// How many of them were acknowledged.
    acknowledged: usize,
    /// Whether the workload reached its end.
    finished: bool,
}

/// Three runs of the journal, one of them closed; groups of one to three records; each run fills more
/// than one segment.
fn workload(home: &LogHome) -> Outcome {
    let mut outcome = Outcome::default();
    outcome.finished = run(home, &mut outcome).is_some();
    outcome
}

fn run(home: &LogHome, outcome: &mut Outcome) -> Option<()> {
    for run in 0..3_u64 {
        let mut journal = home.open(&mut |_, _| Ok(())).ok()?.journal;
        for group in 0..7_u64 {
            outcome.groups.push(Vec::new());
            for job in 0..=group % 3 {
                let number = run * 100 + group * 10 + job;
                stage(journal.as_mut(), number, outcome).ok()?;
            }
            journal.commit().ok()?;
            outcome.acknowledged = outcome.groups.len();
        }
        if run == 1 {
            journal.close().ok()?;
        }
    }
    Some(())
}

fn stage(journal: &mut dyn Journal, number: u64, outcome: &mut Outcome) -> Result<(), JournalError> {
    let data = input(number, 300);
    let group = outcome.groups.last_mut().expect("a group was begun");
    let (fact, input) = match number % 3 {
        0 => (completed(number), None),
        _ => (enqueued(number), Some(data)),
    };
    let record = match &input {
        Some(input) => journal.append(&fact, Some(job_data(input)))?,
        None => journal.append(&fact, Some(outcome_data(b"result")))?,
    };
    group.push(Written { record, fact, input });
    Ok(())
}

/// Opens what is left and compares; gives back how many groups there are.
fn check(home: &LogHome, outcome: &Outcome, context: &str) -> usize {
    let (opened, visited) = home.open_collecting().unwrap_or_else(|error| panic!("{context}: {error}"));
    let mut rest = visited.as_slice();
    let mut groups = 0;
    for group in &outcome.groups {
        if rest.is_empty() {
            break;
        }
        assert!(rest.len() >= group.len(), "{context}: half of group {groups}");
        for (written, (record, fact)) in group.iter().zip(rest) {
            assert_eq!((&written.record, &written.fact), (record, fact), "{context}: group {groups}");
            if let Some(input) = &written.input {
                let read = opened.journal.reader().read_job(*record);
                assert_eq!(&read.unwrap_or_else(|error| panic!("{context}: {error}")), input, "{context}");
            }
        }
        rest = &rest[group.len()..];
        groups += 1;
    }
    assert!(rest.is_empty(), "{context}: records that nobody wrote");
    assert!(groups >= outcome.acknowledged, "{context}: an acknowledged group is missing");
    groups
}

fn losses() -> impl Iterator<Item = Loss> {
    [Loss::Everything, Loss::Nothing].into_iter().chain((0..6).map(Loss::Seeded))
}

/// Cuts the power at the `nth` call; `false` when the workload has fewer.
fn cut_at(call: Call, nth: u64) -> bool {
    for fault in [Fault::PowerOffBefore, Fault::PowerOffAfter] {
        for loss in losses() {
            let context = format!("{call:?} {nth}, {fault:?}, {loss:?}");
            let (home, disk) = LogHome::lossy(SEGMENT_BYTES);
            disk.fail(call, nth, fault);
            let outcome = workload(&home);
            if outcome.finished {
                return false;
            }
            let (home, disk) = home.after_power_cut(&disk, loss);
            let groups = check(&home, &outcome, &context);
            // What was recovered once is durable from then on.
            let (home, _) = home.after_power_cut(&disk, Loss::Everything);
            assert_eq!(
                check(&home, &outcome, &context),
                groups,
                "{context}: another recovery, another journal"
            );
        }
    }
    true
}

// covers REL-1 (power cut, torn write)
// covers REL-3 (recovery is idempotent)
// attack 73
#[test]
fn a_power_cut_at_every_sync_loses_nothing_acknowledged() {
    let syncs = (1..).take_while(|nth| cut_at(Call::Sync, *nth)).count();
    assert!(syncs > 45, "the workload has {syncs} syncs");
}

// attack 73
#[test]
fn a_power_cut_at_every_write_loses_nothing_acknowledged() {
    let writes = (1..).take_while(|nth| cut_at(Call::Write, *nth)).count();
    assert!(writes > 30, "the workload has {writes} writes");
}

// covers REL-3 (recovery is idempotent)
#[test]
fn a_power_cut_at_every_sync_of_a_recovery_loses_nothing_acknowledged() {
    for workload_sync in [9, 14, 25] {
        for nth in 1.. {
            let mut reached = false;
            for loss in losses() {
                let context = format!("sync {workload_sync}, then recovery sync {nth}, {loss:?}");
                let (home, disk) = LogHome::lossy(SEGMENT_BYTES);
                disk.fail(Call::Sync, workload_sync, Fault::PowerOffBefore);
                let outcome = workload(&home);
                assert!(!outcome.finished);
                let (home, disk) = home.after_power_cut(&disk, loss.clone());
                disk.fail(Call::Sync, nth, Fault::PowerOffBefore);
                reached |= home.open(&mut |_, _| Ok(())).is_err();
                let (home, _) = home.after_power_cut(&disk, loss);
                check(&home, &outcome, &context);
            }
            if !reached {
                break;
            }
        }
    }
}

/// A sync fails, and the system forgets that the pages were never written: they can still be read, and
/// a second sync says all is well. The process ends and starts again; the power goes later.
// attack 74
#[test]
fn a_failed_sync_costs_nothing_that_was_acknowledged_before_or_after() {
    for nth in 1..=60 {
        let (home, disk) = LogHome::lossy(SEGMENT_BYTES);
        disk.fail(Call::Sync, nth, Fault::Error(std::io::ErrorKind::Other));
        let mut outcome = workload(&home);
        if outcome.finished {
            // Some syncs may fail without harm: those of a segment's unused end.
            continue;
        }
        let context = format!("sync {nth}");
        // The new process sees what the system's cache still shows.
        let seen = check(&home, &outcome, &context);
        outcome.groups.truncate(seen);
        outcome.acknowledged = seen;
        let mut journal = home.open(&mut |_, _| Ok(())).unwrap().journal;
        outcome.groups.push(Vec::new());
        stage(journal.as_mut(), 901, &mut outcome).unwrap();
        journal.commit().unwrap();
        outcome.acknowledged += 1;
        let (home, _) = home.after_power_cut(&disk, Loss::Everything);
        check(&home, &outcome, &context);
    }
}

/// Only the process ends, so recovery reads a group that no sync confirmed; then the power goes at
/// every point of that recovery. A header that declares the group durable must not survive it.
// attack 74
#[test]
fn a_group_that_only_the_cache_held_is_durable_before_a_header_says_so() {
    for workload_sync in 1..=60 {
        for nth in 1.. {
            let context = format!("sync {workload_sync}, then recovery sync {nth}");
            let (home, disk) = LogHome::lossy(SEGMENT_BYTES);
            disk.fail(Call::Sync, workload_sync, Fault::Error(std::io::ErrorKind::Other));
            let outcome = workload(&home);
            if outcome.finished {
                // Some syncs may fail without harm: those of a segment's unused end.
                break;
            }
            let before = disk.syncs();
            disk.fail(Call::Sync, nth, Fault::PowerOffBefore);
            // It may succeed all the same: the last syncs are those of the trim and of the next segment.
            let _ = home.open(&mut |_, _| Ok(()));
            let syncs = disk.syncs() - before;
            let (home, _) = home.after_power_cut(&disk, Loss::Everything);
            check(&home, &outcome, &context);
            if syncs < nth {
                break;
            }
        }
    }
}

/// The same promise, the other way round: without a power cut a crash of the process alone loses
/// nothing that was written.
#[test]
fn a_crash_of_the_process_keeps_what_was_written() {
    let (home, disk) = LogHome::lossy(SEGMENT_BYTES);
    let outcome = workload(&home);
    assert!(outcome.finished);
    assert!(
        disk.names().iter().filter(|name| name.ends_with(".segment")).count() > 3,
        "no run filled a segment"
    );
    assert_eq!(check(&home, &outcome, "first"), outcome.groups.len());
    let (home, _) = home.after_power_cut(&disk, Loss::Everything);
    assert_eq!(check(&home, &outcome, "second"), outcome.groups.len());
}

#[test]
fn a_commit_waits_for_its_sync() {
    let (home, disk) = LogHome::lossy(SEGMENT_BYTES);
    let mut journal = home.open(&mut |_, _| Ok(())).unwrap().journal;
    let record = journal.append(&enqueued(1), Some(job_data(&input(1, 10)))).unwrap();
    let reader = journal.reader();
    disk.hold_syncs();
    let before = disk.syncs();
    std::thread::scope(|scope| {
        let commit = scope.spawn(move || journal.commit());
        let held = disk.wait_for_held_syncs(1);
        let finished = commit.is_finished();
        let readable = reader.read_job(record).is_ok();
        // The power goes here: nobody was told anything, and nothing may be there.
        let left = disk.after_power_cut(Loss::Everything);
        disk.release_syncs();
        commit.join().unwrap().unwrap();
        assert!(held && !finished, "the commit did not wait");
        assert!(!readable, "readable before it is durable");
        let (_, visited) = home.on(left).open_collecting().unwrap();
        assert!(visited.is_empty());
        assert!(reader.read_job(record).is_ok());
    });
    assert_eq!(disk.syncs() - before, 1, "one group, one sync");
}
