//! What only some jobs are sent with: behind the fields that every job has, each option behind a tag
//! of its own, tags ascending, up to the end of the record.
//!
//! A back-off alone is what version 2 holds, and is written as that one: one form only.

use sealane_core::queue::JobOptions;

use super::error::DecodeError;
use super::fact::{VERSION_1, VERSION_2, VERSION_3};
use super::fields::{Cursor, Fields};
use super::{links, retrying};

// Invariant: a tag is never reused and never changes its meaning.
const BACKOFF: u8 = 1;
const LINKS: u8 = 6;

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
    let JobOptions { backoff, links } = options;
    if version == VERSION_2 {
        backoff.iter().for_each(|backoff| retrying::backoff(backoff, out));
        return;
    }
    if let Some(backoff) = backoff {
        out.tagged(BACKOFF, |out| retrying::backoff(backoff, out));
    }
    if let Some(links) = links {
        out.tagged(LINKS, |out| links::encode(links, out));
    }
}

pub(super) fn decode(written: u8, cursor: &mut Cursor<'_>) -> Result<Option<Box<JobOptions>>, DecodeError> {
    let mut options = JobOptions::default();
    match written {
        VERSION_1 => {}
        VERSION_2 => options.backoff = Some(retrying::take_backoff(cursor)?),
        _ => cursor.tagged("options", |tag, cursor| {
            match tag {
                BACKOFF => options.backoff = Some(retrying::take_backoff(cursor)?),
                LINKS => options.links = Some(links::decode(cursor)?),
                _ => return Err(DecodeError::Field { field: "options" }),
            }
            Ok(())
        })?,
    }
    let options = options.boxed();
    if version(options.as_deref()) != written {
        return Err(DecodeError::Field { field: "options" });
    }
    Ok(options)
}
