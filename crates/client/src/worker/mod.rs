//! Running handlers over a queue's jobs.
//!
//! ```text
//!            lease (only as many as can run)
//! provider ──────────────────────────────────▶ open ──▶ handler ──▶ settle
//!                                               │          │ └ panics: failed, temporary
//!                                               │          └── heartbeat keeps the lease; when it
//!                                               │              is lost, the handler is told
//!                                               └ does not open: held
//! ```

mod attempt;
mod builder;
mod handler;
mod heartbeat;
mod outcome;
mod report;
mod run;
mod settle;

pub use builder::WorkerBuilder;
pub use handler::{JobContext, JobSignals};
pub use outcome::{ERROR_BYTES_MAX, Outcome};
pub use report::{CheckpointError, Heard, LOG_BYTES_WAITING_MAX, MESSAGE_BYTES_MAX, REPORT_EVERY};
pub use run::{Worked, Worker};
