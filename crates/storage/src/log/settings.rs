//! What can be set on the log.

use sealane_core::limits;

/// When the next segment is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Prepare {
    /// By a thread of its own, while groups go into the present one.
    Background,
    /// As soon as it is missed, by the thread that writes: for tests that count every call to the disk.
    Inline,
}

/// Settings of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogSettings {
    /// Length of a segment file.
    pub segment_bytes: u64,
    /// Length of the segment that each start begins with. Small, because the start waits for it.
    pub first_segment_bytes: u64,
    /// When the next segment is made.
    pub prepare: Prepare,
    /// Bytes of records behind the last snapshot from which on the next one is due,
    pub snapshot_bytes: u64,
    /// and from which on it is due when the journal is about to be closed.
    pub closing_snapshot_bytes: u64,
    /// Bytes of inputs stored last that are kept in memory for those who lease them soon.
    pub recent_bytes: usize,
}

impl Default for LogSettings {
    fn default() -> Self {
        Self {
            segment_bytes: 64 << 20,
            first_segment_bytes: 1 << 20,
            prepare: Prepare::Background,
            snapshot_bytes: 1 << 30,
            closing_snapshot_bytes: 1 << 20,
            recent_bytes: limits::RECENT_INPUTS_BYTES_MAX,
        }
    }
}
