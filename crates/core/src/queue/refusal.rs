//! Why a command was not done. Part of the contract: each refusal has one code on the wire.

use std::fmt;

use crate::id::{JobId, ScheduleId};
use crate::job::State;
use crate::limits;
use crate::name::Principal;
use crate::queue::schedule::{ScheduleError, SkipReason};
use crate::queue::settings::SettingsError;
use crate::sealed::SyntaxError;
use crate::time::Millis;

/// Why a command was not done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// There is no such queue.
    QueueUnknown,
    /// The namespace has as many queues as it may have.
    TooManyQueues,
    /// A queue setting is out of its bounds.
    Settings(SettingsError),
    /// The queue takes no new jobs.
    QueueDraining,
    /// As many jobs wait in the queue as may.
    QueueFull {
        /// How many.
        max_depth: u64,
    },
    /// The queue knows of as many fair keys as it may.
    TooManyFairKeys,
    /// The namespace has as many unfinished jobs as it may have.
    TooManyJobs,
    /// The job's owner has as many unfinished jobs as one may have.
    TooManyJobsOfPrincipal,
    /// The id belongs to a job that was sent with other content.
    JobIdConflict,
    /// The idempotency key came with other content before.
    IdempotencyConflict,
    /// The namespace keeps as many idempotency keys as it may.
    TooManyKeys,
    /// The sender has as many idempotency keys as it may.
    TooManyKeysOfPrincipal,
    /// Another job of the queue has the unique key and has not ended.
    UniqueTaken {
        /// Which.
        by: JobId,
        /// Who sent it; nobody where it is sent in the same request.
        owner: Option<Principal>,
    },
    /// The id is older than what the server remembers, so it could not tell a repeat.
    IdTooOld,
    /// The id claims to come from the future.
    IdAhead,
    /// The id is not a UUIDv7.
    IdVersion,
    /// The delay is too long.
    Delay,
    /// The job's time lies beyond the queue's horizon.
    Horizon {
        /// How far jobs may be sent for.
        horizon: Millis,
    },
    /// The time to live is zero or too long.
    Ttl,
    /// The time at which the job expires has passed, or is too far away.
    ExpiresAt,
    /// The job would expire before its first attempt may begin.
    ExpiresBeforeRun,
    /// The number of attempts is zero or too high.
    MaxAttempts,
    /// The lease is too short or too long.
    LeaseTime,
    /// The wish for the next attempt is too far away.
    RetryAfter,
    /// The queue takes sealed bodies only, and this one does not say that it is sealed.
    SealingRequired,
    /// The queue takes plain bodies only.
    SealingForbidden,
    /// The body says that it is sealed and is not well formed.
    Sealed(SyntaxError),
    /// The sealed body was made for another job.
    SealedForOther,
    /// The body is sealed under a root that the queue does not name.
    RootNotPublished,
    /// The body is larger than the queue takes.
    BodyTooLarge {
        /// Its bytes at most.
        max: u32,
    },
    /// A sealed body came without the job id that it is bound to.
    SealedNeedsId,
    /// The receipt's lease does not hold this job any more.
    LeaseLost,
    /// The session is not held any more with this receipt.
    SessionLockLost,
    /// The queue keeps no sessions.
    SessionsOff,
    /// The queue takes no jobs without a session.
    SessionRequired,
    /// The hold is too short or too long.
    SessionHold,
    /// The principal holds as many sessions as it may.
    TooManySessions,
    /// As many sessions remember something as may.
    TooManySessionStates,
    /// There is more to remember than a session may.
    SessionState,
    /// The sessions of this queue remember sealed bytes only.
    StateSealingRequired,
    /// A job would come in behind one in its session that waits for it.
    SessionCircle,
    /// This setting is changed in an empty queue only.
    QueueInUse,
    /// There is no such job.
    JobUnknown,
    /// This does not happen to a job in its state.
    JobState {
        /// Where it stands.
        state: State,
    },
    /// The report says nothing.
    ReportEmpty,
    /// The report's percent is none.
    ReportPercent,
    /// A part of the report is too large.
    ReportTooLarge {
        /// Which.
        what: &'static str,
        /// How many bytes it may have.
        max: usize,
    },
    /// The report's number is not the next one.
    ReportOrder {
        /// The next one.
        expected: u32,
    },
    /// The attempt reported as often as it may.
    ReportsUsed,
    /// The sealed body does not open any more.
    SealExpired,
    /// The job is completed, and would be re-driven.
    RedriveCompleted,
    /// The job that it should repeat is not known.
    CloneUnknown {
        /// Which.
        job: JobId,
    },
    /// The job that it should repeat has not ended.
    CloneNotEnded {
        /// Where that one stands.
        state: State,
    },
    /// The sealed body says otherwise than the request which job it repeats.
    CloneSealedOtherwise,
    /// The job was re-driven as often as it may be.
    RedrivesUsed,
    /// A job that it should run after is not known.
    ParentUnknown {
        /// Which.
        job: JobId,
    },
    /// A job that it should run after is named twice.
    ParentTwice {
        /// Which.
        job: JobId,
    },
    /// A job that it has yet to wait for ended otherwise than completed.
    ParentEnded {
        /// Which.
        job: JobId,
    },
    /// Too many jobs wait for one, or one for too many.
    FlowBreadth,
    /// Too many jobs wait for each other in a row.
    FlowDepth,
    /// The flow's id belongs to another flow.
    FlowIdTaken,
    /// Other bulk work on the queue is not over.
    SweepRunning,
    /// The namespace has as many dependencies as it may have.
    TooManyLinks,
    /// There is no such schedule.
    ScheduleUnknown,
    /// The schedule has another id.
    ScheduleOtherId {
        /// Which.
        id: ScheduleId,
    },
    /// The id belongs to a schedule of another name.
    ScheduleIdTaken,
    /// The namespace has as many schedules as it may have.
    TooManySchedules,
    /// A setting of the schedule is out of its bounds.
    Schedule(ScheduleError),
    /// The sealed body is not the template of this schedule.
    NotItsTemplate,
    /// The schedule cannot fire now.
    ScheduleSkips {
        /// Why not.
        reason: SkipReason,
    },
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::QueueUnknown => f.write_str("no such queue"),
            Self::TooManyQueues => write!(f, "a namespace has at most {} queues", limits::QUEUES_MAX),
            Self::Settings(error) => error.fmt(f),
            Self::QueueDraining => f.write_str("this queue drains: send to another one, or have it resumed"),
            Self::QueueFull { max_depth } => {
                write!(
                    f,
                    "{max_depth} jobs wait in this queue, and no more may: try again when some are done"
                )
            }
            Self::TooManyFairKeys => write!(
                f,
                "a queue tells at most {} fair keys apart: try again when the jobs of some are done",
                limits::FAIR_KEYS_MAX
            ),
            Self::TooManyJobs => {
                write!(
                    f,
                    "a namespace has at most {} unfinished jobs: try again when some are done",
                    limits::JOBS_MAX
                )
            }
            Self::TooManyJobsOfPrincipal => write!(
                f,
                "{} jobs of this one's owner are unfinished, and no more of one principal may be: try again when some are done, or have dead ones purged",
                limits::JOBS_PER_PRINCIPAL_MAX
            ),
            Self::JobIdConflict => {
                f.write_str("a job with this id was sent with other content: make a new id for other content")
            }
            Self::IdempotencyConflict => f.write_str(
                "this idempotency key was used for another kind or body: use a new key for other content",
            ),
            Self::TooManyKeys => write!(
                f,
                "{} idempotency keys are kept here, and no more may: try again later, lower the queues' idempotency_window_ms, or send job ids instead of keys",
                limits::IDEMPOTENCY_KEYS_MAX
            ),
            Self::TooManyKeysOfPrincipal => write!(
                f,
                "{} of your idempotency keys are kept, and no more may: try again later, lower the queue's idempotency_window_ms, or send job ids instead of keys",
                limits::IDEMPOTENCY_KEYS_PER_PRINCIPAL_MAX
            ),
            Self::UniqueTaken { .. } => f.write_str(
                "another job of this queue has the unique key and has not ended: wait for it, cancel it, or send with on_conflict merge",
            ),
            Self::IdTooOld => write!(
                f,
                "the id's time is older than the {} minutes for which repeats are recognised: make a new id; where a new one is as old, check the clocks",
                limits::FINISHED_KEPT_MS / 60_000
            ),
            Self::IdAhead => write!(
                f,
                "the id's time is more than {} minutes ahead of the server: check the clocks, and whether the server holds a step of its own (sealane server show)",
                limits::ID_AHEAD_MS / 60_000
            ),
            Self::IdVersion => f.write_str("a job id must be a UUIDv7"),
            Self::Delay => write!(f, "delay_ms must be at most {}", limits::DELAY_MS_MAX),
            Self::Horizon { horizon } => {
                write!(
                    f,
                    "delay_ms or run_at is beyond this queue's horizon of {horizon}: send the job later"
                )
            }
            Self::ExpiresBeforeRun => f.write_str(
                "the job would expire before it may begin: send it with a longer time to live, or for an earlier time",
            ),
            Self::Ttl => write!(f, "ttl_ms must be 1 to {}", limits::TTL_MS_MAX),
            Self::ExpiresAt => write!(
                f,
                "expires_at must lie ahead, by at most {} ms: nobody would run the job otherwise",
                limits::TTL_MS_MAX
            ),
            Self::MaxAttempts => write!(f, "max_attempts must be 1 to {}", limits::ATTEMPTS_MAX),
            Self::LeaseTime => {
                write!(f, "lease_ms must be {} to {}", limits::LEASE_MS_MIN, limits::LEASE_MS_MAX)
            }
            Self::RetryAfter => write!(f, "retry_after_ms must be at most {}", limits::DELAY_MS_MAX),
            Self::SealingRequired => write!(
                f,
                "this queue takes sealed bodies only: seal the body and send it as {}",
                crate::sealed::CONTENT_TYPE
            ),
            Self::SealingForbidden => f.write_str("this queue takes no sealed bodies"),
            Self::Sealed(error) => write!(f, "the sealed body is not well formed: {error}"),
            Self::RootNotPublished => f.write_str(
                "the body is sealed under another root than those that the queue names in root_ids: seal it with the keyring that the queue's workers have",
            ),
            Self::BodyTooLarge { max } => {
                write!(f, "a body has at most {max} bytes in this queue: send less, or a reference to it")
            }
            Self::SealedForOther => f.write_str("the sealed body was made for another job id"),
            Self::SealedNeedsId => f.write_str("a sealed body needs the job id that it was sealed for"),
            Self::LeaseLost => {
                f.write_str("the lease does not hold this job any more: another attempt may be running")
            }
            Self::SessionLockLost => f.write_str(
                "the session is not held with this receipt any more: somebody else may hold it, so stop and accept it anew",
            ),
            Self::SessionsOff => {
                f.write_str("this queue keeps no sessions: have its setting sessions made on or required")
            }
            Self::SessionRequired => {
                f.write_str("this queue takes no jobs without a session: send it with a session_id")
            }
            Self::SessionHold => {
                write!(f, "hold_ms must be {} to {}", limits::LEASE_MS_MIN, limits::SESSION_HOLD_MS_MAX)
            }
            Self::TooManySessions => write!(
                f,
                "one principal holds at most {} sessions at once: close some",
                limits::SESSIONS_HELD_MAX
            ),
            Self::TooManySessionStates => write!(
                f,
                "at most {} sessions of a namespace remember something: clear the state of some",
                limits::SESSION_STATES_MAX
            ),
            Self::SessionState => write!(
                f,
                "a session remembers at most {} bytes: store it elsewhere and keep a reference",
                limits::SESSION_STATE_BYTES_MAX
            ),
            Self::StateSealingRequired => f.write_str(
                "the sessions of this queue remember sealed bytes only: give the client keys, so that it seals the state",
            ),
            Self::SessionCircle => f.write_str(
                "in its session there a job stands that waits for this one, and this one would come in behind it: move or cancel that one first, or try again when it has heard how this one ended",
            ),
            Self::QueueInUse => f.write_str(
                "sessions are turned on or off in an empty queue only: make another queue, or let this one run empty and purge its dead-letter",
            ),
            Self::JobUnknown => f.write_str("no such job"),
            Self::JobState { state } => {
                write!(f, "the job is {state}: look at it again, this cannot be done to it as it stands")
            }
            Self::ReportEmpty => f.write_str("a report has progress, a log entry or a checkpoint: send one that has"),
            Self::ReportPercent => f.write_str("percent must be 0 to 100"),
            Self::ReportTooLarge { what, max } => {
                write!(f, "the {what} of a report may have {max} bytes: send less, or a reference to it")
            }
            Self::ReportOrder { expected } => {
                write!(f, "an attempt's reports are numbered from 0 without a gap: the next one is {expected}")
            }
            Self::ReportsUsed => write!(
                f,
                "an attempt reports at most {} times: report less often",
                limits::REPORTS_MAX
            ),
            Self::SealExpired => f.write_str(
                "the sealed body's own expiry has passed, so no worker would open it: its producer must send it again",
            ),
            Self::RedriveCompleted => f.write_str(
                "the job is completed, and what is completed is not run again: clone it, which sends the same as a new job",
            ),
            // Why no difference: whoever may not see a job learns nothing of whether it is there.
            Self::CloneUnknown { job } => write!(
                f,
                "there is no job {job} to clone, or not for this key, or it ended too long ago: send the body as a new job"
            ),
            Self::CloneNotEnded { state } => write!(
                f,
                "the job is {state}, and only one that has ended is cloned: wait for its end, or send the same as a job of its own"
            ),
            Self::CloneSealedOtherwise => f.write_str(
                "clone_of and the sealed body do not name the same job: seal the body with what clone_of says",
            ),
            Self::RedrivesUsed => write!(
                f,
                "the job was re-driven {} times already: find out why it ends like that and send it as a new one",
                limits::REDRIVES_MAX
            ),
            // Why no difference: whoever may not see a job learns nothing of whether it is there.
            Self::ParentUnknown { job } => write!(
                f,
                "there is no job {job} to run after, or not for this key: send that one first, or both as one flow"
            ),
            Self::ParentTwice { job } => {
                write!(f, "job {job} is named twice: name it once, in after or in after_any")
            }
            Self::ParentEnded { job } => write!(
                f,
                "the job has yet to wait for {job}, which ended otherwise than completed: re-drive that one first"
            ),
            Self::FlowBreadth => write!(
                f,
                "at most {0} jobs wait for one, and one for at most {0}: put jobs between them that gather",
                limits::FLOW_BREADTH_MAX
            ),
            Self::FlowDepth => write!(
                f,
                "at most {} jobs wait for each other in a row: begin anew from the result of the last one",
                limits::FLOW_DEPTH_MAX
            ),
            Self::FlowIdTaken => f.write_str(
                "a flow with this id was submitted with other jobs: make a new id for another flow",
            ),
            Self::TooManyLinks => write!(
                f,
                "a namespace has at most {} dependencies, those of finished jobs included for an hour: try again later, or let jobs wait for fewer others",
                limits::LINKS_KEPT_MAX
            ),
            Self::ScheduleUnknown => f.write_str("no such schedule"),
            Self::ScheduleOtherId { id } => write!(
                f,
                "this schedule's id is {id}: put it under that id, or remove it first"
            ),
            Self::ScheduleIdTaken => f.write_str("another schedule has this name or id: take another one"),
            Self::TooManySchedules => write!(
                f,
                "a namespace has at most {} schedules: remove what is not needed any more",
                limits::SCHEDULES_MAX
            ),
            Self::Schedule(error) => error.fmt(f),
            Self::NotItsTemplate => f.write_str(
                "the sealed body is not a template of this schedule: seal it as one, for the schedule's id",
            ),
            Self::ScheduleSkips { reason } => write!(f, "the schedule cannot fire now: {reason}"),
            Self::SweepRunning => {
                f.write_str("other bulk work on this queue is not over: try again when it is")
            }
        }
    }
}

impl std::error::Error for Refusal {}
