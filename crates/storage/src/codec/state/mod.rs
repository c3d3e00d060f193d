//! Rows of a state, as a snapshot holds them. A space of tags of their own: no row is a record.
//!
//! - `job`: jobs, live and finished. `queue`: queues, fair keys, sessions, bulk work.
//! - here: the rest, and which is which.

mod job;
mod queue;

use sealane_core::id::{JobId, ScheduleId};
use sealane_core::job::State;
use sealane_core::name::{Namespace, Principal, ScheduleName};
use sealane_core::queue::state::{IdempotencyRow, Row, ScheduleRow, ShardRow};
use sealane_core::queue::{Acceptance, LastFiring, LastSkip, ParentEnd, QueueNumber, ReportKey, SkipReason};
use sealane_core::record::RecordRef;

use super::error::DecodeError;
use super::fact::VERSION_1;
use super::fields::{Cursor, Fields};
use super::{control, keys, schedule};
use crate::state::StateRow;

// Invariant: a tag is never reused and never changes its meaning.
const ACCESS_KEY: u8 = 1;
const NAMESPACE: u8 = 2;
const SHARD: u8 = 10;
const QUEUE: u8 = 11;
const FAIR_KEY: u8 = 12;
const SESSION: u8 = 13;
const JOB: u8 = 14;
const FINISHED: u8 = 15;
const FINISHED_PLACE: u8 = 16;
const LOG_PLACE: u8 = 17;
const END: u8 = 18;
const IDEMPOTENCY: u8 = 19;
const SCHEDULE: u8 = 20;
const SWEEP: u8 = 21;

/// Writes a row.
pub fn encode_row(row: &StateRow, out: &mut Vec<u8>) {
    let mut out = Fields(out);
    out.u8(tag(row));
    out.u8(VERSION_1);
    match row {
        StateRow::AccessKey(key) => control::key(key, &mut out),
        StateRow::Namespace(namespace) => out.text(namespace.as_str()),
        StateRow::Row(Row::Shard(row)) => shard(row, &mut out),
        StateRow::Row(Row::Queue(row)) => queue::queue(row, &mut out),
        StateRow::Row(Row::FairKey(row)) => queue::fair_key(row, &mut out),
        StateRow::Row(Row::Session(row)) => queue::session(row, &mut out),
        StateRow::Row(Row::Job(row)) => job::job(row, &mut out),
        StateRow::Row(Row::Finished(row)) => job::finished(row, &mut out),
        StateRow::Row(Row::FinishedPlace { at, job }) => {
            out.time(*at);
            out.fixed(job.as_bytes());
        }
        StateRow::Row(Row::LogPlace { job, key }) => {
            out.fixed(job.as_bytes());
            report_key(key, &mut out);
        }
        StateRow::Row(Row::End(end)) => parent_end(end, &mut out),
        StateRow::Row(Row::Idempotency(row)) => idempotency(row, &mut out),
        StateRow::Row(Row::Schedule(row)) => schedule(row, &mut out),
        StateRow::Row(Row::Sweep(row)) => queue::sweep(row, &mut out),
    }
}

