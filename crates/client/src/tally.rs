//! What went through a client, counted: sealed or not.

use std::sync::atomic::{AtomicU64, Ordering};

/// Numbers of jobs since the client was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Bodies sealed for sending.
    pub sealed: u64,
    /// Bodies prepared for sending as they are.
    pub sent_plain: u64,
    /// Sealed bodies opened.
    pub opened: u64,
    /// Plain bodies taken.
    pub taken_plain: u64,
    /// Bodies that could not be opened.
    pub unopenable: u64,
}

#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) sealed: AtomicU64,
    pub(crate) sent_plain: AtomicU64,
    pub(crate) opened: AtomicU64,
    pub(crate) taken_plain: AtomicU64,
    pub(crate) unopenable: AtomicU64,
}

impl Counters {
    pub(crate) fn read(&self) -> Tally {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Tally {
            sealed: read(&self.sealed),
            sent_plain: read(&self.sent_plain),
            opened: read(&self.opened),
            taken_plain: read(&self.taken_plain),
            unopenable: read(&self.unopenable),
        }
    }
}

pub(crate) fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}
