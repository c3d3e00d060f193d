//! What only some jobs are sent with: behind the fields that every job has, each option behind a tag
//! of its own, tags ascending, up to the end of the record.
//!
//! A back-off alone is what version 2 holds, and is written as that one: one form only.

use sealane_core::id::{JobId, ScheduleId};
use sealane_core::queue::{Firing, JobOptions};
use sealane_core::token::Token;

use super::error::DecodeError;
use super::fact::{VERSION_1, VERSION_2, VERSION_3};
use super::fields::{Cursor, Fields};
use super::{keys, links, retrying};

// Invariant: a tag is never reused and never changes its meaning.
const BACKOFF: u8 = 1;
const IDEMPOTENCY_KEY: u8 = 2;
const UNIQUE_KEY: u8 = 3;
const SESSION: u8 = 4;
const FAIR_KEY: u8 = 5;
const LINKS: u8 = 6;
const FIRING: u8 = 7;
const CLONE_OF: u8 = 8;

/// The first version of a job's record that can hold these.
pub(super) fn version(options: Option<&JobOptions>) -> u8 {
    let Some(options) = options else { return VERSION_1 };
    let mut rest = options.clone();
    rest.backoff = None;
    if options.backoff.is_some() && rest == JobOptions::default() { VERSION_2 } else { VERSION_3 }
}

pub(super) fn encode(options: Option<&JobOptions>, out: &mut Fields<'_>) {
    let version = version(options);
    let Some(options) = options else { return };
    if version == VERSION_2 {
        options.backoff.iter().for_each(|backoff| retrying::backoff(backoff, out));
    } else {
        encode_tagged(options, out);
    }
}

/// Each behind its tag, up to the end of the record.
pub(super) fn encode_tagged(options: &JobOptions, out: &mut Fields<'_>) {
    let JobOptions { backoff, idempotency, unique, session, fair_key, links, firing, clone_of } = options;
    if let Some(backoff) = backoff {
        out.tagged(BACKOFF, |out| retrying::backoff(backoff, out));
    }
    if let Some(key) = idempotency {
        out.tagged(IDEMPOTENCY_KEY, |out| keys::idempotency(key, out));
    }
    if let Some(unique) = unique {
        out.tagged(UNIQUE_KEY, |out| keys::unique(unique, out));
    }
    if let Some(session) = session {
        out.tagged(SESSION, |out| out.fixed(session.as_bytes()));
    }
    if let Some(key) = fair_key {
        out.tagged(FAIR_KEY, |out| out.fixed(key.as_bytes()));
    }
    if let Some(links) = links {
        out.tagged(LINKS, |out| links::encode(links, out));
    }
    if let Some(Firing { schedule, due }) = firing {
        out.tagged(FIRING, |out| {
            out.fixed(schedule.as_bytes());
            out.time(*due);
        });
    }
    if let Some(original) = clone_of {
        out.tagged(CLONE_OF, |out| out.fixed(original.as_bytes()));
    }
}

pub(super) fn decode(written: u8, cursor: &mut Cursor<'_>) -> Result<Option<Box<JobOptions>>, DecodeError> {
    let options = match written {
        VERSION_1 => None,
        VERSION_2 => {
            let backoff = Some(retrying::take_backoff(cursor)?);
            JobOptions { backoff, ..JobOptions::default() }.boxed()
        }
        _ => decode_tagged(cursor)?,
    };
    if version(options.as_deref()) != written {
        return Err(DecodeError::Field { field: "options" });
    }
    Ok(options)
}

pub(super) fn decode_tagged(cursor: &mut Cursor<'_>) -> Result<Option<Box<JobOptions>>, DecodeError> {
    let mut options = JobOptions::default();
    cursor.tagged("options", |tag, cursor| {
        match tag {
            BACKOFF => options.backoff = Some(retrying::take_backoff(cursor)?),
            IDEMPOTENCY_KEY => options.idempotency = Some(keys::take_idempotency(cursor)?),
            UNIQUE_KEY => options.unique = Some(keys::take_unique(cursor)?),
            SESSION => options.session = Some(Token::from_bytes(cursor.fixed("session")?)),
            FAIR_KEY => options.fair_key = Some(Token::from_bytes(cursor.fixed("fair_key")?)),
            LINKS => options.links = Some(links::decode(cursor)?),
            FIRING => {
                let schedule = ScheduleId::from_bytes(cursor.fixed("schedule")?);
                options.firing = Some(Firing { schedule, due: cursor.time("due")? });
            }
            CLONE_OF => options.clone_of = Some(JobId::from_bytes(cursor.fixed("clone_of")?)),
            _ => return Err(DecodeError::Field { field: "options" }),
        }
        Ok(())
    })?;
    Ok(options.boxed())
}