/// Reads a row.
///
/// # Errors
/// When the bytes are not exactly one known layout.
pub fn decode_row(bytes: &[u8]) -> Result<StateRow, DecodeError> {
    let mut cursor = Cursor::new(bytes);
    let tag = cursor.u8("tag")?;
    let version = cursor.u8("version")?;
    if version != VERSION_1 {
        return Err(DecodeError::UnknownTag { tag, version });
    }
    let cursor_ref = &mut cursor;
    let row = match tag {
        ACCESS_KEY => StateRow::AccessKey(control::take_key(cursor_ref)?),
        NAMESPACE => StateRow::Namespace(cursor_ref.text("namespace", Namespace::parse)?),
        SHARD => StateRow::Row(Row::Shard(take_shard(cursor_ref)?)),
        QUEUE => StateRow::Row(Row::Queue(Box::new(queue::take_queue(cursor_ref)?))),
        FAIR_KEY => StateRow::Row(Row::FairKey(Box::new(queue::take_fair_key(cursor_ref)?))),
        SESSION => StateRow::Row(Row::Session(Box::new(queue::take_session(cursor_ref)?))),
        JOB => StateRow::Row(Row::Job(Box::new(job::take_job(cursor_ref)?))),
        FINISHED => StateRow::Row(Row::Finished(Box::new(job::take_finished(cursor_ref)?))),
        FINISHED_PLACE => {
            StateRow::Row(Row::FinishedPlace { at: cursor_ref.time("at")?, job: job_id(cursor_ref)? })
        }
        LOG_PLACE => {
            StateRow::Row(Row::LogPlace { job: job_id(cursor_ref)?, key: take_report_key(cursor_ref)? })
        }
        END => StateRow::Row(Row::End(take_parent_end(cursor_ref)?)),
        IDEMPOTENCY => StateRow::Row(Row::Idempotency(take_idempotency(cursor_ref)?)),
        SCHEDULE => StateRow::Row(Row::Schedule(Box::new(take_schedule(cursor_ref)?))),
        SWEEP => StateRow::Row(Row::Sweep(Box::new(queue::take_sweep(cursor_ref)?))),
        _ => return Err(DecodeError::UnknownTag { tag, version }),
    };
    cursor.end()?;
    Ok(row)
}

fn tag(row: &StateRow) -> u8 {
    match row {
        StateRow::AccessKey(_) => ACCESS_KEY,
        StateRow::Namespace(_) => NAMESPACE,
        StateRow::Row(Row::Shard(_)) => SHARD,
        StateRow::Row(Row::Queue(_)) => QUEUE,
        StateRow::Row(Row::FairKey(_)) => FAIR_KEY,
        StateRow::Row(Row::Session(_)) => SESSION,
        StateRow::Row(Row::Job(_)) => JOB,
        StateRow::Row(Row::Finished(_)) => FINISHED,
        StateRow::Row(Row::FinishedPlace { .. }) => FINISHED_PLACE,
        StateRow::Row(Row::LogPlace { .. }) => LOG_PLACE,
        StateRow::Row(Row::End(_)) => END,
        StateRow::Row(Row::Idempotency(_)) => IDEMPOTENCY,
        StateRow::Row(Row::Schedule(_)) => SCHEDULE,
        StateRow::Row(Row::Sweep(_)) => SWEEP,
    }
}

fn shard(row: &ShardRow, out: &mut Fields<'_>) {
    let ShardRow { next_sequence, last_at, at, forgotten_through_ms, sweep_turns } = row;
    out.u64(*next_sequence);
    out.time(*last_at);
    out.time(*at);
    out.u64(*forgotten_through_ms);
    out.u64(*sweep_turns);
}

fn take_shard(cursor: &mut Cursor<'_>) -> Result<ShardRow, DecodeError> {
    Ok(ShardRow {
        next_sequence: cursor.u64("next_sequence")?,
        last_at: cursor.time("last_at")?,
        at: cursor.time("at")?,
        forgotten_through_ms: cursor.u64("forgotten_through")?,
        sweep_turns: cursor.u64("sweep_turns")?,
    })
}

fn idempotency(row: &IdempotencyRow, out: &mut Fields<'_>) {
    let IdempotencyRow { key, answer, gone_at, sender } = row;
    let Acceptance { job, created_at, delayed, blocked, merged } = answer;
    keys::idempotency(key, out);
    out.fixed(job.as_bytes());
    out.time(*created_at);
    [delayed, blocked, merged].into_iter().for_each(|flag| out.flag(*flag));
    out.time(*gone_at);
    out.text(sender.as_str());
}

fn take_idempotency(cursor: &mut Cursor<'_>) -> Result<IdempotencyRow, DecodeError> {
    Ok(IdempotencyRow {
        key: keys::take_idempotency(cursor)?,
        answer: Acceptance {
            job: job_id(cursor)?,
            created_at: cursor.time("created_at")?,
            delayed: cursor.flag("delayed")?,
            blocked: cursor.flag("blocked")?,
            merged: cursor.flag("merged")?,
        },
        gone_at: cursor.time("gone_at")?,
        sender: cursor.text("sender", Principal::parse)?,
    })
}

