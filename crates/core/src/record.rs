//! The reference to a stored record. Only the journal that gave it can follow it.

/// Where a record stands in the journal: its log sequence number and the bytes it takes there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RecordRef {
    /// Log sequence number of the record's first byte.
    pub lsn: u64,
    /// Length of the stored record in bytes.
    pub bytes: u32,
}
