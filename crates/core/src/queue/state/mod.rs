//! All of a shard as a list of plain rows, and a shard made of such a list: what a snapshot holds.
//!
//! Rows hold what does not follow from anything else; every index is made anew. The list begins with
//! [`ShardRow`], and what others refer to comes before them: queues before their jobs, sessions before
//! those who stand in line. A row is bytes from a disk by the time it comes back, so [`Rebuild`] trusts
//! none of them: what does not fit together is a [`RowError`], never a panic.
//!
//! - `row`, `job_row`: what the rows are. No row holds more of a caller than an event does.
//! - `rows`: a shard's list. `rebuild`, `rebuild_jobs`, `rebuild_ends`: the way back.

mod error;
mod job_row;
mod rebuild;
mod rebuild_ends;
mod rebuild_jobs;
mod row;
mod rows;

pub use super::job::{Ended, Phase, Running, Settled};
pub use error::RowError;
pub use job_row::{JobRow, ParentsRow, PastRow, ReportsRow};
pub use rebuild::Rebuild;
pub use row::{
    FairKeyRow, FinishedRow, GateRow, HoldRow, IdempotencyRow, QueueRow, Row, ScheduleRow, SessionRow,
    ShardRow, SweepRow,
};
