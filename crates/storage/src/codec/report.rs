//! What workers report of jobs that they run.

use sealane_core::queue::{Event, Report, ReportedProgress};
use sealane_core::time::Time;

use super::error::DecodeError;
use super::fields::{Cursor, Fields};
use super::shard::job;

// Invariant: a tag is never reused and never changes its meaning.
pub(super) const JOB_REPORTED: u8 = 38;

/// Writes what follows tag, version, namespace and time.
pub(super) fn encode(event: &Event, out: &mut Fields<'_>) {
    let Event::JobReported { job, report: Report { seq, progress, log, checkpoint }, at: _ } = event else {
        unreachable!("the caller's match hands over no {event:?}")
    };
    out.fixed(job.as_bytes());
    out.u32(*seq);
    out.option(*progress, |out, ReportedProgress { percent, message }| {
        out.u8(percent);
        out.option(message, Fields::u32);
    });
    out.option(*log, Fields::u32);
    out.option(*checkpoint, Fields::u32);
}

/// Reads the same.
pub(super) fn decode(at: Time, cursor: &mut Cursor<'_>) -> Result<Event, DecodeError> {
    let job = job(cursor)?;
    let report = Report {
        seq: cursor.u32("seq")?,
        progress: cursor.option("progress", |cursor| {
            let percent = cursor.u8("percent")?;
            Ok(ReportedProgress { percent, message: cursor.option("message", |bytes| bytes.u32("message"))? })
        })?,
        log: cursor.option("log", |bytes| bytes.u32("log"))?,
        checkpoint: cursor.option("checkpoint", |bytes| bytes.u32("checkpoint"))?,
    };
    Ok(Event::JobReported { job, report, at })
}
