//! Jobs as rows.

use std::sync::Arc;

use sealane_core::id::{LeaseId, LockId};
use sealane_core::job::{Category, HoldReason, Priority};
use sealane_core::limits;
use sealane_core::name::{CodeVersion, ErrorCode, InstanceName, Principal, QueueName};
use sealane_core::queue::state::{
    Ended, FinishedRow, JobRow, ParentsRow, PastRow, Phase, ReportsRow, Running, Settled,
};
use sealane_core::queue::{
    Attempt, AttemptEnd, DeadReason, Death, Failure, Labels, Progress, QueueNumber, ReportedBytes, RunBy,
    Runner,
};
use sealane_core::record::RecordSlice;
use sealane_core::token::Token;

use super::super::error::DecodeError;
use super::super::fields::{Cursor, Fields};
use super::super::options;
use super::{job_id, parent_end, record, report_key, take_parent_end, take_record, take_report_key};

// Of a phase. Never reused.
const BLOCKED: u8 = 1;
const DELAYED: u8 = 2;
const READY: u8 = 3;
const RUNNING: u8 = 4;
const RETRYING: u8 = 5;
const HELD: u8 = 6;
const DEAD: u8 = 7;
const ENDED: u8 = 8;

pub(super) fn finished(row: &FinishedRow, out: &mut Fields<'_>) {
    let FinishedRow { job: ended, at, result } = row;
    out.time(*at);
    out.option(result.as_ref(), |out, result| record(result, out));
    job(ended, out);
}

pub(super) fn take_finished(cursor: &mut Cursor<'_>) -> Result<FinishedRow, DecodeError> {
    let at = cursor.time("at")?;
    let result = cursor.option("result", take_record)?;
    Ok(FinishedRow { job: take_job(cursor)?, at, result })
}

pub(super) fn job(row: &JobRow, out: &mut Fields<'_>) {
    let JobRow {
        id,
        queue,
        owner,
        priority,
        sequence,
        phase: stands,
        attempt,
        max_attempts,
        created_at,
        run_at,
        delayed_at_first,
        expires_at,
        digest,
        input,
        options: sent,
        past: was,
        blocked_by,
    } = row;
    out.fixed(id.as_bytes());
    out.u32(queue.0);
    out.text(owner.as_str());
    out.u8(priority.code());
    out.u64(*sequence);
    out.u32(*attempt);
    out.u32(u32::from(*max_attempts));
    out.time(*created_at);
    out.time(*run_at);
    out.flag(*delayed_at_first);
    out.option(*expires_at, Fields::time);
    out.fixed(digest);
    record(input, out);
    phase(stands, out);
    let mut tagged = Vec::new();
    sent.iter().for_each(|options| options::encode_tagged(options, &mut Fields(&mut tagged)));
    out.bytes(&tagged);
    out.option(was.as_deref(), |out, was| past(was, out));
    out.count(blocked_by.len());
    blocked_by.iter().for_each(|parent| out.fixed(parent.as_bytes()));
}

pub(super) fn take_job(cursor: &mut Cursor<'_>) -> Result<JobRow, DecodeError> {
    Ok(JobRow {
        id: job_id(cursor)?,
        queue: QueueNumber(cursor.u32("queue")?),
        owner: cursor.text("owner", Principal::parse)?,
        priority: cursor.code("priority", Priority::from_code)?,
        sequence: cursor.u64("sequence")?,
        attempt: cursor.u32("attempt")?,
        max_attempts: u16::try_from(cursor.u32("max_attempts")?)
            .map_err(|_| DecodeError::Field { field: "max_attempts" })?,
        created_at: cursor.time("created_at")?,
        run_at: cursor.time("run_at")?,
        delayed_at_first: cursor.flag("delayed_at_first")?,
        expires_at: cursor.option("expires_at", |cursor| cursor.time("expires_at"))?,
        digest: cursor.fixed("digest")?,
        input: take_record(cursor)?,
        phase: take_phase(cursor)?,
        options: options::decode_tagged(&mut Cursor::new(cursor.bytes("options")?))?,
        past: cursor.option("past", |cursor| take_past(cursor).map(Box::new))?,
        blocked_by: many("blocked_by", limits::FLOW_BREADTH_MAX, cursor, job_id)?,
    })
}

