//! What every journal must pass. An engine's test is one call of [`run`]; it panics with the name of
//! the promise that is broken.

use sealane_core::record::RecordRef;

use super::home::Home;
use super::samples::{
    completed, enqueued, every_fact, full_input, input, job_data, job_id, outcome_data, reported,
    session_accepted, session_data, session_state_set, shard,
};
use super::state_samples::{every_row, plain_job};
use crate::error::{JournalError, OpenError, ReadError, SnapshotError};
use crate::fact::Fact;
use crate::journal::{Journal, LastStop, Opened, SnapshotDone};
use crate::state::StateRow;
use sealane_core::job::Category;
use sealane_core::queue::state::{Phase, Row};
use sealane_core::queue::{Event, Next};
use sealane_core::time::Time;

/// A promise and the check that tries to break it.
type Check<H> = (&'static str, fn(&H));

/// Runs every check, each on an empty home of its own.
pub fn run<H: Home>(make: impl Fn() -> H) {
    let checks: [Check<H>; 12] = [
        ("committed facts come back in their order, with the same references", facts_come_back),
        ("caller data comes back, from any thread", caller_data_comes_back),
        ("what was not committed is gone, and was never readable", uncommitted_is_gone),
        ("a rollback takes back what was staged after its mark, and nothing else", rollback),
        ("a reference to something else reads nothing", wrong_references),
        ("caller data goes with the events that carry it", misplaced_data),
        ("a commit of nothing changes nothing", empty_commit),
        ("how a journal was left is known", last_stop),
        ("a state comes back with the facts behind it", state_comes_back),
        ("who takes no states is told all facts", facts_from_the_beginning),
        ("a snapshot that was not finished never was", unfinished_snapshot),
        ("a visitor can stop the opening, and nothing is lost by it", visitor_stops),
    ];
    for (promise, check) in checks {
        let home = make();
        let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| check(&home)));
        assert!(outcome.is_ok(), "broken promise: {promise}");
    }
}

fn open(home: &impl Home) -> Box<dyn Journal> {
    let Opened { journal, .. } = home.open(&mut |_, _| Ok(())).expect("opens");
    journal
}

fn append(journal: &mut dyn Journal, facts: &[Fact]) -> Vec<RecordRef> {
    facts.iter().map(|fact| journal.append(fact, None).expect("is staged")).collect()
}

fn facts_come_back(home: &impl Home) {
    let facts = every_fact();
    let mut expected = Vec::new();
    for round in 0..3 {
        let (Opened { mut journal, recovery }, visited) = home.open_collecting().expect("opens");
        assert_eq!(visited, expected, "round {round}");
        assert_eq!(recovery.records, u64::try_from(expected.len()).expect("fits"), "round {round}");
        for group in facts.chunks(5) {
            let references = append(journal.as_mut(), group);
            journal.commit().expect("is durable");
            expected.extend(references.into_iter().zip(group.iter().cloned()));
        }
        if round == 1 {
            journal.close().expect("closes");
        }
    }
    for pair in expected.windows(2) {
        assert!(pair[0].0.lsn + u64::from(pair[0].0.bytes) <= pair[1].0.lsn, "records overlap");
    }
}

fn caller_data_comes_back(home: &impl Home) {
    let mut journal = open(home);
    let (full, empty, large) = (full_input("word"), input(2, 0), input(3, 2_000));
    let jobs: Vec<_> = [(1, &full), (2, &empty), (3, &large)]
        .map(|(number, input)| {
            (journal.append(&enqueued(number), Some(job_data(input))).expect("is staged"), input)
        })
        .into();
    let failed = shard(Event::JobFailed {
        job: job_id(2),
        category: Category::Permanent,
        code: None,
        fingerprint: None,
        next: Next::Dead,
        at: Time::from_unix_ms(2),
    });
    let outcomes = [
        (
            journal.append(&completed(1), Some(outcome_data(b"result"))).expect("is staged"),
            Some(b"result".to_vec()),
        ),
        (journal.append(&failed, Some(outcome_data(b""))).expect("is staged"), Some(Vec::new())),
        (journal.append(&completed(3), None).expect("is staged"), None),
        (
            journal.append(&reported(3), Some(outcome_data(b"saidlogged"))).expect("is staged"),
            Some(b"saidlogged".to_vec()),
        ),
    ];
    let name = journal.append(&session_accepted(), Some(session_data(b"name"))).expect("is staged");
    let state = journal.append(&session_state_set(), Some(session_data(b"state"))).expect("is staged");
    let sessions = [
        (name, Some(b"name".to_vec())),
        (state, Some(b"state".to_vec())),
        (journal.append(&session_accepted(), None).expect("is staged"), None),
    ];
    let misplaced = journal.append(&completed(1), Some(session_data(b"name")));
    assert!(matches!(misplaced, Err(JournalError::Misplaced)), "{misplaced:?}");
    journal.commit().expect("is durable");
    for reopened in [false, true] {
        if reopened {
            drop(journal);
            journal = open(home);
        }
        let reader = journal.reader();
        std::thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    for (record, input) in &jobs {
                        assert_eq!(&reader.read_job(*record).expect("reads"), *input);
                    }
                    for (record, outcome) in &outcomes {
                        assert_eq!(&reader.read_outcome(*record).expect("reads"), outcome);
                        assert!(reader.read_session(*record).is_err(), "an outcome is no session's");
                    }
                    for (record, data) in &sessions {
                        assert_eq!(&reader.read_session(*record).expect("reads"), data);
                        assert!(reader.read_outcome(*record).is_err(), "a session's is no outcome");
                    }
                });
            }
        });
    }
}

