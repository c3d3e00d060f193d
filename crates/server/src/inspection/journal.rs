//! Every record of a journal, read once.

use std::path::Path;
use std::sync::Arc;

use sealane_core::queue::Shard;
use sealane_crypto::Random;
use sealane_storage::disk::RealDisk;
use sealane_storage::log::verify;
use sealane_storage::{DataKeys, LastStop};
use serde::Serialize;

use crate::data_dir::DataDir;
use crate::keys::{KeysError, ServerKeys};
use crate::runtime::Machine;
use crate::server::StartError;

/// A journal that is whole, in numbers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct JournalReport {
    /// Files with records.
    pub segments: usize,
    /// Bytes of those files.
    pub bytes: u64,
    /// Durable records.
    pub records: u64,
    /// Where the journal goes on.
    pub end_lsn: u64,
    /// `clean`, `crash` or `never`: how it was left.
    pub last_stop: &'static str,
    /// Bytes at its end that were never declared durable; a start leaves them out.
    pub cut_bytes: u64,
    /// Records whose callers' data does not open.
    pub unopenable: u64,
    /// Files with a state that are whole,
    pub snapshots: usize,
    /// and those that are not: nothing is lost by them.
    pub damaged_snapshots: usize,
    /// Queues.
    pub queues: usize,
    /// Jobs that have not ended.
    pub jobs: usize,
}

impl JournalReport {
    /// Nothing was ever stored.
    const NONE: Self = Self {
        segments: 0,
        bytes: 0,
        records: 0,
        end_lsn: 0,
        last_stop: "never",
        cut_bytes: 0,
        unopenable: 0,
        snapshots: 0,
        damaged_snapshots: 0,
        queues: 0,
        jobs: 0,
    };
}

/// Reads every record of the directory's journal, as a start does, and opens what callers supplied.
///
/// # Errors
/// When another server holds the directory, its keys cannot be used, or the journal is damaged: the error
/// says where, and nothing was changed.
pub fn verify_journal(path: &Path, random: Arc<dyn Random>) -> Result<JournalReport, StartError> {
    let data_dir = DataDir::existing(path)?;
    verify_locked(&data_dir, random)
}

pub(super) fn verify_locked(
    data_dir: &DataDir,
    random: Arc<dyn Random>,
) -> Result<JournalReport, StartError> {
    let journal = data_dir.path().join("journal");
    let registry = data_dir.path().join("keys").join("registry");
    if !registry.exists() {
        // Why not as a start does it: that would make keys.
        return match journal.exists() {
            false => Ok(JournalReport::NONE),
            true => Err(KeysError::RegistryMissing { registry, journal }.into()),
        };
    }
    let keys = ServerKeys::open(data_dir.path(), random)?;
    let keys: Arc<dyn DataKeys> = keys.registry();
    let mut machine = Machine::default();
    let verified = verify(Arc::new(RealDisk::new(journal)), keys, &mut |record, fact| {
        machine.evolve(&fact, record);
        Ok(())
    })?;
    let recovery = verified.recovery;
    let shards = || machine.namespaces().map(|namespace| machine.shard(namespace));
    Ok(JournalReport {
        segments: verified.segments,
        bytes: verified.bytes,
        records: recovery.records,
        end_lsn: recovery.end_lsn,
        last_stop: match recovery.last_stop {
            LastStop::Clean => "clean",
            LastStop::Crash => "crash",
            LastStop::Never => "never",
        },
        cut_bytes: recovery.cut.map_or(0, |cut| cut.bytes),
        unopenable: verified.unopenable,
        snapshots: verified.snapshots,
        damaged_snapshots: verified.damaged_snapshots.len(),
        queues: shards().map(|shard| shard.queues().count()).sum(),
        jobs: shards().map(Shard::live_jobs).sum(),
    })
}
