//! Queues, and what hangs on a queue, as rows.

use sealane_core::id::LockId;
use sealane_core::name::{Principal, QueueName};
use sealane_core::queue::session::SessionName;
use sealane_core::queue::state::{FairKeyRow, GateRow, HoldRow, QueueRow, SessionRow, SweepRow};
use sealane_core::queue::{DeadReason, QueueMode, QueueNumber};
use sealane_core::token::Token;

use super::super::error::DecodeError;
use super::super::fields::{Cursor, Fields};
use super::super::{dead_letter, settings};
use super::{job_id, record, take_record};

// Of where a session's name stands. Never reused.
const NAME_OF_JOB: u8 = 1;
const NAME_OF_HOLD: u8 = 2;

pub(super) fn queue(row: &QueueRow, out: &mut Fields<'_>) {
    let QueueRow {
        name,
        settings: set,
        mode,
        created_at,
        completed,
        expired,
        cancelled,
        deaths,
        passed,
        gate: of_all,
        next_turn,
        died,
    } = row;
    out.text(name.as_str());
    out.u8(settings::version(set));
    let mut fields = Vec::new();
    settings::encode(set, &mut Fields(&mut fields));
    out.bytes(&fields);
    out.u8(mode.code());
    out.time(*created_at);
    [completed, expired, cancelled].into_iter().for_each(|count| out.u64(*count));
    out.count(deaths.len());
    for (minute, count) in deaths {
        out.u64(*minute);
        out.u32(*count);
    }
    passed.iter().for_each(|passed| out.u32(*passed));
    gate(of_all, out);
    out.u64(*next_turn);
    let died: Vec<_> = DeadReason::ALL.iter().zip(died).filter(|(_, jobs)| **jobs > 0).collect();
    out.count(died.len());
    for (reason, jobs) in died {
        out.u8(reason.code());
        out.u64(*jobs);
    }
}

pub(super) fn take_queue(cursor: &mut Cursor<'_>) -> Result<QueueRow, DecodeError> {
    let name = cursor.text("name", QueueName::parse)?;
    let version = cursor.u8("settings")?;
    let mut fields = Cursor::new(cursor.bytes("settings")?);
    let settings = settings::decode(version, &mut fields)?;
    fields.end()?;
    Ok(QueueRow {
        name,
        settings,
        mode: cursor.code("mode", QueueMode::from_code)?,
        created_at: cursor.time("created_at")?,
        completed: cursor.u64("completed")?,
        expired: cursor.u64("expired")?,
        cancelled: cursor.u64("cancelled")?,
        deaths: (0..cursor.u16("deaths")?)
            .map(|_| Ok((cursor.u64("deaths")?, cursor.u32("deaths")?)))
            .collect::<Result<_, _>>()?,
        passed: each(|| cursor.u32("passed"))?,
        gate: take_gate(cursor)?,
        next_turn: cursor.u64("next_turn")?,
        died: take_died(cursor)?,
    })
}

/// One form only: the reasons of at least one death, in their order.
fn take_died(cursor: &mut Cursor<'_>) -> Result<[u64; DeadReason::ALL.len()], DecodeError> {
    let mut died = [0; DeadReason::ALL.len()];
    let mut places = DeadReason::ALL.iter().zip(&mut died);
    for _ in 0..cursor.u16("died")? {
        let reason = cursor.code("died", DeadReason::from_code)?;
        let place = places.find(|(other, _)| **other == reason);
        match (place, cursor.u64("died")?) {
            (Some((_, total)), jobs) if jobs > 0 => *total = jobs,
            _ => return Err(DecodeError::Field { field: "died" }),
        }
    }
    Ok(died)
}

/// As many as there are places.
fn each<T: Copy + Default, const N: usize>(
    mut take: impl FnMut() -> Result<T, DecodeError>,
) -> Result<[T; N], DecodeError> {
    let mut all = [T::default(); N];
    for one in &mut all {
        *one = take()?;
    }
    Ok(all)
}

fn gate(gate: &GateRow, out: &mut Fields<'_>) {
    out.u64(gate.missing);
    out.time(gate.at);
}