fn uncommitted_is_gone(home: &impl Home) {
    let mut journal = open(home);
    let data = input(1, 10);
    let kept = journal.append(&enqueued(1), Some(job_data(&data))).expect("is staged");
    journal.commit().expect("is durable");
    let lost = journal.append(&enqueued(2), Some(job_data(&data))).expect("is staged");
    assert!(journal.staged_bytes() > 0);
    assert!(journal.reader().read_job(kept).is_ok());
    assert!(matches!(journal.reader().read_job(lost), Err(ReadError::NoSuchRecord { .. })));
    drop(journal);
    let (_, visited) = home.open_collecting().expect("opens");
    assert_eq!(visited, [(kept, enqueued(1))]);
}

fn rollback(home: &impl Home) {
    let mut journal = open(home);
    let before_commit = journal.mark();
    let first = journal.append(&enqueued(1), None).expect("is staged");
    let mark = journal.mark();
    let second = journal.append(&enqueued(2), Some(job_data(&input(2, 500)))).expect("is staged");
    let staged = journal.staged_bytes();
    journal.append(&enqueued(3), None).expect("is staged");
    journal.rollback(mark);
    assert!(journal.staged_bytes() < staged);
    let instead = journal.append(&completed(1), None).expect("is staged");
    assert_eq!(second.lsn, instead.lsn, "the position is free again");
    journal.commit().expect("is durable");
    journal.append(&enqueued(4), None).expect("is staged");
    journal.rollback(before_commit);
    assert_eq!(journal.staged_bytes(), 0);
    journal.commit().expect("is durable");
    drop(journal);
    let (_, visited) = home.open_collecting().expect("opens");
    assert_eq!(visited, [(first, enqueued(1)), (instead, completed(1))]);
}

fn rows(number: u64) -> Vec<StateRow> {
    let job = Row::Job(Box::new(plain_job(number, Phase::Ready)));
    every_row().into_iter().chain([StateRow::Row(job)]).collect()
}

fn write_snapshot(journal: &mut dyn Journal, rows: &[StateRow]) -> SnapshotDone {
    let mut snapshot = journal.snapshot().expect("begins");
    rows.iter().for_each(|row| snapshot.put(row).expect("is taken"));
    let done = snapshot.finish().expect("is durable");
    journal.trim(&done);
    done
}

fn state_comes_back(home: &impl Home) {
    let mut behind = Vec::new();
    for round in 0..4 {
        let (Opened { mut journal, recovery }, found) = home.restore_collecting().expect("opens");
        if round > 0 {
            assert_eq!(found.rows, rows(round - 1), "round {round}");
            assert!(found.whole, "round {round}");
            assert_eq!(recovery.snapshot.map(|loaded| loaded.rows), u64::try_from(found.rows.len()).ok());
        }
        assert_eq!(found.facts, behind, "round {round}");
        assert_eq!(recovery.records, u64::try_from(behind.len()).expect("fits"), "round {round}");
        assert_eq!(recovery.damaged_snapshots, Vec::new());
        append(journal.as_mut(), &[enqueued(round)]);
        journal.commit().expect("is durable");
        let done = write_snapshot(journal.as_mut(), &rows(round));
        behind = append(journal.as_mut(), &[completed(round)])
            .into_iter()
            .map(|record| (record, completed(round)))
            .collect();
        assert_eq!(done.lsn, behind[0].0.lsn.min(done.lsn), "it stands before what comes behind it");
        journal.commit().expect("is durable");
        if round == 2 {
            behind.clear();
            write_snapshot(journal.as_mut(), &rows(round));
            journal.close().expect("closes");
        }
    }
}

fn facts_from_the_beginning(home: &impl Home) {
    let mut journal = open(home);
    let first = append(journal.as_mut(), &[enqueued(1)]);
    journal.commit().expect("is durable");
    write_snapshot(journal.as_mut(), &rows(1));
    let second = append(journal.as_mut(), &[completed(1)]);
    journal.commit().expect("is durable");
    drop(journal);
    let (opened, visited) = home.open_collecting().expect("opens");
    assert_eq!(visited, [(first[0], enqueued(1)), (second[0], completed(1))]);
    assert_eq!((opened.recovery.records, opened.recovery.snapshot), (2, None));
}

