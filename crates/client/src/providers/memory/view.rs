//! Jobs of the machine in the shapes that travel.

use std::sync::Arc;

use sealane_api::v1::{JobOut, LeasedJob};
use sealane_core::name::QueueName;
use sealane_core::queue::{Attempt, JobView, Receipt};
use sealane_core::time::Time;

use super::receipt;
use super::records::Record;

pub(super) fn job(view: &JobView, queue: &QueueName, attempts: &[Attempt], record: &Record) -> JobOut {
    JobOut::show(view, queue, attempts, Some(&record.input), record.result.clone(), record.error.clone())
}

pub(super) fn leased(
    view: &JobView,
    queue: &QueueName,
    record: &Record,
    held: &Receipt,
    now: Time,
) -> LeasedJob {
    LeasedJob::hand_out(view, queue, Arc::clone(&record.input), receipt::write(held), now)
}
