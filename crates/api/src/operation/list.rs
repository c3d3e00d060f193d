//! Every operation. To add one: a block here, a handler in the server.

use sealane_core::id::{FlowId, JobId};
use sealane_core::name::{KeyId, QueueName, ScheduleName};

use super::{Answer, Class, Method, NoBody, NoQuery, Operation, OrNothing, Target};
use crate::permission::Permission;
use crate::problem::Problem;
use crate::v1;

/// Where a field of an operation comes from.
macro_rules! taken {
    (queue, $parameter:ident, $query:ident, $body:ident) => {
        QueueName::parse($parameter).map_err(Problem::invalid)?
    };
    (job, $parameter:ident, $query:ident, $body:ident) => {
        JobId::parse($parameter).map_err(Problem::invalid)?
    };
    (flow, $parameter:ident, $query:ident, $body:ident) => {
        FlowId::parse($parameter).map_err(Problem::invalid)?
    };
    (flow_body, $parameter:ident, $query:ident, $body:ident) => {
        v1::FlowParts::try_from($body)?
    };
    (schedule, $parameter:ident, $query:ident, $body:ident) => {
        ScheduleName::parse($parameter).map_err(Problem::invalid)?
    };
    (reason_body, $parameter:ident, $query:ident, $body:ident) => {
        v1::Reason::try_from($body.0)?
    };
    (key, $parameter:ident, $query:ident, $body:ident) => {
        // Why not found: whatever is not a key id names no key.
        KeyId::parse($parameter).map_err(|_| Problem::not_found())?
    };
    (event_query, $parameter:ident, $query:ident, $body:ident) => {
        v1::EventWish::try_from(&$query)?
    };
    (body, $parameter:ident, $query:ident, $body:ident) => {
        $body
    };
}

/// What may stand behind the path: nothing where nobody says.
macro_rules! query_of {
    () => {
        NoQuery
    };
    ($query:ty) => {
        $query
    };
}

