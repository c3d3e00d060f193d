//! Running handlers over a queue's jobs.
//!
//! ```text
//!            lease (only as many as can run)
//! provider ──────────────────────────────────▶ open ──▶ handler ──▶ settle
//!                                               │          │ └ panics: failed, temporary
//!                                               │          └── heartbeat keeps the lease; when it
//!                                               │              is lost, the handler is told
//!                                               │
//!                                               ├ does not open: held
//!                                               └ of a kind that fails and fails: handed back for now
//! ```

mod attempt;
mod builder;
mod circuits;
mod handed;
mod handler;
mod heartbeat;
mod outcome;
mod pace;
mod rate;
mod report;
mod run;
#[cfg(feature = "tower")]
mod service;
mod sessions;
mod settle;

pub use builder::WorkerBuilder;
pub(crate) use handed::Handed;
pub use handed::HandedJob;
pub use handler::{JobContext, JobSignals};
pub use outcome::{ERROR_BYTES_MAX, Outcome};
pub use report::{CheckpointError, Heard, LOG_BYTES_WAITING_MAX, MESSAGE_BYTES_MAX, REPORT_EVERY};
pub use run::{Worked, Worker};
#[cfg(feature = "tower")]
pub use service::{HandlerService, JobRequest};
pub(crate) use settle::Ended;