fn schedule(row: &ScheduleRow, out: &mut Fields<'_>) {
    let ScheduleRow {
        id,
        name,
        queue,
        owner,
        settings,
        sealed,
        digest,
        input,
        created_at,
        changed_at,
        paused,
        next,
        fired,
        last,
        skips,
        last_skip,
    } = row;
    out.fixed(id.as_bytes());
    out.text(name.as_str());
    out.u32(queue.0);
    out.text(owner.as_str());
    out.flag(*sealed);
    out.fixed(digest);
    record(input, out);
    out.time(*created_at);
    out.time(*changed_at);
    out.flag(*paused);
    out.option(*next, Fields::time);
    out.u64(*fired);
    out.option(*last, |out, LastFiring { due, job, at }| {
        out.time(due);
        out.fixed(job.as_bytes());
        out.time(at);
    });
    out.u64(*skips);
    out.option(*last_skip, |out, LastSkip { due, reason, at }| {
        out.time(due);
        out.u8(reason.code());
        out.time(at);
    });
    schedule::encode_settings(settings, out);
}

fn take_schedule(cursor: &mut Cursor<'_>) -> Result<ScheduleRow, DecodeError> {
    Ok(ScheduleRow {
        id: ScheduleId::from_bytes(cursor.fixed("schedule")?),
        name: cursor.text("name", ScheduleName::parse)?,
        queue: QueueNumber(cursor.u32("queue")?),
        owner: cursor.text("owner", Principal::parse)?,
        sealed: cursor.flag("sealed")?,
        digest: cursor.fixed("digest")?,
        input: take_record(cursor)?,
        created_at: cursor.time("created_at")?,
        changed_at: cursor.time("changed_at")?,
        paused: cursor.flag("paused")?,
        next: cursor.option("next", |cursor| cursor.time("next"))?,
        fired: cursor.u64("fired")?,
        last: cursor.option("last", |cursor| {
            Ok(LastFiring { due: cursor.time("due")?, job: job_id(cursor)?, at: cursor.time("at")? })
        })?,
        skips: cursor.u64("skips")?,
        last_skip: cursor.option("last_skip", |cursor| {
            Ok(LastSkip {
                due: cursor.time("due")?,
                reason: cursor.code("reason", SkipReason::from_code)?,
                at: cursor.time("at")?,
            })
        })?,
        settings: schedule::decode_settings(cursor)?,
    })
}

fn record(record: &RecordRef, out: &mut Fields<'_>) {
    out.u64(record.lsn);
    out.u32(record.bytes);
}

fn take_record(cursor: &mut Cursor<'_>) -> Result<RecordRef, DecodeError> {
    Ok(RecordRef { lsn: cursor.u64("record")?, bytes: cursor.u32("record")? })
}

fn report_key(key: &ReportKey, out: &mut Fields<'_>) {
    out.u32(key.attempt);
    out.u32(key.seq);
}

fn take_report_key(cursor: &mut Cursor<'_>) -> Result<ReportKey, DecodeError> {
    Ok(ReportKey { attempt: cursor.u32("attempt")?, seq: cursor.u32("seq")? })
}

fn parent_end(end: &ParentEnd, out: &mut Fields<'_>) {
    let ParentEnd { job, origin, attempt, state, result } = end;
    out.fixed(job.as_bytes());
    out.u32(origin.0);
    out.u32(*attempt);
    out.u8(state.code());
    out.option(result.as_ref(), |out, result| record(result, out));
}

fn take_parent_end(cursor: &mut Cursor<'_>) -> Result<ParentEnd, DecodeError> {
    Ok(ParentEnd {
        job: job_id(cursor)?,
        origin: QueueNumber(cursor.u32("origin")?),
        attempt: cursor.u32("attempt")?,
        state: cursor.code("state", State::from_code)?,
        result: cursor.option("result", take_record)?,
    })
}

fn job_id(cursor: &mut Cursor<'_>) -> Result<JobId, DecodeError> {
    cursor.fixed("job").map(JobId::from_bytes)
}
