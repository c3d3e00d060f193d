//! The journal for tests: keeps everything in memory, encrypts nothing, loses on "crash" exactly what
//! was not committed. Not for any data that must survive the process.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sealane_core::job::JobInput;
use sealane_core::queue::Event;
use sealane_core::record::RecordRef;

use crate::error::{JournalError, OpenError, Place, ReadError, SnapshotError};
use crate::fact::{CallerData, Fact};
use crate::journal::{
    Journal, JournalReader, LastStop, Loaded, Mark, Opened, Recovery, Room, Snapshot, SnapshotDone, Visit,
};
use crate::state::{FactsOnly, Restore, StateRow};

/// What a record takes here; positions only need to grow.
const RECORD_BYTES: u32 = 64;

/// What stays when a journal is dropped. Clones share it, as two processes share a disk.
#[derive(Clone, Default)]
pub struct MemoryStore(Arc<Mutex<Stored>>);

#[derive(Default)]
struct Stored {
    records: Vec<Record>,
    /// The last snapshot, and how many records it stands behind.
    state: Option<(usize, Vec<StateRow>)>,
    snapshots: u64,
    opened_before: bool,
    closed: bool,
}

#[derive(Clone)]
struct Record {
    fact: Fact,
    data: Option<Data>,
}

#[derive(Clone)]
enum Data {
    Job(Arc<JobInput>),
    Outcome(Vec<u8>),
    Session(Vec<u8>),
}

impl MemoryStore {
    /// Opens a journal on what is stored.
    ///
    /// # Errors
    /// When the visitor stops.
    pub fn open(&self, visit: &mut Visit<'_>) -> Result<Opened, OpenError> {
        self.restore(&mut FactsOnly(visit))
    }

    /// The same, beginning with the last snapshot.
    ///
    /// # Errors
    /// When whoever takes it in stops.
    pub fn restore(&self, restore: &mut dyn Restore) -> Result<Opened, OpenError> {
        let records = self.lock().records.clone();
        let state = self.lock().state.clone().filter(|_| restore.takes_states());
        let (from, rows) = state.unwrap_or_default();
        let stopped = |index: usize| {
            let lsn = reference(index).lsn;
            move |source| OpenError::Visit {
                place: Place { file: "memory".into(), offset: lsn, lsn: Some(lsn) },
                source,
            }
        };
        let snapshot = (!rows.is_empty()).then(|| Loaded {
            file: "memory".into(),
            lsn: reference(from).lsn,
            rows: count(rows.len()),
        });
        for row in rows {
            restore.row(row).map_err(stopped(from))?;
        }
        if snapshot.is_some() {
            restore.whole().map_err(stopped(from))?;
        }
        for (index, record) in records.iter().enumerate().skip(from) {
            restore.fact(reference(index), record.fact.clone()).map_err(stopped(index))?;
        }
        let mut stored = self.lock();
        let last_stop = match (stored.opened_before, stored.closed) {
            (false, _) => LastStop::Never,
            (true, true) => LastStop::Clean,
            (true, false) => LastStop::Crash,
        };
        stored.opened_before = true;
        stored.closed = false;
        let recovery = Recovery {
            snapshot,
            damaged_snapshots: Vec::new(),
            records: count(records.len() - from),
            end_lsn: reference(records.len()).lsn,
            last_stop,
            cut: None,
        };
        drop(stored);
        Ok(Opened { journal: Box::new(MemoryJournal { store: self.clone(), staged: Vec::new() }), recovery })
    }

    fn lock(&self) -> MutexGuard<'_, Stored> {
        // Why: a test that panicked elsewhere left a list that is still a list.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn read<T>(&self, record: RecordRef, pick: impl FnOnce(&Record) -> Option<T>) -> Result<T, ReadError> {
        let stored = self.lock();
        usize::try_from(record.lsn / u64::from(RECORD_BYTES))
            .ok()
            .filter(|index| reference(*index) == record)
            .and_then(|index| stored.records.get(index))
            .and_then(pick)
            .ok_or(ReadError::NoSuchRecord { lsn: record.lsn })
    }
}

struct MemoryJournal {
    store: MemoryStore,
    staged: Vec<Record>,
}

impl Journal for MemoryJournal {
    fn append(&mut self, fact: &Fact, data: Option<CallerData<'_>>) -> Result<RecordRef, JournalError> {
        if data.is_some_and(|data| !data.belongs_to(fact)) {
            return Err(JournalError::Misplaced);
        }
        let data = data.map(|data| match data {
            CallerData::Job { input, .. } => Data::Job(Arc::clone(input)),
            CallerData::Outcome { bytes, .. } => Data::Outcome(bytes.to_vec()),
            CallerData::Session { bytes, .. } => Data::Session(bytes.to_vec()),
        });
        let index = self.store.lock().records.len() + self.staged.len();
        self.staged.push(Record { fact: fact.clone(), data });
        Ok(reference(index))
    }

