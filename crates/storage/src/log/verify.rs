//! Everything that an opening checks, and whether what callers supplied opens. Reads and changes nothing.

use std::sync::Arc;

use sealane_core::record::RecordRef;

use super::files;
use super::open::{Chosen, check, check_chain, fault, find, read_marker};
use super::reader::LogReader;
use super::recent::Recent;
use super::segments::Segments;
use super::snapshot::{self, LoadError};
use crate::disk::Disk;
use crate::error::OpenError;
use crate::fact::Fact;
use crate::journal::{DamagedSnapshot, Recovery, Visit, VisitError};
use crate::keys::DataKeys;
use crate::state::{FactsOnly, Restore, StateRow};

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
    /// Files with a state that are whole.
    pub snapshots: usize,
    /// Those that are not. Nothing is lost by them: all records were visited.
    pub damaged_snapshots: Vec<DamagedSnapshot>,
}

/// Looks at rows and keeps none.
struct Rows;

impl Restore for Rows {
    fn takes_states(&self) -> bool {
        true
    }

    fn begin(&mut self) {}

    fn row(&mut self, _: StateRow) -> Result<(), VisitError> {
        Ok(())
    }

    fn whole(&mut self) -> Result<(), VisitError> {
        Ok(())
    }

    fn fact(&mut self, _: RecordRef, _: Fact) -> Result<(), VisitError> {
        Ok(())
    }
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
    let (mut snapshots, mut damaged_snapshots) = (0, Vec::new());
    for sequence in names.iter().filter_map(|name| files::snapshot_sequence(name)) {
        let found = snapshot::read_header(disk.as_ref(), sequence, &journal_key);
        match found.and_then(|found| snapshot::load(&found, &mut Rows)) {
            Ok(_) => snapshots += 1,
            Err(LoadError::Damaged(damaged)) => damaged_snapshots.push(damaged),
            Err(LoadError::Open(error)) => return Err(error),
        }
    }
    let segments = Arc::new(Segments::new(disk, found.iter().map(|found| found.segment()).collect()));
    // Everything that is visited below has passed its checks.
    segments.set_durable_lsn(u64::MAX);
    let reader = LogReader { segments, keys, recent: Arc::new(Recent::new(0)) };
    let mut unopenable = 0;
    let mut opened = |record, fact: Fact| {
        if !reader.opens(record, &fact)? {
            unopenable += 1;
        }
        visit(record, fact)
    };
    let checked = check(&found, marker, &Chosen::default(), &mut FactsOnly(&mut opened))?;
    let segments = found.len();
    let recovery = checked.recovery;
    Ok(Verified { recovery, segments, bytes, unopenable, snapshots, damaged_snapshots })
}
