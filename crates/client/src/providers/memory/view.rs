//! Jobs of the machine in the shapes that travel.

use std::sync::Arc;

use sealane_api::v1::{JobOut, LeasedJob, WorkerSaid};
use sealane_core::name::QueueName;
use sealane_core::queue::{Attempt, JobView, Receipt};
use sealane_core::time::Time;

use super::receipt;
use super::records::Record;

pub(super) fn job(view: &JobView, queue: &QueueName, attempts: &[Attempt], record: &Record) -> JobOut {
    let said = WorkerSaid {
        result: record.result.clone(),
        error: record.error.clone(),
        message: record.reports.message(&view.reported),
    };
    JobOut::show(view, queue, attempts, Some(&record.input), said)
}

pub(super) fn leased(
    view: &JobView,
    queue: &QueueName,
    record: &Record,
    held: &Receipt,
    now: Time,
) -> LeasedJob {
    let checkpoint = record.reports.checkpoint(&view.reported);
    LeasedJob::hand_out(view, queue, Arc::clone(&record.input), checkpoint, receipt::write(held), now)
}
