//! Version 1 of the shapes, one file per noun.

mod access;
mod acts;
mod attempts;
mod dead_letter;
mod flows;
mod jobs;
mod leases;
mod links;
mod queues;
mod schedules;
mod server;
mod shown;

pub use access::{AccessKeyIn, AccessKeyList, AccessKeyMade, AccessKeyOut};
pub use acts::{CancelIn, JobStands, MoveIn, ReprioritiseIn};
pub use attempts::{AttemptOut, RetryIn};
pub use dead_letter::{DeadJob, DeadLetterIn, DeadLetterOut, SweepOut};
pub use flows::{
    FlowAccepted, FlowIn, FlowJobOut, FlowNode, FlowNodeAccepted, FlowNodeIn, FlowOut, FlowParts,
};
pub use jobs::{
    JOB_TEXT_BYTES, JobAccepted, JobBatchIn, JobBatchOut, JobBatchResult, JobIn, JobOut, JobParts, LastError,
};
pub use leases::{
    Complete, CompleteItem, Extend, ExtendItem, Fail, FailItem, Hold, HoldItem, LeaseIn, LeaseOut, LeasedJob,
    Release, ReleaseItem, SettleResult, Settled,
};
pub use links::{DependenciesOut, DependencyOut, ParentOut};
pub use queues::{QueueCounts, QueueIn, QueueList, QueueOut};
pub use schedules::{
    FireOut, FiredOut, FiringOut, ScheduleGone, ScheduleIn, ScheduleListIn, ScheduleListOut, ScheduleOut,
    ScheduleParts, SkippedOut,
};
pub use server::ServerOut;
