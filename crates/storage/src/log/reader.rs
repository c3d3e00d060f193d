//! From a reference to what a caller supplied. Trusts nothing it reads: the frame is checked against
//! its place first, then opened, and only then is the caller's data decrypted.

use std::sync::Arc;

use sealane_core::job::JobInput;
use sealane_core::name::Namespace;
use sealane_core::queue::Event;
use sealane_core::record::RecordRef;
use sealane_crypto::at_rest;

use super::frame::{FRAME_BYTES_MAX, FrameKind};
use super::recent::Recent;
use super::segments::Segments;
use crate::codec;
use crate::error::{Damage, Place, ReadError, Unopenable};
use crate::fact::Fact;
use crate::journal::JournalReader;
use crate::keys::DataKeys;

/// The table and field names that caller data is bound to.
const JOBS: &str = "job";
const SCHEDULES: &str = "schedule";
const SESSIONS: &str = "session";
const INPUT: &str = "input";
const OUTCOME: &str = "outcome";
const NAME: &str = "name";
const STATE: &str = "state";
/// The layout version of caller data that its encryption is bound to.
const DATA_VERSION: u64 = 1;

/// Reads records back; any number of threads.
pub(super) struct LogReader {
    pub(super) segments: Arc<Segments>,
    pub(super) keys: Arc<dyn DataKeys>,
    pub(super) recent: Arc<Recent>,
}

/// The place an event's caller data is bound to; `None` for an event that carries none.
pub(super) fn place<'a>(namespace: &'a Namespace, event: &'a Event, lsn: u64) -> Option<at_rest::Place<'a>> {
    let (table, field, record_id) = match event {
        Event::JobEnqueued(enqueued) => (JOBS, INPUT, enqueued.job.as_bytes()),
        Event::JobCompleted { job, .. }
        | Event::JobFailed { job, .. }
        | Event::JobCancelled { job, .. }
        | Event::JobReported { job, .. } => (JOBS, OUTCOME, job.as_bytes()),
        Event::SchedulePut(put) => (SCHEDULES, INPUT, put.schedule.as_bytes()),
        Event::SessionAccepted { session, .. } => (SESSIONS, NAME, session.as_bytes()),
        Event::SessionStateSet { session, .. } => (SESSIONS, STATE, session.as_bytes()),
        _ => return None,
    };
    Some(at_rest::Place {
        namespace: namespace.as_str(),
        table,
        record_id,
        field,
        version: DATA_VERSION,
        lsn,
    })
}

impl LogReader {
    /// Refuses what is not durable: it may still be taken back.
    fn durable(&self, record: RecordRef) -> Result<(), ReadError> {
        let end = record.lsn.checked_add(u64::from(record.bytes));
        if end.is_some_and(|end| end <= self.segments.durable_lsn()) {
            return Ok(());
        }
        Err(ReadError::NoSuchRecord { lsn: record.lsn })
    }

    /// An input that is still in memory. With its key destroyed there is none: whatever keys do not
    /// open any more is not to be had from here either.
    fn recent(&self, record: RecordRef) -> Option<Arc<JobInput>> {
        let (key_ref, input) = self.recent.get(record)?;
        self.keys.by_ref(key_ref).map(|_| input)
    }

    /// The caller data of a durable record that must be of one of these fields.
    fn read(&self, record: RecordRef, fields: &[&str]) -> Result<Option<Vec<u8>>, ReadError> {
        let lsn = record.lsn;
        let none = || ReadError::NoSuchRecord { lsn };
        let bytes =
            usize::try_from(record.bytes).ok().filter(|bytes| *bytes <= FRAME_BYTES_MAX).ok_or_else(none)?;
        let segment = self.segments.locate(lsn).ok_or_else(none)?;
        let corrupt = |damage| ReadError::Corrupt {
            damage,
            place: Place { file: segment.file(), offset: segment.offset(lsn), lsn: Some(lsn) },
        };

        let mut buffer = vec![0; bytes];
        let read = self
            .segments
            .file(&segment)
            .and_then(|file| file.read_at(&mut buffer, segment.offset(lsn)))
            .map_err(|source| ReadError::Disk { file: segment.file(), source })?;
        if read < bytes {
            return Err(corrupt(Damage::Short));
        }
        let frame = segment.seal.check(&buffer, lsn).ok_or_else(|| corrupt(Damage::Frame))?;
        if frame.len() != bytes || frame.prefix.kind != FrameKind::Record {
            return Err(none());
        }
        let sealed = segment.seal.open(&frame).map_err(|_| corrupt(Damage::Tampered))?;
        let fact = codec::decode_fact(sealed.expose()).map_err(|_| corrupt(Damage::Contradiction))?;
        let Fact::Shard { namespace, event } = &fact else { return Err(none()) };
        let place =
            place(namespace, event, lsn).filter(|place| fields.contains(&place.field)).ok_or_else(none)?;
        frame.data().map(|data| self.open(data, &place)).transpose()
    }

    /// Whether what callers supplied with this fact opens, where they supplied anything.
    pub(super) fn opens(&self, record: RecordRef, fact: &Fact) -> Result<bool, ReadError> {
        let Fact::Shard { namespace, event } = fact else { return Ok(true) };
        let Some(place) = place(namespace, event, record.lsn) else { return Ok(true) };
        let content = match self.read(record, &[place.field]) {
            Ok(content) => content,
            Err(error) if error.holds_the_job() => return Ok(false),
            Err(error) => return Err(error),
        };
        let whole =
            |bytes: Option<Vec<u8>>| bytes.is_some_and(|bytes| codec::decode_job_input(&bytes).is_ok());
        Ok(place.field != INPUT || whole(content))
    }

    fn open(&self, data: &[u8], place: &at_rest::Place<'_>) -> Result<Vec<u8>, ReadError> {
        let unopenable = |why| ReadError::Unopenable { lsn: place.lsn, why };
        let key_ref = at_rest::key_ref(data).ok_or_else(|| unopenable(Unopenable::NotAuthentic))?;
        let key = self.keys.by_ref(key_ref).ok_or_else(|| unopenable(Unopenable::NoKey))?;
        at_rest::open(&key, place, data).map_err(|_| unopenable(Unopenable::NotAuthentic))
    }
}

impl JournalReader for LogReader {
    fn read_job(&self, record: RecordRef) -> Result<Arc<JobInput>, ReadError> {
        self.durable(record)?;
        if let Some(input) = self.recent(record) {
            return Ok(input);
        }
        let unopenable = || ReadError::Unopenable { lsn: record.lsn, why: Unopenable::Content };
        let bytes = self.read(record, &[INPUT])?.ok_or_else(unopenable)?;
        codec::decode_job_input(&bytes).map(Arc::new).map_err(|_| unopenable())
    }

    fn read_outcome(&self, record: RecordRef) -> Result<Option<Vec<u8>>, ReadError> {
        self.durable(record)?;
        self.read(record, &[OUTCOME])
    }

    fn read_session(&self, record: RecordRef) -> Result<Option<Vec<u8>>, ReadError> {
        self.durable(record)?;
        self.read(record, &[NAME, STATE])
    }
}