    fn commit(&mut self) -> Result<(), JournalError> {
        self.store.lock().records.append(&mut self.staged);
        Ok(())
    }

    fn staged_bytes(&self) -> usize {
        // The data counts too, so that a caller who watches the size of a group sees it grow.
        self.staged.iter().map(|record| 64 + record.data.as_ref().map_or(0, Data::bytes)).sum()
    }

    fn mark(&self) -> Mark {
        Mark(reference(self.store.lock().records.len() + self.staged.len()).lsn)
    }

    fn rollback(&mut self, mark: Mark) {
        let committed = self.store.lock().records.len();
        let index = usize::try_from(mark.0 / u64::from(RECORD_BYTES)).unwrap_or(usize::MAX);
        self.staged.truncate(index.saturating_sub(committed));
    }

    fn snapshot_is_due(&self, _: bool) -> bool {
        false
    }

    fn snapshot(&mut self) -> Result<Box<dyn Snapshot>, SnapshotError> {
        if !self.staged.is_empty() {
            return Err(SnapshotError::Staged);
        }
        let records = self.store.lock().records.len();
        Ok(Box::new(MemorySnapshot { store: self.store.clone(), records, rows: Vec::new() }))
    }

    fn trim(&mut self, _: &SnapshotDone) {}

    fn room(&self) -> Room {
        Room::Ok
    }

    fn retry_room(&mut self) {}

    fn reader(&self) -> Arc<dyn JournalReader> {
        Arc::new(self.store.clone())
    }

    fn close(self: Box<Self>) -> Result<(), JournalError> {
        self.store.lock().closed = true;
        Ok(())
    }
}

struct MemorySnapshot {
    store: MemoryStore,
    records: usize,
    rows: Vec<StateRow>,
}

impl Snapshot for MemorySnapshot {
    fn put(&mut self, row: &StateRow) -> Result<(), SnapshotError> {
        self.rows.push(row.clone());
        Ok(())
    }

    fn finish(self: Box<Self>) -> Result<SnapshotDone, SnapshotError> {
        let mut stored = self.store.lock();
        stored.snapshots += 1;
        let rows = count(self.rows.len());
        let done =
            SnapshotDone { sequence: stored.snapshots, lsn: reference(self.records).lsn, rows, bytes: rows };
        stored.state = Some((self.records, self.rows));
        Ok(done)
    }
}

fn count(things: usize) -> u64 {
    u64::try_from(things).expect("a count of things in memory fits 64 bits")
}

impl JournalReader for MemoryStore {
    fn read_job(&self, record: RecordRef) -> Result<Arc<JobInput>, ReadError> {
        self.read(record, |record| match &record.data {
            Some(Data::Job(input)) => Some(Arc::clone(input)),
            _ => None,
        })
    }

    fn read_outcome(&self, record: RecordRef) -> Result<Option<Vec<u8>>, ReadError> {
        self.read(record, |record| match (&record.fact, &record.data) {
            (_, Some(Data::Outcome(bytes))) => Some(Some(bytes.clone())),
            (
                Fact::Shard {
                    event:
                        Event::JobCompleted { .. }
                        | Event::JobFailed { .. }
                        | Event::JobCancelled { .. }
                        | Event::JobReported { .. },
                    ..
                },
                None,
            ) => Some(None),
            _ => None,
        })
    }

    fn read_session(&self, record: RecordRef) -> Result<Option<Vec<u8>>, ReadError> {
        self.read(record, |record| match (&record.fact, &record.data) {
            (_, Some(Data::Session(bytes))) => Some(Some(bytes.clone())),
            (
                Fact::Shard { event: Event::SessionAccepted { .. } | Event::SessionStateSet { .. }, .. },
                None,
            ) => Some(None),
            _ => None,
        })
    }
}

impl Data {
    fn bytes(&self) -> usize {
        match self {
            Self::Job(input) => input.body.len(),
            Self::Outcome(bytes) | Self::Session(bytes) => bytes.len(),
        }
    }
}

fn reference(index: usize) -> RecordRef {
    let index = u64::try_from(index).expect("a position in memory fits 64 bits");
    RecordRef { lsn: index * u64::from(RECORD_BYTES), bytes: RECORD_BYTES }
}
