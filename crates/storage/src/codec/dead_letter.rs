//! Facts about dead-letter: what bulk work is for and how far it is, what fails alike, what is known of
//! a dead or held job.
//!
//! Bulk work for all, and a slice that the next follows at once, are what version 1 holds, and are
//! written as that one: one form only.

use sealane_core::job::{Category, HoldReason};
use sealane_core::name::{ErrorCode, Principal};
use sealane_core::queue::{DeadFilter, Event, HeldFilter, Labels, RedriveRate, SweepKind, SweepWish};
use sealane_core::time::Time;
use sealane_core::token::Token;

use super::error::DecodeError;
use super::fact::{VERSION_1, VERSION_2};
use super::fields::{Cursor, Fields};
use super::shard::{job, next, take_next};

// Invariant: a tag is never reused and never changes its meaning.
pub(super) const JOB_FAILED_ALIKE: u8 = 64;
pub(super) const DEAD_LABELLED: u8 = 65;

// Tags of what bulk work is for.
const CATEGORY: u8 = 1;
const CODE: u8 = 2;
const FINGERPRINT: u8 = 3;
const KIND: u8 = 4;
const TAG: u8 = 5;
const OWNER: u8 = 6;
const DIED_FROM: u8 = 7;
const DIED_BEFORE: u8 = 8;
const RATE: u8 = 9;
const REASON: u8 = 10;
const HELD_FROM: u8 = 11;
const HELD_BEFORE: u8 = 12;

/// The first version of its record that can hold a wish.
pub(super) fn wish_version(wish: &SweepWish) -> u8 {
    if *wish == SweepWish::all(wish.kind()) { VERSION_1 } else { VERSION_2 }
}

pub(super) fn wish(wish: &SweepWish, out: &mut Fields<'_>) {
    out.u8(wish.kind().code());
    if wish_version(wish) == VERSION_2 {
        let mut selection = Vec::new();
        select(wish, &mut Fields(&mut selection));
        // Why its length: cut behind any of its parts it would be another selection.
        out.bytes(&selection);
    }
}

fn select(wish: &SweepWish, out: &mut Fields<'_>) {
    if let Some(filter) = wish.dead() {
        let DeadFilter { category, code, fingerprint, kind, tag, owner, died_from, died_before } = filter;
        // Invariant: tags ascending.
        category.iter().for_each(|category| out.tagged(CATEGORY, |out| out.u8(category.code())));
        code.iter().for_each(|code| out.tagged(CODE, |out| out.text(code.as_str())));
        for (tag, token) in [(FINGERPRINT, fingerprint), (KIND, kind), (TAG, tag)] {
            token.iter().for_each(|token| out.tagged(tag, |out| out.fixed(token.as_bytes())));
        }
        owner.iter().for_each(|owner| out.tagged(OWNER, |out| out.text(owner.as_str())));
        died_from.iter().for_each(|at| out.tagged(DIED_FROM, |out| out.time(*at)));
        died_before.iter().for_each(|at| out.tagged(DIED_BEFORE, |out| out.time(*at)));
    }
    if let Some(HeldFilter { kind, tag, owner, .. }) = wish.held() {
        for (tag, token) in [(KIND, kind), (TAG, tag)] {
            token.iter().for_each(|token| out.tagged(tag, |out| out.fixed(token.as_bytes())));
        }
        owner.iter().for_each(|owner| out.tagged(OWNER, |out| out.text(owner.as_str())));
    }
    wish.rate().iter().for_each(|rate| out.tagged(RATE, |out| out.u32(rate.get())));
    if let Some(HeldFilter { reason, held_from, held_before, .. }) = wish.held() {
        reason.iter().for_each(|reason| out.tagged(REASON, |out| out.u8(reason.code())));
        held_from.iter().for_each(|at| out.tagged(HELD_FROM, |out| out.time(*at)));
        held_before.iter().for_each(|at| out.tagged(HELD_BEFORE, |out| out.time(*at)));
    }
}

