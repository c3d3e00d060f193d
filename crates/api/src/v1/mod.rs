//! Version 1 of the shapes, one file per noun.

mod access;
mod acts;
mod attempts;
mod dead_letter;
mod jobs;
mod leases;
mod queues;
mod reports;
mod schedules;
mod server;
mod shown;

pub use access::{AccessKeyIn, AccessKeyList, AccessKeyMade, AccessKeyOut};
pub use acts::{CancelIn, JobStands, MoveIn, ReprioritiseIn};
pub use attempts::{AttemptOut, RetryIn};
pub use dead_letter::{DeadJob, DeadLetterIn, DeadLetterOut, SweepOut};
pub use jobs::{
    JOB_TEXT_BYTES, JobAccepted, JobBatchIn, JobBatchOut, JobBatchResult, JobIn, JobOut, JobParts, LastError,
};
pub use leases::{
    Complete, CompleteItem, Extend, ExtendItem, Fail, FailItem, Hold, HoldItem, LeaseIn, LeaseOut, LeasedJob,
    Release, ReleaseItem, SettleResult, Settled,
};
pub use queues::{QueueCounts, QueueIn, QueueList, QueueOut};
pub use reports::{
    CheckpointOut, JobLogIn, JobLogOut, LeasedCheckpoint, LogEntry, LogOut, LogPlace, ProgressIn,
    ProgressOut, ReportItem, Reports, WaitIn,
};
pub use schedules::{
    FireOut, FiredOut, FiringOut, ScheduleGone, ScheduleIn, ScheduleListIn, ScheduleListOut, ScheduleOut,
    ScheduleParts, SkippedOut,
};
pub use server::ServerOut;
pub use shown::WorkerSaid;
