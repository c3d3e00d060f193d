//! The life of jobs in the queues of one namespace.
//!
//! [`transitions`] is the table of states; `docs/lifecycle.md` shows it and draws it.
//!
//! - [`Command`]: what can be asked. [`Refusal`]: why it was not done.
//! - [`Event`]: what happened. Stored by the journal; recovery applies the stored ones again.
//! - [`Shard`]: one namespace. [`Shard::decide`] judges, [`Shard::evolve`] applies,
//!   [`Shard::next_deadline`] and [`Shard::expire`] carry time and bulk work.
//! - [`state`]: all of a shard as a list of plain rows, and a shard made of such a list.
//! - [`feed`]: what of it is told to those who listen.
//! - `invariants`: what must always hold, checked by the tests after every step.

mod acceptance;
mod act;
mod ahead;
mod attempt;
mod cloning;
mod command;
mod dead_letter;
mod death;
mod decide;
mod event;
mod evolve;
pub mod feed;
mod filter;
mod finished;
mod gate;
mod held;
pub mod invariants;
mod job;
mod keys;
mod links;
mod listing;
mod live_options;
mod options;
mod owned;
mod parents;
mod ready;
mod refusal;
mod report;
mod root_ids;
mod run_limit;
mod runner;
mod schedule;
mod sealing;
pub mod session;
mod settings;
mod shard;
mod shared;
pub mod state;
mod sweep;
mod tally;
pub mod transitions;
mod unique;

pub use ahead::Together;
pub use attempt::{Attempt, AttemptEnd, RunBy};
pub use command::{
    Act, Command, Enqueue, Fire, Lease, Lifetime, PutSchedule, Receipt, ScheduleAct, Settle, Start,
};
pub use dead_letter::{Analysis, DeadPage, Deaths, Look, Pattern};
pub use death::{DeadReason, Death, Labels};
pub use event::{
    AfterParent, CancelReason, Event, JobEnqueued, Next, QueueNumber, ReleaseReason, SchedulePut,
};
pub use filter::DeadFilter;
pub use held::{HeldFilter, HeldPage};
pub use job::{Failure, JobView};
pub use keys::{Acceptance, IdempotencyKey};
pub use links::{Links, OnFailure};
pub use listing::{JobFilter, JobPage};
pub use options::JobOptions;
pub use parents::{LinksView, ParentEnd};
pub use refusal::Refusal;
pub use report::{Progress, Report, ReportKey, Reported, ReportedBytes, ReportedProgress};
pub use root_ids::{RootId, RootIds};
pub use run_limit::{Rate, RunLimit};
pub use runner::Runner;
pub use schedule::{
    DueSchedule, Firing, LastFiring, LastSkip, MissedPolicy, OverlapPolicy, ScheduleError, ScheduleSettings,
    ScheduleView, SkipReason,
};
pub use session::{SessionMode, SessionSettings};
pub use settings::{QueueMode, QueueSettings, SealingPolicy, SettingsError};
pub use shard::{QueueCounts, QueueView, Shard};
pub use sweep::{RedriveRate, Sweep, SweepKind, SweepWish};
pub use tally::Counted;
pub use unique::{OnConflict, UniqueKey};
