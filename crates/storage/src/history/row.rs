//! What is kept of one job that has ended, and the keys that it is found under.
//!
//! A row stands for the job; what callers supplied stays in the journal and is referred to. The order
//! of rows in a run is that of their [`RowKey`], the order in which they are listed that of their
//! [`AgeKey`].

use sealane_core::id::JobId;
use sealane_core::job::{Priority, State};
use sealane_core::limits;
use sealane_core::name::{Namespace, Principal};
use sealane_core::queue::QueueNumber;
use sealane_core::record::RecordRef;
use sealane_core::time::Time;

use super::keys::{BlindToken, HistoryKeys};
use super::query::Spot;
use crate::codec::{Cursor, DecodeError, Fields};

/// Namespace (as its token) and id.
pub(super) type RowKey = [u8; 24];

/// When it ended, namespace and id.
pub(super) type AgeKey = [u8; 32];

const VERSION: u8 = 1;
const ENDED: u8 = 1;
const BACK: u8 = 2;

/// What happened to a job in the end, as far as this run knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Where the job is.
    pub namespace: Namespace,
    /// Which job.
    pub job: JobId,
    /// The position of the record that ended it, or took it back.
    pub lsn: u64,
    /// When that was.
    pub at: Time,
    /// From when on nobody is told of it any more.
    pub kept_until: Time,
    /// Whether an older row of the same job may exist, which this one then hides.
    pub again: bool,
    /// What it came to.
    pub end: Ended,
}

/// What a job came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ended {
    /// It ended.
    Job(Box<EndedJob>),
    /// It had ended and lives again: its older rows are not true any more.
    Back,
}

/// A job that has ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndedJob {
    /// How.
    pub state: State,
    /// Its queue.
    pub queue: QueueNumber,
    /// Who sent it.
    pub owner: Principal,
    /// How urgent it was.
    pub priority: Priority,
    /// Attempts that count.
    pub attempt: u32,
    /// Attempts that it could have had.
    pub max_attempts: u32,
    /// When it was accepted.
    pub created_at: Time,
    /// When it could start first.
    pub run_at: Time,
    /// What its producer supplied.
    pub input: RecordRef,
    /// What its worker supplied in the end.
    pub outcome: Option<RecordRef>,
    /// What it is found by besides state, queue and owner.
    pub tokens: Vec<BlindToken>,
}

/// The token of a namespace, as it stands in the keys.
pub(super) fn namespace_token(keys: &HistoryKeys, namespace: &Namespace) -> BlindToken {
    keys.token(namespace, "namespace", b"")
}

/// The token under which all jobs of a state are found.
pub(super) fn state_token(keys: &HistoryKeys, namespace: &Namespace, state: State) -> BlindToken {
    keys.token(namespace, "state", &[state.code()])
}

/// The token under which all jobs of a queue are found.
pub(super) fn queue_token(keys: &HistoryKeys, namespace: &Namespace, queue: QueueNumber) -> BlindToken {
    keys.token(namespace, "queue", &queue.0.to_be_bytes())
}

/// The token under which all jobs of an owner are found.
pub(super) fn owner_token(keys: &HistoryKeys, namespace: &Namespace, owner: &Principal) -> BlindToken {
    keys.token(namespace, "owner", owner.as_str().as_bytes())
}

/// The key of a job's row.
pub(super) fn row_key(keys: &HistoryKeys, namespace: &Namespace, job: JobId) -> RowKey {
    let mut key = [0; 24];
    key[..8].copy_from_slice(namespace_token(keys, namespace).as_bytes());
    key[8..].copy_from_slice(job.as_bytes());
    key
}

/// The place of a row among all of its run by age.
pub(super) fn age_key(at: Time, row: &RowKey) -> AgeKey {
    let mut key = [0; 32];
    key[..8].copy_from_slice(&at.unix_ms().to_be_bytes());
    key[8..].copy_from_slice(row);
    key
}

/// The spot in a list that an age key stands for.
pub(super) fn spot(key: &AgeKey) -> Spot {
    let (mut at, mut job) = ([0; 8], [0; 16]);
    at.copy_from_slice(&key[..8]);
    job.copy_from_slice(&key[16..]);
    Spot { at: Time::from_unix_ms(u64::from_be_bytes(at)), job: JobId::from_bytes(job) }
}

