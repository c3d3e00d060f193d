//! A job's place among others, and what the end of one means for another.
//!
//! links = flow opt 16 ‖ on failure u8 ‖ count ‖ that many jobs (all of them) ‖ count ‖ that many jobs
//! (one of them); jobs ascending.

use sealane_core::id::{FlowId, JobId};
use sealane_core::limits;
use sealane_core::queue::{AfterParent, Event, Links, OnFailure};
use sealane_core::time::Time;

use super::error::DecodeError;
use super::fields::{Cursor, Fields};
use super::shard::job;

// Invariant: a tag is never reused and never changes its meaning.
pub(super) const PARENT_ENDED: u8 = 48;

pub(super) fn encode(links: &Links, out: &mut Fields<'_>) {
    out.option(links.flow(), |out, flow| out.fixed(flow.as_bytes()));
    out.u8(links.on_failure().code());
    for jobs in [links.all(), links.any()] {
        out.count(jobs.len());
        jobs.iter().for_each(|job| out.fixed(job.as_bytes()));
    }
}

pub(super) fn decode(cursor: &mut Cursor<'_>) -> Result<Box<Links>, DecodeError> {
    let flow = cursor.option("flow", |cursor| cursor.fixed("flow").map(FlowId::from_bytes))?;
    let on_failure = cursor.code("on_failure", OnFailure::from_code)?;
    let (all, any) = (jobs(cursor)?, jobs(cursor)?);
    let links = Links::new(flow, all.clone(), any.clone(), on_failure);
    // One form only: what had to be put in order was written by nobody.
    match links {
        Ok(links) if links.all() == all && links.any() == any => Ok(Box::new(links)),
        _ => Err(DecodeError::Field { field: "links" }),
    }
}

fn jobs(cursor: &mut Cursor<'_>) -> Result<Vec<JobId>, DecodeError> {
    let count = usize::from(cursor.u16("links")?);
    if count > limits::FLOW_BREADTH_MAX {
        return Err(DecodeError::Field { field: "links" });
    }
    (0..count).map(|_| job(cursor)).collect()
}

/// Writes what follows tag, version, namespace and time.
pub(super) fn encode_end(job: &JobId, parent: &JobId, next: AfterParent, out: &mut Fields<'_>) {
    out.fixed(job.as_bytes());
    out.fixed(parent.as_bytes());
    out.u8(next.code());
}

/// Reads the same.
pub(super) fn decode_end(at: Time, cursor: &mut Cursor<'_>) -> Result<Event, DecodeError> {
    let (child, parent) = (job(cursor)?, job(cursor)?);
    Ok(Event::ParentEnded { job: child, parent, next: cursor.code("next", AfterParent::from_code)?, at })
}
