//! Version 1 of the shapes, one file per noun.

mod access;
mod acts;
mod attempts;
mod bodies;
mod bulk;
mod dead_analysis;
mod dead_filter;
mod dead_letter;
mod events;
mod flows;
mod held;
mod job_list;
mod jobs;
mod keys;
mod leases;
mod links;
mod metrics;
mod queues;
mod rates;
mod reports;
mod schedules;
mod server;
mod sessions;
mod shown;

pub use access::{AccessKeyIn, AccessKeyList, AccessKeyMade, AccessKeyOut};
pub use acts::{CancelIn, JobStands, MoveIn, ReprioritiseIn};
pub use attempts::{AttemptOut, RetryIn};
pub use bodies::{JobBodyIn, JobBodyOut, Reason};
pub use bulk::{DeadPurgeIn, DeadRedriveIn, SweepOut, WorkOut};
pub use dead_analysis::{DeadAnalysisOut, HourCount, PatternCount, Values, WordCount};
pub use dead_filter::{DeadFilterIn, KIND_FIELD, TAG_FIELD, TokenOf};
pub use dead_letter::{DeadJob, DeadLetterIn, DeadLetterOut, DeadPreviewOut};
pub use events::{Begin, EventEnd, EventReset, EventWish, EventsIn, JobEvent};
pub use flows::{
    FlowAccepted, FlowIn, FlowJobOut, FlowNode, FlowNodeAccepted, FlowNodeIn, FlowOut, FlowParts,
};
pub use held::{HeldFilterIn, HeldJob, HeldPreviewIn, HeldPreviewOut, HeldReleaseIn};
pub use job_list::{JobListIn, JobListOut, JobListed, JobWish};
pub use jobs::{
    JOB_TEXT_BYTES, JobAccepted, JobBatchIn, JobBatchOut, JobBatchResult, JobIn, JobOut, JobParts, LastError,
};
pub use keys::{MakeToken, SESSION_FIELD, SentKey, SentUnique, UniqueIn};
pub use leases::{
    Complete, CompleteItem, Extend, ExtendItem, Fail, FailItem, Hold, HoldItem, LeaseIn, LeaseOut, LeasedJob,
    Release, ReleaseItem, SettleResult, Settled,
};
pub use links::{DependenciesOut, DependencyOut, ParentOut};
pub use metrics::{METRICS_TEXT, MetricsOut};
pub use queues::{QueueCounts, QueueIn, QueueList, QueueOut, QueueSessions};
pub use rates::StartRate;
pub use reports::{
    CheckpointOut, JobLogIn, JobLogOut, LeasedCheckpoint, LogEntry, LogOut, LogPlace, ProgressIn,
    ProgressOut, ReportItem, Reports, WaitIn,
};
pub use schedules::{
    FireOut, FiredOut, FiringOut, ScheduleGone, ScheduleIn, ScheduleListIn, ScheduleListOut, ScheduleOut,
    ScheduleParts, SkippedOut,
};
pub use server::ServerOut;
pub use sessions::{
    HeldSession, SessionAcceptIn, SessionAcceptOut, SessionCloseIn, SessionListIn, SessionListOut,
    SessionOut, SessionReleaseIn, SessionReleased, SessionRenewIn, SessionSetStateIn, SessionStands,
    SessionStateIn, SessionStateOut,
};
pub use shown::WorkerSaid;