macro_rules! operations {
    ($(
        $op:ident = $name:literal, $summary:literal,
        $method:ident $path:literal, $permission:ident, $class:ident, repeatable: $repeatable:literal,
        { $($field:ident : $type:ty = $from:ident),* }, $(query: $query:ty,)? body: $body:ty => $answer:ty,
        $(streams: $streams:literal,)?
        $(reason: $reason:expr,)?
        target: $target:expr;
    )*) => {
        $(
            #[doc = concat!("`", $name, "`: ", $summary, ".")]
            #[derive(Clone, Debug)]
            pub struct $op {
                $(#[doc = concat!("From the request's ", stringify!($from), ".")] pub $field: $type,)*
            }

            impl Operation for $op {
                const NAME: &'static str = $name;
                const SUMMARY: &'static str = $summary;
                const METHOD: Method = Method::$method;
                const PATH: &'static str = $path;
                const PERMISSION: Permission = Permission::$permission;
                const CLASS: Class = Class::$class;
                const REPEATABLE: bool = $repeatable;
                $(const STREAMS: bool = $streams;)?
                type Query = query_of!($($query)?);
                type Body = $body;
                type Answer = $answer;

                #[allow(unused_variables, reason = "an operation may need none of the three")]
                fn from_request(
                    parameter: &str,
                    query: Self::Query,
                    body: Self::Body,
                ) -> Result<Self, Problem> {
                    Ok(Self { $($field: taken!($from, parameter, query, body),)* })
                }

                $(fn reason(&self) -> Option<&str> {
                    let reason: fn(&Self) -> Option<&str> = $reason;
                    reason(self)
                })?

                fn target(&self) -> Target {
                    let target: fn(&Self) -> Target = $target;
                    target(self)
                }
            }
        )*

        /// Hands the list of all operations to a macro.
        #[macro_export]
        macro_rules! for_each_operation {
            ($then:ident) => {
                $then! { $($op),* }
            };
        }
    };
}

operations! {
    QueueCreate = "queue.create", "create a queue or replace its settings",
        Put "/v1/queues/{queue}", QueueConfigure, Manage, repeatable: true,
        { queue: QueueName = queue, settings: v1::QueueIn = body }, body: v1::QueueIn => v1::QueueOut,
        target: |op| Target::Queue(op.queue.clone());

    QueueList = "queue.list", "list the queues that the caller's key opens",
        Get "/v1/queues", QueueRead, Read, repeatable: true,
        {}, body: NoBody => v1::QueueList,
        target: |_| Target::Namespace;

    QueueGet = "queue.get", "show a queue's settings and its jobs by state",
        Get "/v1/queues/{queue}", QueueRead, Read, repeatable: true,
        { queue: QueueName = queue }, body: NoBody => v1::QueueOut,
        target: |op| Target::Queue(op.queue.clone());

    QueueDrain = "queue.drain", "hand out what a queue has and take no new jobs",
        Post "/v1/queues/{queue}:drain", QueueConfigure, Manage, repeatable: true,
        { queue: QueueName = queue }, body: NoBody => v1::QueueOut,
        target: |op| Target::Queue(op.queue.clone());

    QueuePause = "queue.pause", "hand out no jobs of a queue until it is resumed",
        Post "/v1/queues/{queue}:pause", QueueConfigure, Manage, repeatable: true,
        { queue: QueueName = queue }, body: NoBody => v1::QueueOut,
        target: |op| Target::Queue(op.queue.clone());

    QueuePurge = "queue.purge", "end every job that waits in a queue, slice by slice",
        Post "/v1/queues/{queue}:purge", QueueConfigure, Manage, repeatable: false,
        { queue: QueueName = queue }, body: NoBody => v1::SweepOut,
        target: |op| Target::Queue(op.queue.clone());

    QueuePreviewHeld = "queue.preview_held", "count and show the held jobs of a queue that a filter means, and do nothing",
        Post "/v1/queues/{queue}/held:preview", JobManage, Read, repeatable: true,
        { queue: QueueName = queue, page: v1::HeldPreviewIn = body }, body: v1::HeldPreviewIn => v1::HeldPreviewOut,
        target: |op| Target::Queue(op.queue.clone());

    QueueReleaseHeld = "queue.release_held", "let held jobs of a queue go on, slice by slice: those that a filter means, or all",
        Post "/v1/queues/{queue}/held:release", JobManage, Manage, repeatable: false,
        { queue: QueueName = queue, which: OrNothing<v1::HeldReleaseIn> = body }, body: OrNothing<v1::HeldReleaseIn> => v1::SweepOut,
        target: |op| Target::Queue(op.queue.clone());

    QueueStopRelease = "queue.stop_release", "give up letting held jobs of a queue go on; what is done stays done",
        Post "/v1/queues/{queue}/held:stop", JobManage, Settle, repeatable: true,
        { queue: QueueName = queue }, body: NoBody => v1::QueueOut,
        target: |op| Target::Queue(op.queue.clone());

    QueueResume = "queue.resume", "take and hand out jobs of a queue again",
        Post "/v1/queues/{queue}:resume", QueueConfigure, Manage, repeatable: true,
        { queue: QueueName = queue }, body: NoBody => v1::QueueOut,
        target: |op| Target::Queue(op.queue.clone());

    JobEnqueue = "job.enqueue", "send a job",
        Post "/v1/queues/{queue}/jobs", JobEnqueue, NewWork, repeatable: true,
        { queue: QueueName = queue, job: v1::JobIn = body }, body: v1::JobIn => v1::JobAccepted,
        target: |op| Target::Queue(op.queue.clone());

    JobEnqueueBatch = "job.enqueue_batch", "send up to 1000 jobs, each accepted or refused for itself, or all together",
        Post "/v1/queues/{queue}/jobs:batch", JobEnqueue, NewWork, repeatable: true,
        { queue: QueueName = queue, batch: v1::JobBatchIn = body }, body: v1::JobBatchIn => v1::JobBatchOut,
        target: |op| Target::Queue(op.queue.clone());

    JobGet = "job.get", "show a job; never its body",
        Get "/v1/jobs/{job}", JobRead, Read, repeatable: true,
        { job: JobId = job }, body: NoBody => v1::JobOut,
        target: |op| Target::Job(op.job);

    JobList = "job.list", "list jobs by queue, state, owner, kind, tag and correlation id, page by page",
        Post "/v1/jobs:list", JobRead, Read, repeatable: true,
        { page: v1::JobListIn = body }, body: v1::JobListIn => v1::JobListOut,
        target: |_| Target::Namespace;
    JobLogs = "job.logs", "show what a job's workers logged",
        Post "/v1/jobs/{job}/logs", JobRead, Read, repeatable: true,
        { job: JobId = job, page: v1::JobLogIn = body }, body: v1::JobLogIn => v1::JobLogOut,
        target: |op| Target::Job(op.job);

    JobWait = "job.wait", "show a job when it has ended, or as it stands when the time is up",
        Post "/v1/jobs/{job}:wait", JobRead, Read, repeatable: true,
        { job: JobId = job, wish: v1::WaitIn = body }, body: v1::WaitIn => v1::JobOut,
        target: |op| Target::Job(op.job);

    JobBody = "job.body", "show what an ended job was sent with, its body as it is stored included, for a clone of it",
        Post "/v1/jobs/{job}/body", JobBodyRead, Read, repeatable: true,
        { job: JobId = job, reason: v1::Reason = reason_body },
        body: OrNothing<v1::JobBodyIn> => v1::JobBodyOut,
        reason: |op| op.reason.as_str(),
        target: |op| Target::Job(op.job);

    JobCancel = "job.cancel", "end a job; a running one's worker is told at its next heartbeat, or by force not asked",
        Post "/v1/jobs/{job}:cancel", JobCancel, Settle, repeatable: true,
        { job: JobId = job, how: v1::CancelIn = body }, body: v1::CancelIn => v1::JobStands,
        target: |op| Target::Job(op.job);

    JobHold = "job.hold", "set a waiting job aside until a person releases it",
        Post "/v1/jobs/{job}:hold", JobManage, Manage, repeatable: true,
        { job: JobId = job }, body: NoBody => v1::JobStands,
        target: |op| Target::Job(op.job);

    JobMove = "job.move", "let a job wait in another queue",
        Post "/v1/jobs/{job}:move", JobManage, Manage, repeatable: true,
        { job: JobId = job, to: v1::MoveIn = body }, body: v1::MoveIn => v1::JobStands,
        target: |op| Target::Job(op.job);

    JobPromote = "job.promote", "let a delayed or retrying job not wait for its time",
        Post "/v1/jobs/{job}:promote", JobManage, Manage, repeatable: false,
        { job: JobId = job }, body: NoBody => v1::JobStands,
        target: |op| Target::Job(op.job);

    JobRedrive = "job.redrive", "send a dead, cancelled or expired job through once more",
        Post "/v1/jobs/{job}:redrive", DeadLetterManage, NewWork, repeatable: false,
        { job: JobId = job }, body: NoBody => v1::JobStands,
        target: |op| Target::Job(op.job);

    JobRelease = "job.release", "let a held job go on",
        Post "/v1/jobs/{job}:release", JobManage, Manage, repeatable: false,
        { job: JobId = job }, body: NoBody => v1::JobStands,
        target: |op| Target::Job(op.job);

    JobReprioritise = "job.reprioritise", "make a job more or less urgent",
        Post "/v1/jobs/{job}:reprioritise", JobManage, Manage, repeatable: true,
        { job: JobId = job, to: v1::ReprioritiseIn = body }, body: v1::ReprioritiseIn => v1::JobStands,
        target: |op| Target::Job(op.job);

    DeadLetterList = "dead_letter.list", "list a queue's dead-letter, the oldest first",
        Post "/v1/queues/{queue}/dead:list", DeadLetterRead, Read, repeatable: true,
        { queue: QueueName = queue, page: v1::DeadLetterIn = body }, body: v1::DeadLetterIn => v1::DeadLetterOut,
        target: |op| Target::Queue(op.queue.clone());

    DeadLetterPreview = "dead_letter.preview", "count and show the jobs in a queue's dead-letter that a filter means, and do nothing",
        Post "/v1/queues/{queue}/dead:preview", DeadLetterRead, Read, repeatable: true,
        { queue: QueueName = queue, page: v1::DeadLetterIn = body }, body: v1::DeadLetterIn => v1::DeadPreviewOut,
        target: |op| Target::Queue(op.queue.clone());

    DeadLetterAnalyse = "dead_letter.analyse", "show what the jobs in a queue's dead-letter have in common",
        Post "/v1/queues/{queue}/dead:analyse", DeadLetterRead, Read, repeatable: true,
        { queue: QueueName = queue }, body: NoBody => v1::DeadAnalysisOut,
        target: |op| Target::Queue(op.queue.clone());

    DeadLetterPurge = "dead_letter.purge", "end jobs in a queue's dead-letter, slice by slice: those that a filter means, or all",
        Post "/v1/queues/{queue}/dead:purge", DeadLetterManage, Manage, repeatable: false,
        { queue: QueueName = queue, which: OrNothing<v1::DeadPurgeIn> = body }, body: OrNothing<v1::DeadPurgeIn> => v1::SweepOut,
        target: |op| Target::Queue(op.queue.clone());

    DeadLetterRedrive = "dead_letter.redrive", "re-drive jobs in a queue's dead-letter, slice by slice: those that a filter means, or all",
        Post "/v1/queues/{queue}/dead:redrive", DeadLetterManage, NewWork, repeatable: false,
        { queue: QueueName = queue, which: OrNothing<v1::DeadRedriveIn> = body }, body: OrNothing<v1::DeadRedriveIn> => v1::SweepOut,
        target: |op| Target::Queue(op.queue.clone());

    DeadLetterStop = "dead_letter.stop", "give up bulk work on a queue's dead-letter where it stands; what is done stays done",
        Post "/v1/queues/{queue}/dead:stop", DeadLetterManage, Settle, repeatable: true,
        { queue: QueueName = queue }, body: NoBody => v1::QueueOut,
        target: |op| Target::Queue(op.queue.clone());

    FlowSubmit = "flow.submit", "send jobs that wait for each other, all of them or none",
        Post "/v1/flows", JobEnqueue, NewWork, repeatable: true,
        { flow: v1::FlowParts = flow_body }, body: v1::FlowIn => v1::FlowAccepted,
        target: |op| Target::Queues(op.flow.nodes.iter().map(|node| node.queue.clone()).collect());

    FlowGet = "flow.get", "show the jobs of a flow",
        Get "/v1/flows/{flow}", JobRead, Read, repeatable: true,
        { flow: FlowId = flow }, body: NoBody => v1::FlowOut,
        target: |op| Target::Flow(op.flow);

    FlowCancel = "flow.cancel", "cancel every job of a flow that has not ended",
        Post "/v1/flows/{flow}:cancel", JobCancel, Settle, repeatable: true,
        { flow: FlowId = flow }, body: NoBody => v1::FlowOut,
        target: |op| Target::Flow(op.flow);

    SchedulePut = "schedule.put", "make a schedule or replace what it was told",
        Put "/v1/schedules/{schedule}", ScheduleManage, Manage, repeatable: true,
        { schedule: ScheduleName = schedule, wish: v1::ScheduleIn = body }, body: v1::ScheduleIn => v1::ScheduleOut,
        target: |op| Target::Queue(op.wish.queue.clone());

    ScheduleList = "schedule.list", "list the schedules that the caller may see, by name",
        Post "/v1/schedules:list", ScheduleRead, Read, repeatable: true,
        { page: v1::ScheduleListIn = body }, body: v1::ScheduleListIn => v1::ScheduleListOut,
        target: |_| Target::Namespace;

    ScheduleGet = "schedule.get", "show a schedule and its coming firings; never the body of its jobs",
        Get "/v1/schedules/{schedule}", ScheduleRead, Read, repeatable: true,
        { schedule: ScheduleName = schedule }, body: NoBody => v1::ScheduleOut,
        target: |op| Target::Schedule(op.schedule.clone());

    SchedulePause = "schedule.pause", "let a schedule not fire until it is resumed",
        Post "/v1/schedules/{schedule}:pause", ScheduleManage, Manage, repeatable: true,
        { schedule: ScheduleName = schedule }, body: NoBody => v1::ScheduleOut,
        target: |op| Target::Schedule(op.schedule.clone());

    ScheduleResume = "schedule.resume", "let a paused schedule fire again, from now on",
        Post "/v1/schedules/{schedule}:resume", ScheduleManage, Manage, repeatable: true,
        { schedule: ScheduleName = schedule }, body: NoBody => v1::ScheduleOut,
        target: |op| Target::Schedule(op.schedule.clone());

    ScheduleFire = "schedule.fire", "send one of a schedule's jobs now, beside the regular ones",
        Post "/v1/schedules/{schedule}:fire", ScheduleManage, NewWork, repeatable: false,
        { schedule: ScheduleName = schedule }, body: NoBody => v1::FireOut,
        target: |op| Target::Schedule(op.schedule.clone());

    ScheduleRemove = "schedule.remove", "remove a schedule; its jobs stay",
        Delete "/v1/schedules/{schedule}", ScheduleManage, Manage, repeatable: false,
        { schedule: ScheduleName = schedule }, body: NoBody => v1::ScheduleGone,
        target: |op| Target::Schedule(op.schedule.clone());

    LeaseAcquire = "lease.acquire", "take jobs to work on, waiting for them if wished",
        Post "/v1/queues/{queue}/leases", JobWork, NewWork, repeatable: false,
        { queue: QueueName = queue, wish: v1::LeaseIn = body }, body: v1::LeaseIn => v1::LeaseOut,
        target: |op| Target::Queue(op.queue.clone());

    LeaseComplete = "lease.complete", "say that jobs are done",
        Post "/v1/leases:complete", JobWork, Settle, repeatable: true,
        { request: v1::Complete = body }, body: v1::Complete => v1::Settled,
        target: |_| Target::Leases;

    LeaseFail = "lease.fail", "say that attempts failed",
        Post "/v1/leases:fail", JobWork, Settle, repeatable: true,
        { request: v1::Fail = body }, body: v1::Fail => v1::Settled,
        target: |_| Target::Leases;

    LeaseRelease = "lease.release", "hand jobs back; the attempts do not count",
        Post "/v1/leases:release", JobWork, Settle, repeatable: true,
        { request: v1::Release = body }, body: v1::Release => v1::Settled,
        target: |_| Target::Leases;

    LeaseExtend = "lease.extend", "make leases last longer",
        Post "/v1/leases:extend", JobWork, Settle, repeatable: true,
        { request: v1::Extend = body }, body: v1::Extend => v1::Settled,
        target: |_| Target::Leases;

    LeaseReport = "lease.report", "say how it goes with leased jobs; that makes no lease longer",
        Post "/v1/leases:report", JobWork, Settle, repeatable: true,
        { request: v1::Reports = body }, body: v1::Reports => v1::Settled,
        target: |_| Target::Leases;

    LeaseHold = "lease.hold", "set jobs aside that cannot be opened; the attempts do not count",
        Post "/v1/leases:hold", JobWork, Settle, repeatable: true,
        { request: v1::Hold = body }, body: v1::Hold => v1::Settled,
        target: |_| Target::Leases;

    SessionAccept = "session.accept", "hold a session, a named one or the next free one, waiting for it if wished",
        Post "/v1/queues/{queue}/sessions:accept", JobWork, NewWork, repeatable: false,
        { queue: QueueName = queue, wish: v1::SessionAcceptIn = body },
        body: v1::SessionAcceptIn => v1::SessionAcceptOut,
        target: |op| Target::Queue(op.queue.clone());

    SessionList = "session.list", "list a queue's sessions: jobs in line, holder, until when",
        Post "/v1/queues/{queue}/sessions:list", JobWork, Read, repeatable: true,
        { queue: QueueName = queue, page: v1::SessionListIn = body },
        body: v1::SessionListIn => v1::SessionListOut,
        target: |op| Target::Queue(op.queue.clone());

    SessionRelease = "session.release", "take a session away from its holder; jobs of it that are out are handed back",
        Post "/v1/queues/{queue}/sessions:release", JobManage, Manage, repeatable: false,
        { queue: QueueName = queue, wish: v1::SessionReleaseIn = body },
        body: v1::SessionReleaseIn => v1::SessionReleased,
        target: |op| Target::Queue(op.queue.clone());

    SessionRenew = "session.renew", "hold a session for longer",
        Post "/v1/sessions:renew", JobWork, Settle, repeatable: true,
        { request: v1::SessionRenewIn = body }, body: v1::SessionRenewIn => v1::SessionStands,
        target: |_| Target::Leases;

    SessionClose = "session.close", "give a session back; jobs of it that are out are handed back",
        Post "/v1/sessions:close", JobWork, Settle, repeatable: false,
        { request: v1::SessionCloseIn = body }, body: v1::SessionCloseIn => v1::SessionStands,
        target: |_| Target::Leases;

    SessionGetState = "session.get_state", "show what a held session remembers",
        Post "/v1/sessions:get_state", JobWork, Settle, repeatable: true,
        { request: v1::SessionStateIn = body }, body: v1::SessionStateIn => v1::SessionStateOut,
        target: |_| Target::Leases;

    SessionSetState = "session.set_state", "let a held session remember something, or nothing",
        Post "/v1/sessions:set_state", JobWork, Settle, repeatable: true,
        { request: v1::SessionSetStateIn = body }, body: v1::SessionSetStateIn => v1::SessionStands,
        target: |_| Target::Leases;

    EventWatch = "event.watch", "follow the life of jobs as server-sent events",
        Get "/v1/events", JobRead, Read, repeatable: true,
        { wish: v1::EventWish = event_query }, query: v1::EventsIn, body: NoBody => v1::JobEvent,
        streams: true,
        target: |_| Target::Namespace;

    AccessKeyCreate = "access.key.create", "make an access key; it is shown once",
        Post "/v1/access/keys", AccessManage, Manage, repeatable: false,
        { key: v1::AccessKeyIn = body }, body: v1::AccessKeyIn => v1::AccessKeyMade,
        target: |_| Target::Namespace;

    AccessKeyList = "access.key.list", "list access keys; never the keys themselves",
        Get "/v1/access/keys", AccessManage, Manage, repeatable: true,
        {}, body: NoBody => v1::AccessKeyList,
        target: |_| Target::Namespace;

    AccessKeyRevoke = "access.key.revoke", "revoke an access key at once",
        Delete "/v1/access/keys/{key}", AccessManage, Manage, repeatable: false,
        { key: KeyId = key }, body: NoBody => v1::AccessKeyOut,
        target: |_| Target::Namespace;

    MetricsGet = "metrics.get", "show counters of the queues that the caller's key opens, as OpenMetrics text",
        Get "/v1/metrics", MetricsRead, Read, repeatable: true,
        {}, body: NoBody => v1::MetricsOut,
        target: |_| Target::Namespace;

    ServerGet = "server.get", "show what the server is and how it is set up",
        Get "/v1/server", ServerRead, Read, repeatable: true,
        {}, body: NoBody => v1::ServerOut,
        target: |_| Target::Namespace;

    ServerFollowClock = "server.follow_clock", "go by the wall clock again after a step of it that was held",
        Post "/v1/server:follow-clock", ServerManage, Manage, repeatable: true,
        {}, body: NoBody => v1::ServerOut,
        target: |_| Target::Namespace;

    OpenApiGet = "openapi.get", "show this interface as an OpenAPI 3.1 document",
        Get "/v1/openapi.json", ServerRead, Read, repeatable: true,
        {}, body: NoBody => serde_json::Value,
        target: |_| Target::Namespace;
}

impl Answer for v1::QueueOut {}
impl Answer for v1::QueueList {}
impl Answer for v1::JobBatchOut {}
impl Answer for v1::JobOut {}
impl Answer for v1::JobListOut {}
impl Answer for v1::JobStands {}
impl Answer for v1::FlowOut {}
impl Answer for v1::DeadLetterOut {}
impl Answer for v1::DeadPreviewOut {}
impl Answer for v1::HeldPreviewOut {}
impl Answer for v1::DeadAnalysisOut {}
impl Answer for v1::SweepOut {}

impl Answer for v1::LeaseOut {
    fn bytes(&self) -> usize {
        let parents = |job: &v1::LeasedJob| -> usize {
            let result = |parent: &v1::ParentOut| parent.result.as_ref().map_or(0, |bytes| bytes.0.len());
            job.parents.iter().map(|parent| result(parent) + v1::JOB_TEXT_BYTES).sum()
        };
        self.jobs.iter().map(|job| job.body.0.len() + parents(job) + v1::JOB_TEXT_BYTES).sum()
    }
}

impl Answer for v1::JobBodyOut {
    fn bytes(&self) -> usize {
        self.body.0.len() + v1::JOB_TEXT_BYTES
    }
}

impl Answer for v1::MetricsOut {
    const TEXT: Option<&'static str> = Some(v1::METRICS_TEXT);

    fn into_text(self) -> String {
        self.0
    }
}

impl Answer for v1::JobLogOut {
    fn bytes(&self) -> usize {
        self.entries.iter().map(|entry| entry.bytes.as_ref().map_or(0, |bytes| bytes.0.len()) + 128).sum()
    }
}

impl Answer for v1::Settled {}
impl Answer for v1::SessionAcceptOut {}
impl Answer for v1::SessionListOut {}
impl Answer for v1::SessionReleased {}
impl Answer for v1::SessionStands {}
impl Answer for v1::SessionStateOut {}
impl Answer for v1::JobEvent {}
impl Answer for v1::ScheduleOut {}
impl Answer for v1::ScheduleListOut {}
impl Answer for v1::ScheduleGone {}
impl Answer for v1::AccessKeyList {}
impl Answer for v1::AccessKeyOut {}
impl Answer for v1::ServerOut {}
impl Answer for serde_json::Value {}

impl Answer for v1::JobAccepted {
    fn status(&self) -> u16 {
        if self.fresh { 201 } else { 200 }
    }
}

impl Answer for v1::FlowAccepted {
    fn status(&self) -> u16 {
        if self.fresh { 201 } else { 200 }
    }
}

impl Answer for v1::FireOut {
    fn status(&self) -> u16 {
        201
    }
}

impl Answer for v1::AccessKeyMade {
    fn status(&self) -> u16 {
        201
    }
}
