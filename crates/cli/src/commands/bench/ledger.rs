//! What was sent and what came back, over all lanes of a bench: a figure counts only where both are the
//! same jobs and the server says so too. Knows nothing of time.

use std::sync::atomic::{AtomicU64, Ordering};

use sealane_api::v1::QueueCounts;

use super::lane::broken;
use crate::failure::Failure;

/// Bytes at the front of a body that say which job it is; all of it where it is shorter.
const NAME_BYTES: usize = 8;

/// Of one bench. Adds up instead of keeping a list, so that its size does not depend on how much is sent.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    /// Jobs made since the bench began; the next one's name.
    made: AtomicU64,
    /// Jobs made up to the end of the run before.
    settled: AtomicU64,
    /// Of this run: names added up, and jobs that came back.
    made_names: AtomicU64,
    read_names: AtomicU64,
    read: AtomicU64,
    unread: AtomicU64,
}

impl Ledger {
    /// The body of the next job, so long.
    pub(super) fn make(&self, size: usize) -> Vec<u8> {
        let name = self.made.fetch_add(1, Ordering::Relaxed).to_le_bytes();
        let named = size.min(NAME_BYTES);
        let mut body = vec![b'x'; size];
        body[..named].copy_from_slice(&name[..named]);
        self.made_names.fetch_add(mixed(front(&body)), Ordering::Relaxed);
        body
    }

    /// Remembers a body that came back.
    pub(super) fn read(&self, body: &[u8], size: usize) -> Result<(), Failure> {
        if body.len() != size {
            return Err(broken("a body came back with another length"));
        }
        let name = front(body);
        if name >= self.made.load(Ordering::Relaxed) {
            return Err(broken("a body came back that nobody sent"));
        }
        self.read_names.fetch_add(mixed(name), Ordering::Relaxed);
        self.read.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    /// Remembers jobs that were completed without a look at their bodies.
    pub(super) fn leave_unread(&self, jobs: usize) {
        self.unread.fetch_add(u64::try_from(jobs).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    /// Bodies read in this run so far.
    pub(super) fn read_so_far(&self) -> u64 {
        self.read.load(Ordering::Relaxed)
    }

    /// Ends a run: what came back is what was made, and the server has completed it all and has nothing left.
    pub(super) fn settle(&self, jobs: &QueueCounts) -> Result<(), Failure> {
        let all = self.made.load(Ordering::Relaxed);
        let made = all - self.settled.swap(all, Ordering::Relaxed);
        let [made_names, read_names, read, unread] =
            [&self.made_names, &self.read_names, &self.read, &self.unread]
                .map(|sum| sum.swap(0, Ordering::Relaxed));
        if read + unread != made {
            return Err(broken(&format!("{made} jobs were sent and {} came back", read + unread)));
        }
        if unread == 0 && read_names != made_names {
            return Err(broken("other jobs came back than were sent"));
        }
        if jobs.completed != all {
            let completed = jobs.completed;
            return Err(broken(&format!("{all} jobs were sent and the server counts {completed} completed")));
        }
        let left = [jobs.blocked, jobs.delayed, jobs.ready, jobs.running, jobs.retrying, jobs.held];
        let left: u64 = left.into_iter().chain([jobs.dead, jobs.cancelled, jobs.expired]).sum();
        if left == 0 {
            Ok(())
        } else {
            Err(broken(&format!("the server counts {left} jobs beside those that were completed")))
        }
    }
}

fn front(body: &[u8]) -> u64 {
    let mut name = [0; NAME_BYTES];
    let named = body.len().min(NAME_BYTES);
    name[..named].copy_from_slice(&body[..named]);
    u64::from_le_bytes(name)
}

/// Why mixed: names that follow each other would add up to the same where one is lost and its neighbours
/// come twice.
fn mixed(name: u64) -> u64 {
    let mut mixed = name.wrapping_add(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(completed: u64, ready: u64) -> QueueCounts {
        let names = ["blocked", "delayed", "running", "retrying", "held", "dead", "cancelled", "expired"];
        let mut counts: serde_json::Map<_, _> =
            names.into_iter().map(|name| (name.to_owned(), 0.into())).collect();
        counts.insert("ready".to_owned(), ready.into());
        counts.insert("completed".to_owned(), completed.into());
        serde_json::from_value(counts.into()).unwrap()
    }

    fn made(jobs: usize, size: usize) -> (Ledger, Vec<Vec<u8>>) {
        let ledger = Ledger::default();
        let bodies = std::iter::repeat_with(|| ledger.make(size)).take(jobs).collect();
        (ledger, bodies)
    }

    fn said(settled: Result<(), Failure>) -> String {
        format!("{:?}", settled.unwrap_err())
    }

    #[test]
    fn a_run_is_settled_where_all_came_back_whatever_their_size() {
        for size in [1, 7, 8, 100] {
            let (ledger, bodies) = made(600, size);
            for body in bodies.iter().rev() {
                assert_eq!(body.len(), size);
                ledger.read(body, size).unwrap();
            }
            ledger.settle(&counts(600, 0)).unwrap();
            ledger.make(size);
            ledger.leave_unread(1);
            ledger.settle(&counts(601, 0)).unwrap();
        }
    }

    #[test]
    fn what_is_lost_twice_strange_or_left_is_seen() {
        let (ledger, bodies) = made(3, 100);
        assert!(ledger.read(&bodies[0], 99).is_err());
        assert!(ledger.read(&[b'x'; 100], 100).is_err());
        for twice in [0, 2, 2] {
            ledger.read(&bodies[twice], 100).unwrap();
        }
        assert!(said(ledger.settle(&counts(3, 0))).contains("other jobs"));
        let (ledger, bodies) = made(2, 100);
        ledger.read(&bodies[0], 100).unwrap();
        assert!(said(ledger.settle(&counts(2, 0))).contains("1 came back"));
        for (completed, ready) in [(1, 0), (2, 0), (1, 1)] {
            let (ledger, bodies) = made(1, 100);
            ledger.read(&bodies[0], 100).unwrap();
            assert_eq!(ledger.settle(&counts(completed, ready)).is_ok(), (completed, ready) == (1, 0));
        }
    }
}
