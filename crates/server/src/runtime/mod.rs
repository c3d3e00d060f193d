//! The engine: one thread, or in a simulation one task, that owns the queues and the journal.
//!
//! ```text
//!  handlers ──requests──▶ [bounded channel] ──▶ engine turn:
//!                                               1. what time brought about
//!                                               2. each request: decide → journal.append → evolve
//!                                               3. waiting lease requests
//!                                               4. journal.commit (one sync for all of them)
//!  handlers ◀──answers───────────────────────── 5. answers
//! ```
//! While a commit runs, the next requests gather in the channel: that is the whole of group commit.
//! Steps of jobs are published to those who listen right before step 5.
//! No answer that reports a change leaves before step 4 of its turn is over, reads included, since
//! they may show a change of the same turn.

mod acts;
#[cfg(test)]
mod bounds;
mod engine;
mod events;
mod fault;
mod flows;
mod handle;
mod job_waiters;
mod machine;
mod reports;
mod request;
mod schedules;
mod session_waiters;
mod sessions;
mod snapshots;
mod together;
mod waiters;

pub use engine::{Engine, Stopped};
pub use events::Events;
pub use fault::Fault;
pub use handle::{EngineHandle, QueuedRequests};
pub use machine::{Machine, Restoring};
pub use request::{
    Accepted, AcceptedSession, LeaseWish, Leased, LeasedJobs, NewJob, ReportItem, SessionAsk, SessionWish,
    SettleItem, SweepBegun,
};
pub use schedules::NewSchedule;
