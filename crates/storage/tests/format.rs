//! A journal written by the first release opens, reads back, and is still written byte for byte the
//! same. If this fails, a format changed: give it a new version and keep reading this one.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::sync::Arc;

use sealane_core::job::JobInput;
use sealane_core::record::RecordRef;
use sealane_storage::testing::home::{Home, LogHome};
use sealane_storage::testing::lossy_disk::LossyDisk;
use sealane_storage::testing::samples::{
    QUEUE, completed, enqueued, first_facts, full_input, input, job_data, namespace, outcome_data,
};
use sealane_storage::{DataKeys, Fact, LastStop};

const SEGMENT_BYTES: u64 = 8 << 10;
const FILES: [(&str, &[u8]); 2] = [
    ("0000000001.segment", include_bytes!("fixtures/journal-v1/0000000001.segment")),
    ("stopped", include_bytes!("fixtures/journal-v1/stopped")),
];

struct Written {
    facts: Vec<(RecordRef, Fact)>,
    job: (RecordRef, Arc<JobInput>),
    outcome: RecordRef,
}

fn write(home: &LogHome) -> Written {
    let mut journal = home.open(&mut |_, _| Ok(())).unwrap().journal;
    let mut facts = Vec::new();
    for fact in first_facts() {
        facts.push((journal.append(&fact, None).unwrap(), fact));
    }
    journal.commit().unwrap();
    let input = full_input("word");
    let job = journal.append(&enqueued(7), Some(job_data(&input))).unwrap();
    facts.push((job, enqueued(7)));
    let outcome = journal.append(&completed(7), Some(outcome_data(b"result"))).unwrap();
    facts.push((outcome, completed(7)));
    journal.commit().unwrap();
    journal.close().unwrap();
    Written { facts, job: (job, input), outcome }
}

#[test]
fn the_first_release_s_journal_opens() {
    let disk = LossyDisk::new();
    for (name, bytes) in FILES {
        disk.tamper(name, |file| *file = bytes.to_vec());
    }
    let home = LogHome::new(Arc::new(disk), SEGMENT_BYTES);
    home.keys.for_queue(&namespace(), QUEUE).unwrap();
    let (opened, visited) = home.open_collecting().unwrap();
    let written = write(&LogHome::lossy(SEGMENT_BYTES).0);
    assert_eq!(visited, written.facts);
    assert_eq!((opened.recovery.last_stop, opened.recovery.cut), (LastStop::Clean, None));
    let reader = opened.journal.reader();
    assert_eq!(reader.read_job(written.job.0).unwrap(), written.job.1);
    assert_ne!(reader.read_job(written.job.0).unwrap(), input(7, 10));
    assert_eq!(reader.read_outcome(written.outcome).unwrap().as_deref(), Some(b"result".as_slice()));
}

#[test]
fn today_s_journal_is_the_first_release_s() {
    let (home, disk) = LogHome::lossy(SEGMENT_BYTES);
    write(&home);
    for (name, bytes) in FILES {
        assert!(disk.contents(name).unwrap() == bytes, "{name} differs");
    }
}
