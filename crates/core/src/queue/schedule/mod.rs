//! Schedules: jobs that are sent by time.
//!
//! - [`ScheduleSettings`]: what a schedule is told. When it fires is in [`crate::cadence`].
//! - `table`: the schedules of a namespace and the order in which they are due.
//! - `decide`: putting, pausing, removing and firing them.
//! - [`Firing`]: which firing of which schedule a job is.
//!
//! A firing is judged when it is due, not before: its job is accepted as one that somebody sends at
//! that moment, under an id that follows from schedule and due time, so that no firing can happen twice.

mod decide;
mod firing;
mod settings;
mod table;

pub use firing::Firing;
pub use settings::{MissedPolicy, OverlapPolicy, ScheduleError, ScheduleSettings};
pub use table::{DueSchedule, LastFiring, LastSkip, ScheduleView, SkipReason};
pub(super) use table::{Schedule, Schedules};
