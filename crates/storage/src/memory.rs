//! The journal for tests: keeps everything in memory, encrypts nothing, loses on "crash" exactly what
//! was not committed. Not for any data that must survive the process.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sealane_core::job::JobInput;
use sealane_core::queue::Event;
use sealane_core::record::RecordRef;

use crate::error::{JournalError, OpenError, Place, ReadError};
use crate::fact::{CallerData, Fact};
use crate::journal::{Journal, JournalReader, LastStop, Mark, Opened, Recovery, Room, Visit};

/// What a record takes here; positions only need to grow.
const RECORD_BYTES: u32 = 64;

/// What stays when a journal is dropped. Clones share it, as two processes share a disk.
#[derive(Clone, Default)]
pub struct MemoryStore(Arc<Mutex<Stored>>);

#[derive(Default)]
struct Stored {
    records: Vec<Record>,
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
        let records = self.lock().records.clone();
        for (index, record) in records.iter().enumerate() {
            visit(reference(index), record.fact.clone()).map_err(|source| OpenError::Visit {
                place: Place {
                    file: "memory".into(),
                    offset: reference(index).lsn,
                    lsn: Some(reference(index).lsn),
                },
                source,
            })?;
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
            records: u64::try_from(records.len()).expect("a count of things in memory fits 64 bits"),
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