fn unfinished_snapshot(home: &impl Home) {
    let mut journal = open(home);
    append(journal.as_mut(), &[enqueued(1)]);
    assert!(matches!(journal.snapshot().err(), Some(SnapshotError::Staged)), "it would stand inside a group");
    journal.commit().expect("is durable");
    let mut given_up = journal.snapshot().expect("begins");
    rows(1).iter().for_each(|row| given_up.put(row).expect("is taken"));
    drop(given_up);
    let mut cut = journal.snapshot().expect("begins, the other one is gone");
    cut.put(&rows(1)[0]).expect("is taken");
    drop(journal);
    let (Opened { recovery, .. }, found) = home.restore_collecting().expect("opens");
    assert_eq!((found.rows.len(), found.facts.len(), recovery.snapshot), (0, 1, None));
    drop(cut);
}

fn wrong_references(home: &impl Home) {
    let mut journal = open(home);
    let job = journal.append(&enqueued(1), Some(job_data(&input(1, 10)))).expect("is staged");
    let done = journal.append(&completed(1), Some(outcome_data(b"r"))).expect("is staged");
    let due = journal
        .append(&shard(Event::JobDue { job: job_id(1), at: Time::default() }), None)
        .expect("is staged");
    journal.commit().expect("is durable");
    let reader = journal.reader();
    let none = |result: Option<ReadError>| matches!(result, Some(ReadError::NoSuchRecord { .. }));
    assert!(none(reader.read_job(done).err()));
    assert!(none(reader.read_outcome(job).err()));
    assert!(none(reader.read_outcome(due).err()));
    let beyond = RecordRef { lsn: u64::MAX - 8, bytes: 64 };
    assert!(none(reader.read_job(beyond).err()));
    assert!(none(reader.read_job(RecordRef { lsn: job.lsn, bytes: u32::MAX }).err()));
}

fn misplaced_data(home: &impl Home) {
    let mut journal = open(home);
    let data = input(1, 10);
    let misplaced = [
        journal.append(&completed(1), Some(job_data(&data))),
        journal.append(&enqueued(1), Some(outcome_data(b"r"))),
        journal.append(&shard(Event::ServerStarted { at: Time::default() }), Some(outcome_data(b"r"))),
    ];
    for result in misplaced {
        assert!(matches!(result, Err(JournalError::Misplaced)));
    }
    assert_eq!(journal.staged_bytes(), 0);
}

fn empty_commit(home: &impl Home) {
    let mut journal = open(home);
    journal.commit().expect("does nothing");
    assert_eq!(journal.staged_bytes(), 0);
    let before = journal.mark();
    journal.commit().expect("does nothing");
    assert_eq!(journal.mark(), before);
    drop(journal);
    let (opened, visited) = home.open_collecting().expect("opens");
    assert_eq!((opened.recovery.records, visited), (0, Vec::new()));
}

fn last_stop(home: &impl Home) {
    for (round, expected) in
        [LastStop::Never, LastStop::Crash, LastStop::Clean, LastStop::Clean, LastStop::Crash]
            .into_iter()
            .enumerate()
    {
        let Opened { mut journal, recovery } = home.open(&mut |_, _| Ok(())).expect("opens");
        assert_eq!(recovery.last_stop, expected, "round {round}");
        assert_eq!(recovery.cut, None, "round {round}");
        if round != 2 {
            append(journal.as_mut(), &[enqueued(1)]);
            journal.commit().expect("is durable");
        }
        match round {
            1 | 2 => {
                // Staged and not committed: dropped by the close.
                append(journal.as_mut(), &[enqueued(2)]);
                journal.close().expect("closes");
            }
            _ => drop(journal),
        }
    }
    let (_, visited) = home.open_collecting().expect("opens");
    assert_eq!(visited.len(), 4);
    assert!(visited.iter().all(|(_, fact)| *fact == enqueued(1)));
}

fn visitor_stops(home: &impl Home) {
    let mut journal = open(home);
    append(journal.as_mut(), &[enqueued(1), enqueued(2)]);
    journal.commit().expect("is durable");
    journal.close().expect("closes");
    for _ in 0..2 {
        let mut seen = 0;
        let stopped = home.open(&mut |_, _| {
            seen += 1;
            if seen == 2 { Err("enough".into()) } else { Ok(()) }
        });
        assert!(matches!(stopped, Err(OpenError::Visit { .. })));
    }
    let (opened, visited) = home.open_collecting().expect("opens");
    assert_eq!((visited.len(), opened.recovery.last_stop), (2, LastStop::Clean));
}
