//! Everything that an opening checks, and whether what callers supplied opens. Reads and changes nothing.

use std::sync::Arc;

use super::open::{check, check_chain, fault, find, read_marker};
use super::reader::LogReader;
use super::recent::Recent;
use super::segments::Segments;
use crate::disk::Disk;
use crate::error::OpenError;
use crate::journal::{Recovery, Visit};
use crate::keys::DataKeys;

/// A journal that is whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    /// What an opening would find.
    pub recovery: Recovery,
    /// Files with records.
    pub segments: usize,
    /// Bytes of those files.
    pub bytes: u64,
    /// Records whose callers' data does not open under any key that is there. Jobs that need it are held;
    /// the others are unharmed.
    pub unopenable: u64,
}

/// Checks the log in `disk`, visiting every durable record. The caller holds the directory's lock, or has
/// a copy that nobody writes to.
///
/// # Errors
/// See [`OpenError`]: what keeps it from opening, with its place.
pub fn verify(
    disk: Arc<dyn Disk>,
    keys: Arc<dyn DataKeys>,
    visit: &mut Visit<'_>,
) -> Result<Verified, OpenError> {
    let journal_key = keys.journal_key();
    let names = disk.list().map_err(fault("list", "the journal directory"))?;
    let found = find(disk.as_ref(), &names, &journal_key)?;
    check_chain(&found)?;
    let marker = read_marker(disk.as_ref(), &names)?;
    let mut bytes = 0;
    for segment in &found {
        bytes += segment.bytes()?;
    }
    let segments = Arc::new(Segments::new(disk, found.iter().map(|found| found.segment()).collect()));
    // Everything that is visited below has passed its checks.
    segments.set_durable_lsn(u64::MAX);
    let reader = LogReader { segments, keys, recent: Arc::new(Recent::new(0)) };
    let mut unopenable = 0;
    let checked = check(&found, marker, &mut |record, fact| {
        if !reader.opens(record, &fact)? {
            unopenable += 1;
        }
        visit(record, fact)
    })?;
    Ok(Verified { recovery: checked.recovery, segments: found.len(), bytes, unopenable })
}
