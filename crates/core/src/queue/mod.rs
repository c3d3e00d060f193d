//! The life of jobs in the queues of one namespace.
//!
//! ```text
//!             run_at comes             lease               complete
//!  delayed ───────────────▶ ready ───────────────▶ running ─────────▶ completed
//!     ▲                     ▲ ▲ │ ttl                │ │ │
//!     │                     │ │ └──────▶ expired     │ │ └─ hold ───▶ held
//!     └── release, delay ───┼─┼──────────────────────┤ │
//!                  release, │ │                      │ └─ fail for good,
//!             lease expired └─┼──────────────────────┤    attempts used ─▶ dead
//!                             │ back-off over        │ fail
//!                             └───────── retrying ◀──┘
//! ```
//!
//! `delayed` and `retrying` jobs expire as well. A job whose stored record cannot be read is held from
//! wherever it waits.
//!
//! - [`Command`]: what can be asked. [`Refusal`]: why it was not done.
//! - [`Event`]: what happened. Stored by the journal; recovery applies the stored ones again.
//! - [`Shard`]: one namespace. [`Shard::decide`] judges, [`Shard::evolve`] applies,
//!   [`Shard::next_deadline`] and [`Shard::expire`] carry time.
//! - `invariants`: what must always hold, checked by the tests after every step.

mod command;
mod decide;
mod event;
mod evolve;
mod finished;
pub mod invariants;
mod job;
mod refusal;
mod sealing;
mod settings;
mod shard;

pub use command::{Command, Enqueue, Lease, Receipt, Settle};
pub use event::{Event, JobEnqueued, Next, QueueNumber, ReleaseReason};
pub use job::{Failure, JobView};
pub use refusal::Refusal;
pub use settings::{QueueSettings, SealingPolicy, SettingsError};
pub use shard::{QueueCounts, QueueView, Shard};