/// The row's key inside an age key.
pub(super) fn row_of_age(key: &AgeKey) -> RowKey {
    let mut row = [0; 24];
    row.copy_from_slice(&key[8..]);
    row
}

impl Row {
    /// The job, where it ended.
    pub fn ended(&self) -> Option<&EndedJob> {
        match &self.end {
            Ended::Job(job) => Some(job),
            Ended::Back => None,
        }
    }

    /// Everything that it is found by; nothing for one that is not listed.
    pub(super) fn index_tokens(&self, keys: &HistoryKeys) -> Vec<BlindToken> {
        let Ended::Job(job) = &self.end else { return Vec::new() };
        let own = [
            namespace_token(keys, &self.namespace),
            state_token(keys, &self.namespace, job.state),
            queue_token(keys, &self.namespace, job.queue),
            owner_token(keys, &self.namespace, &job.owner),
        ];
        let mut all: Vec<BlindToken> = own.into_iter().chain(job.tokens.iter().copied()).collect();
        // Why: a tag may be given twice, and a list of ranks has each once.
        all.sort_unstable();
        all.dedup();
        all
    }

    /// The row without its job's id, which stands in its key.
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(192);
        let mut put = Fields(&mut out);
        put.u8(VERSION);
        put.text(self.namespace.as_str());
        put.u64(self.lsn);
        put.time(self.at);
        put.time(self.kept_until);
        put.u8(u8::from(self.again));
        let Ended::Job(job) = &self.end else {
            put.u8(BACK);
            return out;
        };
        put.u8(ENDED);
        put.u8(job.state.code());
        put.u32(job.queue.0);
        put.text(job.owner.as_str());
        put.u8(job.priority.code());
        put.u32(job.attempt);
        put.u32(job.max_attempts);
        put.time(job.created_at);
        put.time(job.run_at);
        record(&mut put, job.input);
        put.option(job.outcome, record);
        put.count(job.tokens.len());
        job.tokens.iter().for_each(|token| put.fixed(token.as_bytes()));
        out
    }

    /// Reads a row that stands under `key`.
    pub(super) fn decode(key: &RowKey, bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut id = [0; 16];
        id.copy_from_slice(&key[8..]);
        let mut take = Cursor::new(bytes);
        if take.u8("version")? != VERSION {
            return Err(DecodeError::Field { field: "version" });
        }
        let row = Self {
            namespace: take.text("namespace", Namespace::parse)?,
            job: JobId::from_bytes(id),
            lsn: take.u64("lsn")?,
            at: take.time("at")?,
            kept_until: take.time("kept until")?,
            again: take.code("again", flag)?,
            end: match take.u8("end")? {
                ENDED => Ended::Job(Box::new(ended(&mut take)?)),
                BACK => Ended::Back,
                _ => return Err(DecodeError::Field { field: "end" }),
            },
        };
        take.end()?;
        Ok(row)
    }
}

fn flag(code: u8) -> Option<bool> {
    match code {
        0 => Some(false),
        1 => Some(true),
        _ => None,
    }
}

fn ended(take: &mut Cursor<'_>) -> Result<EndedJob, DecodeError> {
    Ok(EndedJob {
        state: take.code("state", State::from_code)?,
        queue: QueueNumber(take.u32("queue")?),
        owner: take.text("owner", Principal::parse)?,
        priority: take.code("priority", Priority::from_code)?,
        attempt: take.u32("attempt")?,
        max_attempts: take.u32("max attempts")?,
        created_at: take.time("created at")?,
        run_at: take.time("run at")?,
        input: reference(take)?,
        outcome: take.option("outcome", reference)?,
        tokens: tokens(take)?,
    })
}

fn record(put: &mut Fields<'_>, record: RecordRef) {
    put.u64(record.lsn);
    put.u32(record.bytes);
}

fn reference(take: &mut Cursor<'_>) -> Result<RecordRef, DecodeError> {
    Ok(RecordRef { lsn: take.u64("record")?, bytes: take.u32("record")? })
}

fn tokens(take: &mut Cursor<'_>) -> Result<Vec<BlindToken>, DecodeError> {
    let count = usize::from(take.u16("tokens")?);
    if count > limits::HISTORY_ROW_TOKENS_MAX {
        return Err(DecodeError::Field { field: "tokens" });
    }
    (0..count).map(|_| take.fixed("tokens").map(BlindToken::from_bytes)).collect()
}