fn take_gate(cursor: &mut Cursor<'_>) -> Result<GateRow, DecodeError> {
    Ok(GateRow { missing: cursor.u64("missing")?, at: cursor.time("at")? })
}

pub(super) fn fair_key(row: &FairKeyRow, out: &mut Fields<'_>) {
    let FairKeyRow { queue, key, gate: of_key, turns } = row;
    out.u32(queue.0);
    out.option(key.as_ref(), |out, key| out.fixed(key.as_bytes()));
    gate(of_key, out);
    turns.iter().for_each(|turn| out.option(*turn, Fields::u64));
}

pub(super) fn take_fair_key(cursor: &mut Cursor<'_>) -> Result<FairKeyRow, DecodeError> {
    Ok(FairKeyRow {
        queue: QueueNumber(cursor.u32("queue")?),
        key: cursor.option("key", |cursor| cursor.fixed("key").map(Token::from_bytes))?,
        gate: take_gate(cursor)?,
        turns: each(|| cursor.option("turn", |cursor| cursor.u64("turn")))?,
    })
}

pub(super) fn session(row: &SessionRow, out: &mut Fields<'_>) {
    let SessionRow { queue, session, name, hold, state } = row;
    out.u32(queue.0);
    out.fixed(session.as_bytes());
    let (of, named) = match name {
        SessionName::Job(named) => (NAME_OF_JOB, named),
        SessionName::Hold(named) => (NAME_OF_HOLD, named),
    };
    out.u8(of);
    record(named, out);
    out.option(hold.as_ref(), |out, hold| {
        let HoldRow { id, holder, since, until, hold_until, idle_from, idle } = hold;
        out.fixed(id.as_bytes());
        out.text(holder.as_str());
        [since, until, hold_until, idle_from].into_iter().for_each(|time| out.time(*time));
        out.millis(*idle);
    });
    out.option(state.as_ref(), |out, state| record(state, out));
}

pub(super) fn take_session(cursor: &mut Cursor<'_>) -> Result<SessionRow, DecodeError> {
    Ok(SessionRow {
        queue: QueueNumber(cursor.u32("queue")?),
        session: Token::from_bytes(cursor.fixed("session")?),
        name: match cursor.u8("name")? {
            NAME_OF_JOB => SessionName::Job(take_record(cursor)?),
            NAME_OF_HOLD => SessionName::Hold(take_record(cursor)?),
            _ => return Err(DecodeError::Field { field: "name" }),
        },
        hold: cursor.option("hold", |cursor| {
            Ok(HoldRow {
                id: LockId::from_bytes(cursor.fixed("lock")?),
                holder: cursor.text("holder", Principal::parse)?,
                since: cursor.time("since")?,
                until: cursor.time("until")?,
                hold_until: cursor.time("hold_until")?,
                idle_from: cursor.time("idle_from")?,
                idle: cursor.millis("idle")?,
            })
        })?,
        state: cursor.option("state", take_record)?,
    })
}

pub(super) fn sweep(row: &SweepRow, out: &mut Fields<'_>) {
    let SweepRow { queue, wish, begun_at, done, through, due, turn } = row;
    out.u32(queue.0);
    out.u8(dead_letter::wish_version(wish));
    dead_letter::wish(wish, out);
    out.time(*begun_at);
    out.u64(*done);
    out.option(through.as_ref(), |out, (died_at, job)| {
        out.time(*died_at);
        out.fixed(job.as_bytes());
    });
    out.time(*due);
    out.u64(*turn);
}

pub(super) fn take_sweep(cursor: &mut Cursor<'_>) -> Result<SweepRow, DecodeError> {
    let queue = QueueNumber(cursor.u32("queue")?);
    let version = cursor.u8("wish")?;
    Ok(SweepRow {
        queue,
        wish: dead_letter::take_wish(version, cursor)?,
        begun_at: cursor.time("begun_at")?,
        done: cursor.u64("done")?,
        through: cursor.option("through", |cursor| Ok((cursor.time("died_at")?, job_id(cursor)?)))?,
        due: cursor.time("due")?,
        turn: cursor.u64("turn")?,
    })
}