pub(super) fn take_wish(written: u8, cursor: &mut Cursor<'_>) -> Result<SweepWish, DecodeError> {
    let kind = cursor.code("kind", SweepKind::from_code)?;
    let (mut filter, mut held, mut rate) = (DeadFilter::default(), HeldFilter::default(), None);
    if written != VERSION_1 {
        let mut selection = Cursor::new(cursor.bytes("wish")?);
        selection.tagged("wish", |tag, cursor| {
            match tag {
                CATEGORY => filter.category = Some(cursor.code("category", Category::from_code)?),
                CODE => filter.code = Some(cursor.text("code", ErrorCode::parse)?),
                FINGERPRINT => filter.fingerprint = Some(token("fingerprint", cursor)?),
                KIND => filter.kind = Some(token("kind", cursor)?),
                TAG => filter.tag = Some(token("tag", cursor)?),
                OWNER => filter.owner = Some(cursor.text("owner", Principal::parse)?),
                DIED_FROM => filter.died_from = Some(cursor.time("died_from")?),
                DIED_BEFORE => filter.died_before = Some(cursor.time("died_before")?),
                RATE => {
                    let stored = RedriveRate::from_stored(cursor.u32("rate")?);
                    rate = Some(stored.ok_or(DecodeError::Field { field: "rate" })?);
                }
                REASON => held.reason = Some(cursor.code("reason", HoldReason::from_code)?),
                HELD_FROM => held.held_from = Some(cursor.time("held_from")?),
                HELD_BEFORE => held.held_before = Some(cursor.time("held_before")?),
                _ => return Err(DecodeError::Field { field: "wish" }),
            }
            Ok(())
        })?;
    }
    let of_dead = held.is_empty();
    let wish = match kind {
        SweepKind::PurgeDead if rate.is_none() && of_dead => SweepWish::PurgeDead { filter },
        SweepKind::RedriveDead if of_dead => SweepWish::RedriveDead { filter, rate },
        SweepKind::PurgeWaiting if rate.is_none() && of_dead && filter.is_empty() => SweepWish::PurgeWaiting,
        SweepKind::ReleaseHeld => {
            // The parts that both have.
            let DeadFilter { kind, tag, owner, .. } = &mut filter;
            let filter_of_held =
                HeldFilter { kind: kind.take(), tag: tag.take(), owner: owner.take(), ..held };
            if !filter.is_empty() {
                return Err(DecodeError::Field { field: "wish" });
            }
            SweepWish::ReleaseHeld { filter: filter_of_held, rate }
        }
        SweepKind::PurgeDead | SweepKind::PurgeWaiting | SweepKind::RedriveDead => {
            return Err(DecodeError::Field { field: "wish" });
        }
    };
    if wish_version(&wish) != written {
        return Err(DecodeError::Field { field: "wish" });
    }
    Ok(wish)
}

/// The first version of its record that can hold what a slice did, and when the next one follows.
pub(super) fn advance_version(jobs: u32, due: Time, at: Time) -> u8 {
    if jobs == 0 && due == at { VERSION_1 } else { VERSION_2 }
}

pub(super) fn advance(jobs: u32, due: Time, at: Time, out: &mut Fields<'_>) {
    if advance_version(jobs, due, at) == VERSION_2 {
        out.u32(jobs);
        out.time(due);
    }
}

pub(super) fn take_advance(
    written: u8,
    at: Time,
    cursor: &mut Cursor<'_>,
) -> Result<(u32, Time), DecodeError> {
    if written == VERSION_1 {
        return Ok((0, at));
    }
    let (jobs, due) = (cursor.u32("jobs")?, cursor.time("due")?);
    if advance_version(jobs, due, at) != written {
        return Err(DecodeError::Field { field: "due" });
    }
    Ok((jobs, due))
}

/// Writes what follows tag, version, namespace and time.
pub(super) fn encode(event: &Event, out: &mut Fields<'_>) {
    match event {
        Event::JobFailed { job, category, code, fingerprint, next: then, at: _ } => {
            out.fixed(job.as_bytes());
            out.u8(category.code());
            next(*then, out);
            out.option(code.as_ref(), |out, code| out.text(code.as_str()));
            fingerprint.iter().for_each(|fingerprint| out.fixed(fingerprint.as_bytes()));
        }
        Event::DeadLabelled { job, labels, at: _ } => {
            let Labels { kind, tags, seal_expires } = &**labels;
            out.fixed(job.as_bytes());
            out.option(*kind, |out, kind| out.fixed(kind.as_bytes()));
            out.count(tags.len());
            tags.iter().for_each(|tag| out.fixed(tag.as_bytes()));
            out.option(*seal_expires, Fields::time);
        }
        other => unreachable!("the caller's match hands over no {other:?}"),
    }
}

/// Reads the same.
pub(super) fn decode(tag: u8, at: Time, cursor: &mut Cursor<'_>) -> Result<Event, DecodeError> {
    let job = job(cursor)?;
    if tag == JOB_FAILED_ALIKE {
        return Ok(Event::JobFailed {
            job,
            category: cursor.code("category", Category::from_code)?,
            next: take_next(cursor)?,
            code: cursor.option("code", |cursor| cursor.text("code", ErrorCode::parse))?,
            fingerprint: Some(token("fingerprint", cursor)?),
            at,
        });
    }
    let kind = cursor.option("kind", |cursor| token("kind", cursor))?;
    let count = cursor.u16("tags")?;
    let tags = (0..count).map(|_| token("tags", cursor)).collect::<Result<_, _>>()?;
    let seal_expires = cursor.option("seal_expires", |cursor| cursor.time("seal_expires"))?;
    Ok(Event::DeadLabelled { job, labels: Box::new(Labels { kind, tags, seal_expires }), at })
}

fn token(field: &'static str, cursor: &mut Cursor<'_>) -> Result<Token, DecodeError> {
    cursor.fixed(field).map(Token::from_bytes)
}
