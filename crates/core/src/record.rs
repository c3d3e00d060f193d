//! The reference to a stored record. Only the journal that gave it can follow it.

/// Where a record stands in the journal: its log sequence number and the bytes it takes there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RecordRef {
    /// Log sequence number of the record's first byte.
    pub lsn: u64,
    /// Length of the stored record in bytes.
    pub bytes: u32,
}

/// Some of the bytes that were supplied with a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RecordSlice {
    /// The record.
    pub record: RecordRef,
    /// Where they begin in what was supplied.
    pub offset: u32,
    /// How many.
    pub bytes: u32,
}

impl RecordSlice {
    /// The bytes, out of all that was supplied; nothing where it is shorter than that.
    pub fn of<'a>(&self, supplied: &'a [u8]) -> Option<&'a [u8]> {
        let from = usize::try_from(self.offset).ok()?;
        let to = from.checked_add(usize::try_from(self.bytes).ok()?)?;
        supplied.get(from..to)
    }
}