/// A count and so many, of which there may be so many.
fn many<T>(
    field: &'static str,
    max: usize,
    cursor: &mut Cursor<'_>,
    take: impl Fn(&mut Cursor<'_>) -> Result<T, DecodeError>,
) -> Result<Vec<T>, DecodeError> {
    let count = usize::from(cursor.u16(field)?);
    if count > max {
        return Err(DecodeError::Field { field });
    }
    (0..count).map(|_| take(cursor)).collect()
}

fn phase(phase: &Phase, out: &mut Fields<'_>) {
    match phase {
        Phase::Blocked => out.u8(BLOCKED),
        Phase::Delayed => out.u8(DELAYED),
        Phase::Ready => out.u8(READY),
        Phase::Running(run) => {
            out.u8(RUNNING);
            running(run, out);
        }
        Phase::Retrying { until } => {
            out.u8(RETRYING);
            out.time(*until);
        }
        Phase::Held { reason, labels: read } => {
            out.u8(HELD);
            out.u8(reason.code());
            out.option(read.as_deref(), labels);
        }
        Phase::Dead(death) => {
            out.u8(DEAD);
            dead(death, out);
        }
        Phase::Ended(ended) => {
            out.u8(ENDED);
            out.u8(ended.code());
        }
    }
}

fn take_phase(cursor: &mut Cursor<'_>) -> Result<Phase, DecodeError> {
    Ok(match cursor.u8("phase")? {
        BLOCKED => Phase::Blocked,
        DELAYED => Phase::Delayed,
        READY => Phase::Ready,
        RUNNING => Phase::Running(Box::new(take_running(cursor)?)),
        RETRYING => Phase::Retrying { until: cursor.time("until")? },
        HELD => Phase::Held {
            reason: cursor.code("reason", HoldReason::from_code)?,
            labels: cursor.option("labels", |cursor| take_labels(cursor).map(Box::new))?,
        },
        DEAD => Phase::Dead(Box::new(take_dead(cursor)?)),
        ENDED => Phase::Ended(cursor.code("ended", Ended::from_code)?),
        _ => return Err(DecodeError::Field { field: "phase" }),
    })
}

fn running(run: &Running, out: &mut Fields<'_>) {
    let Running { lease, holder, runner: said, lock, until, started_at, run_until, cancel_requested } = run;
    out.fixed(lease.as_bytes());
    out.text(holder.as_str());
    out.option(said.as_deref(), |out, said| runner(said, out));
    out.option(lock.as_ref(), |out, lock| out.fixed(lock.as_bytes()));
    out.time(*until);
    out.time(*started_at);
    out.time(*run_until);
    out.flag(*cancel_requested);
}

fn take_running(cursor: &mut Cursor<'_>) -> Result<Running, DecodeError> {
    Ok(Running {
        lease: LeaseId::from_bytes(cursor.fixed("lease")?),
        holder: cursor.text("holder", Principal::parse)?,
        runner: cursor.option("runner", take_runner)?,
        lock: cursor.option("lock", |cursor| cursor.fixed("lock").map(LockId::from_bytes))?,
        until: cursor.time("until")?,
        started_at: cursor.time("started_at")?,
        run_until: cursor.time("run_until")?,
        cancel_requested: cursor.flag("cancel_requested")?,
    })
}

fn runner(runner: &Runner, out: &mut Fields<'_>) {
    out.option(runner.instance(), |out, name| out.text(name.as_str()));
    out.option(runner.version(), |out, version| out.text(version.as_str()));
}

fn take_runner(cursor: &mut Cursor<'_>) -> Result<Arc<Runner>, DecodeError> {
    let instance = cursor.option("instance", |cursor| cursor.text("instance", InstanceName::parse))?;
    let version = cursor.option("code version", |cursor| cursor.text("code version", CodeVersion::parse))?;
    Runner::new(instance, version).map(Arc::new).ok_or(DecodeError::Field { field: "instance" })
}

fn run_by(by: &RunBy, out: &mut Fields<'_>) {
    let RunBy { worker, runner: said, started_at } = by;
    out.text(worker.as_str());
    out.option(said.as_deref(), |out, said| runner(said, out));
    out.time(*started_at);
}

fn take_run_by(cursor: &mut Cursor<'_>) -> Result<RunBy, DecodeError> {
    Ok(RunBy {
        worker: cursor.text("worker", Principal::parse)?,
        runner: cursor.option("runner", take_runner)?,
        started_at: cursor.time("started_at")?,
    })
}

fn dead(death: &Death, out: &mut Fields<'_>) {
    let Death { at, reason, category, code, by, fingerprint, labels: read } = death;
    out.time(*at);
    out.u8(reason.code());
    out.u8(category.code());
    out.option(code.as_ref(), |out, code| out.text(code.as_str()));
    out.option(by.as_ref(), |out, by| run_by(by, out));
    out.option(fingerprint.as_ref(), token);
    out.option(read.as_ref(), labels);
}

fn take_dead(cursor: &mut Cursor<'_>) -> Result<Death, DecodeError> {
    Ok(Death {
        at: cursor.time("at")?,
        reason: cursor.code("reason", DeadReason::from_code)?,
        category: cursor.code("category", Category::from_code)?,
        code: take_code(cursor)?,
        by: cursor.option("by", take_run_by)?,
        fingerprint: cursor.option("fingerprint", take_token)?,
        labels: cursor.option("labels", take_labels)?,
    })
}

fn labels(out: &mut Fields<'_>, labels: &Labels) {
    let Labels { kind, tags, seal_expires } = labels;
    out.option(kind.as_ref(), token);
    out.count(tags.len());
    tags.iter().for_each(|tag| token(out, tag));
    out.option(*seal_expires, Fields::time);
}

fn take_labels(cursor: &mut Cursor<'_>) -> Result<Labels, DecodeError> {
    Ok(Labels {
        kind: cursor.option("kind", take_token)?,
        tags: many("tags", limits::TAGS_MAX, cursor, take_token)?,
        seal_expires: cursor.option("seal_expires", |cursor| cursor.time("seal_expires"))?,
    })
}

fn past(past: &PastRow, out: &mut Fields<'_>) {
    let PastRow {
        last_failure,
        first_failed_at,
        settled,
        redrives,
        redriven_at,
        attempts_before,
        origin,
        here_since,
        attempts,
        reports: said,
        completed_by,
        parents: waits,
    } = past;
    out.option(last_failure.as_ref(), |out, Failure { attempt, category, at, record: said }| {
        out.u32(*attempt);
        out.u8(category.code());
        out.time(*at);
        out.option(said.as_ref(), |out, said| record(said, out));
    });
    out.option(*first_failed_at, Fields::time);
    out.option(settled.as_ref(), |out, (lease, how)| {
        out.fixed(lease.as_bytes());
        out.u8(how.code());
    });
    out.u32(*redrives);
    out.option(*redriven_at, Fields::time);
    out.u32(*attempts_before);
    out.option(origin.as_ref(), |out, origin| out.text(origin.as_str()));
    out.option(*here_since, Fields::time);
    out.count(attempts.len());
    attempts.iter().for_each(|one| attempt(one, out));
    out.option(said.as_deref(), |out, said| reports(said, out));
    out.option(completed_by.as_ref(), |out, by| run_by(by, out));
    out.option(waits.as_deref(), |out, waits| parents(waits, out));
}

fn take_past(cursor: &mut Cursor<'_>) -> Result<PastRow, DecodeError> {
    Ok(PastRow {
        last_failure: cursor.option("last_failure", |cursor| {
            Ok(Failure {
                attempt: cursor.u32("attempt")?,
                category: cursor.code("category", Category::from_code)?,
                at: cursor.time("at")?,
                record: cursor.option("record", take_record)?,
            })
        })?,
        first_failed_at: cursor.option("first_failed_at", |cursor| cursor.time("first_failed_at"))?,
        settled: cursor.option("settled", |cursor| {
            let lease = LeaseId::from_bytes(cursor.fixed("lease")?);
            Ok((lease, cursor.code("settled", Settled::from_code)?))
        })?,
        redrives: cursor.u32("redrives")?,
        redriven_at: cursor.option("redriven_at", |cursor| cursor.time("redriven_at"))?,
        attempts_before: cursor.u32("attempts_before")?,
        origin: cursor.option("origin", |cursor| cursor.text("origin", QueueName::parse))?,
        here_since: cursor.option("here_since", |cursor| cursor.time("here_since"))?,
        attempts: many("attempts", limits::ATTEMPTS_REMEMBERED_MAX, cursor, take_attempt)?,
        reports: cursor.option("reports", |cursor| take_reports(cursor).map(Box::new))?,
        completed_by: cursor.option("completed_by", take_run_by)?,
        parents: cursor.option("parents", |cursor| take_parents(cursor).map(Box::new))?,
    })
}

fn attempt(attempt: &Attempt, out: &mut Fields<'_>) {
    let Attempt { number, by, ended_at, end, category, code } = attempt;
    out.u32(*number);
    run_by(by, out);
    out.time(*ended_at);
    out.u8(end.code());
    out.option(*category, |out, category| out.u8(category.code()));
    out.option(code.as_ref(), |out, code| out.text(code.as_str()));
}

fn take_attempt(cursor: &mut Cursor<'_>) -> Result<Attempt, DecodeError> {
    Ok(Attempt {
        number: cursor.u32("number")?,
        by: take_run_by(cursor)?,
        ended_at: cursor.time("ended_at")?,
        end: cursor.code("end", AttemptEnd::from_code)?,
        category: cursor.option("category", |cursor| cursor.code("category", Category::from_code))?,
        code: take_code(cursor)?,
    })
}

fn reports(reports: &ReportsRow, out: &mut Fields<'_>) {
    let ReportsRow { last, progress, checkpoint, log, log_dropped } = reports;
    out.option(last.as_ref(), |out, last| report_key(last, out));
    out.option(progress.as_ref(), |out, Progress { key, percent, message, at }| {
        report_key(key, out);
        out.u8(*percent);
        out.option(message.as_ref(), |out, message| slice(message, out));
        out.time(*at);
    });
    out.option(checkpoint.as_ref(), |out, checkpoint| reported(checkpoint, out));
    out.count(log.len());
    log.iter().for_each(|entry| reported(entry, out));
    out.u64(*log_dropped);
}

fn take_reports(cursor: &mut Cursor<'_>) -> Result<ReportsRow, DecodeError> {
    Ok(ReportsRow {
        last: cursor.option("last", take_report_key)?,
        progress: cursor.option("progress", |cursor| {
            Ok(Progress {
                key: take_report_key(cursor)?,
                percent: cursor.u8("percent")?,
                message: cursor.option("message", take_slice)?,
                at: cursor.time("at")?,
            })
        })?,
        checkpoint: cursor.option("checkpoint", take_reported)?,
        log: many("log", limits::LOG_ENTRIES_MAX, cursor, take_reported)?,
        log_dropped: cursor.u64("log_dropped")?,
    })
}

fn reported(bytes: &ReportedBytes, out: &mut Fields<'_>) {
    let ReportedBytes { key, bytes, at } = bytes;
    report_key(key, out);
    slice(bytes, out);
    out.time(*at);
}

fn take_reported(cursor: &mut Cursor<'_>) -> Result<ReportedBytes, DecodeError> {
    Ok(ReportedBytes { key: take_report_key(cursor)?, bytes: take_slice(cursor)?, at: cursor.time("at")? })
}

fn slice(slice: &RecordSlice, out: &mut Fields<'_>) {
    record(&slice.record, out);
    out.u32(slice.offset);
    out.u32(slice.bytes);
}

fn take_slice(cursor: &mut Cursor<'_>) -> Result<RecordSlice, DecodeError> {
    Ok(RecordSlice {
        record: take_record(cursor)?,
        offset: cursor.u32("offset")?,
        bytes: cursor.u32("bytes")?,
    })
}

fn parents(parents: &ParentsRow, out: &mut Fields<'_>) {
    let ParentsRow { depth, blocked_at_first, left_all, left_any, one_met, ended, lost_to } = parents;
    out.u32(*depth);
    out.flag(*blocked_at_first);
    out.u32(*left_all);
    out.u32(*left_any);
    out.flag(*one_met);
    out.count(ended.len());
    ended.iter().for_each(|end| parent_end(end, out));
    out.option(lost_to.as_ref(), |out, parent| out.fixed(parent.as_bytes()));
}

fn take_parents(cursor: &mut Cursor<'_>) -> Result<ParentsRow, DecodeError> {
    Ok(ParentsRow {
        depth: cursor.u32("depth")?,
        blocked_at_first: cursor.flag("blocked_at_first")?,
        left_all: cursor.u32("left_all")?,
        left_any: cursor.u32("left_any")?,
        one_met: cursor.flag("one_met")?,
        ended: many("ended", limits::FLOW_BREADTH_MAX, cursor, take_parent_end)?,
        lost_to: cursor.option("lost_to", job_id)?,
    })
}

fn take_code(cursor: &mut Cursor<'_>) -> Result<Option<ErrorCode>, DecodeError> {
    cursor.option("code", |cursor| cursor.text("code", ErrorCode::parse))
}

fn token(out: &mut Fields<'_>, token: &Token) {
    out.fixed(token.as_bytes());
}

fn take_token(cursor: &mut Cursor<'_>) -> Result<Token, DecodeError> {
    cursor.fixed("token").map(Token::from_bytes)
}
