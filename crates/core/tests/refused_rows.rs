//! Rows that no shard has, one at a time: each is refused for what is wrong with it.

#![allow(clippy::unwrap_used, reason = "in a test a panic is the report")]

mod support;

use sealane_core::job::Priority;
use sealane_core::queue::state::{Ended, Phase, Rebuild, Row, RowError};
use sealane_core::queue::{QueueNumber, QueueSettings, SealingPolicy};
use support::Bench;

/// A queue with two jobs that wait and one that is done.
fn rows() -> Vec<Row> {
    let settings = QueueSettings { sealing: SealingPolicy::Allowed, ..QueueSettings::default() };
    let mut bench = Bench::new(settings);
    (0..3).for_each(|number| bench.send(number, Priority::Normal, 0, None));
    let receipt = bench.take(1).pop().unwrap();
    bench.complete(receipt);
    bench.shard.rows().collect()
}

fn refused(change: impl FnOnce(&mut Vec<Row>)) -> Option<RowError> {
    let mut rows = rows();
    change(&mut rows);
    let mut rebuild = Rebuild::default();
    let taken = rows.into_iter().try_for_each(|row| rebuild.take(row));
    taken.and_then(|()| rebuild.finish().map(|_| ())).err()
}

fn each_job(rows: &mut [Row], mut change: impl FnMut(&mut sealane_core::queue::state::JobRow)) {
    for row in rows {
        if let Row::Job(job) = row {
            change(job);
        }
    }
}

#[test]
fn rows_that_are_those_of_no_shard_are_refused_for_what_they_are() {
    assert_eq!(refused(|_| {}), None);
    assert_eq!(refused(|rows| rows.clear()), Some(RowError::Order));
    assert_eq!(refused(|rows| drop(rows.remove(0))), Some(RowError::Order));
    assert_eq!(refused(|rows| rows.push(rows[0].clone())), Some(RowError::Order));
    let no_queue = refused(|rows| rows.retain(|row| !matches!(row, Row::Queue(_))));
    assert_eq!(no_queue, Some(RowError::Unknown { what: "queue" }));
    let no_key = refused(|rows| rows.retain(|row| !matches!(row, Row::FairKey(_))));
    assert_eq!(no_key, Some(RowError::Unknown { what: "fair key" }));
    let beyond = refused(|rows| each_job(rows, |job| job.queue = QueueNumber(1)));
    assert_eq!(beyond, Some(RowError::Unknown { what: "queue" }));
    let twice = refused(|rows| each_job(rows, |job| job.sequence = 1));
    assert_eq!(twice, Some(RowError::Twice { what: "place of a job" }));
    let again = refused(|rows| {
        let job = rows.iter().find(|row| matches!(row, Row::Job(_))).cloned();
        rows.extend(job);
    });
    assert_eq!(again, Some(RowError::Twice { what: "job" }));
    type Change = fn(&mut Vec<Row>);
    let contradictions: [(Change, &str); 5] = [
        (|rows| each_job(rows, |job| job.sequence = 99), "still to come"),
        (|rows| each_job(rows, |job| job.phase = Phase::Ended(Ended::Expired)), "has ended and is live"),
        (|rows| each_job(rows, |job| job.phase = Phase::Blocked), "blocked by nothing"),
        (|rows| each_job(rows, |job| job.phase = Phase::Delayed), "empty line"),
        (
            |rows| {
                for row in rows {
                    if let Row::Queue(queue) = row {
                        queue.completed = 0;
                    }
                }
            },
            "more jobs are remembered than have ended",
        ),
    ];
    for (change, why) in contradictions {
        let error = refused(change).unwrap_or_else(|| panic!("{why} is taken"));
        assert!(matches!(&error, RowError::Contradiction { why: said } if said.contains(why)), "{error}");
    }
}
