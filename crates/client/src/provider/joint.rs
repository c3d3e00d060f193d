//! The trait.

use std::time::Duration;

use async_trait::async_trait;
use sealane_api::v1::{
    Complete, DeadAnalysisOut, DeadLetterIn, DeadLetterOut, DeadPreviewOut, EventsIn, Extend, Fail, FireOut,
    FlowAccepted, FlowIn, FlowOut, HeldPreviewIn, HeldPreviewOut, Hold, JobAccepted, JobBatchIn, JobBatchOut,
    JobBodyOut, JobIn, JobListIn, JobListOut, JobLogIn, JobLogOut, JobOut, JobStands, LeaseIn, LeaseOut,
    QueueIn, QueueList, QueueOut, Release, Reports, ScheduleIn, ScheduleListIn, ScheduleListOut, ScheduleOut,
    SessionAcceptIn, SessionAcceptOut, SessionCloseIn, SessionListIn, SessionListOut, SessionReleased,
    SessionRenewIn, SessionSetStateIn, SessionStands, SessionStateIn, SessionStateOut, Settled, SweepOut,
};
use sealane_core::id::{FlowId, JobId};
use sealane_core::name::{Namespace, QueueName, ScheduleName};
use sealane_core::queue::{QueueMode, ScheduleAct};

use super::act::JobAct;
use super::bulk::BulkWork;
use super::capabilities::Capabilities;
use super::events::EventSource;
use crate::error::Error;

/// Carries jobs from producers to workers.
///
/// Sending a job again under the same id with the same content is harmless, and so is repeating
/// the settlement of a lease. Dropping a future that is not ready gives up the answer and nothing
/// else.
#[async_trait]
pub trait Provider: Send + Sync {
    /// What it can do.
    fn capabilities(&self) -> Capabilities;

    /// The tenant whose queues these are.
    fn namespace(&self) -> &Namespace;

    /// Creates a queue or replaces its settings.
    async fn put_queue(&self, queue: &QueueName, settings: &QueueIn) -> Result<QueueOut, Error>;

    /// A queue's settings and its jobs by state.
    async fn queue(&self, queue: &QueueName) -> Result<QueueOut, Error>;

    /// The queues that may be seen, by name.
    async fn queues(&self) -> Result<QueueList, Error>;

    /// Accepts a job.
    async fn enqueue(&self, queue: &QueueName, job: &JobIn) -> Result<JobAccepted, Error>;

    /// Accepts jobs, each for itself, and answers in their order.
    async fn enqueue_batch(&self, queue: &QueueName, batch: &JobBatchIn) -> Result<JobBatchOut, Error>;

    /// A job as it stands.
    async fn job(&self, id: JobId) -> Result<JobOut, Error>;

    /// A page of jobs, by id.
    async fn jobs(&self, page: &JobListIn) -> Result<JobListOut, Error>;
    /// What a job's workers logged.
    async fn job_log(&self, id: JobId, page: &JobLogIn) -> Result<JobLogOut, Error>;

    /// What an ended job was sent with. `reason` is why somebody else's is read.
    async fn job_body(&self, id: JobId, reason: Option<&str>) -> Result<JobBodyOut, Error>;

    /// A job as it stands when it has ended, or when so much time is up; at most five minutes.
    async fn wait(&self, id: JobId, time: Duration) -> Result<JobOut, Error>;

    /// Opens a stream of the events of jobs. Not every provider has one.
    async fn events(&self, _wish: &EventsIn) -> Result<Box<dyn EventSource>, Error> {
        let name = self.capabilities().name;
        Err(Error::Setup { detail: format!("the provider '{name}' tells no events: look at jobs instead") })
    }

    /// Does something with a job besides working on it.
    async fn act(&self, id: JobId, act: &JobAct) -> Result<JobStands, Error>;

    /// Accepts a flow, all of it or none.
    async fn submit_flow(&self, flow: &FlowIn) -> Result<FlowAccepted, Error>;

    /// A flow as it stands.
    async fn flow(&self, flow: FlowId) -> Result<FlowOut, Error>;

    /// Cancels every job of a flow that has not ended.
    async fn cancel_flow(&self, flow: FlowId) -> Result<FlowOut, Error>;

    /// A page of a queue's dead-letter.
    async fn dead_letter(&self, queue: &QueueName, page: &DeadLetterIn) -> Result<DeadLetterOut, Error>;

    /// Pauses a queue, lets it drain, or opens it.
    async fn set_mode(&self, queue: &QueueName, mode: QueueMode) -> Result<QueueOut, Error>;

    /// Counts and shows the jobs in a queue's dead-letter that a filter means, and does nothing.
    async fn preview_dead(&self, queue: &QueueName, page: &DeadLetterIn) -> Result<DeadPreviewOut, Error>;

    /// What the jobs in a queue's dead-letter have in common.
    async fn analyse_dead(&self, queue: &QueueName) -> Result<DeadAnalysisOut, Error>;

    /// Begins bulk work on a queue. It goes on by itself.
    async fn sweep(&self, queue: &QueueName, work: &BulkWork) -> Result<SweepOut, Error>;

    /// Counts and shows the held jobs of a queue that a filter means, and does nothing.
    async fn preview_held(&self, queue: &QueueName, page: &HeldPreviewIn) -> Result<HeldPreviewOut, Error>;

    /// Gives up letting held jobs of a queue go on; what is done stays done.
    async fn stop_release(&self, queue: &QueueName) -> Result<QueueOut, Error>;

    /// Gives up bulk work on a queue's dead-letter; what is done stays done.
    async fn stop_sweep(&self, queue: &QueueName) -> Result<QueueOut, Error>;

    /// Makes a schedule or replaces what it was told.
    async fn put_schedule(&self, name: &ScheduleName, wish: &ScheduleIn) -> Result<ScheduleOut, Error>;

    /// A schedule and its coming firings.
    async fn schedule(&self, name: &ScheduleName) -> Result<ScheduleOut, Error>;

    /// A page of schedules.
    async fn schedules(&self, page: &ScheduleListIn) -> Result<ScheduleListOut, Error>;

    /// Pauses or resumes a schedule.
    async fn act_on_schedule(&self, name: &ScheduleName, act: ScheduleAct) -> Result<ScheduleOut, Error>;

    /// Sends one of a schedule's jobs now.
    async fn fire_schedule(&self, name: &ScheduleName) -> Result<FireOut, Error>;

    /// Removes a schedule. Its jobs stay.
    async fn remove_schedule(&self, name: &ScheduleName) -> Result<(), Error>;

    /// Hands out jobs, waiting for some if wished.
    async fn lease(&self, queue: &QueueName, wish: &LeaseIn) -> Result<LeaseOut, Error>;

    /// Holds a session, waiting for it if wished.
    async fn accept_session(
        &self,
        queue: &QueueName,
        wish: &SessionAcceptIn,
    ) -> Result<SessionAcceptOut, Error>;

    /// Holds a session for longer.
    async fn renew_session(&self, request: &SessionRenewIn) -> Result<SessionStands, Error>;

    /// Gives a session back, and jobs of it that are out.
    async fn close_session(&self, request: &SessionCloseIn) -> Result<SessionStands, Error>;

    /// What a held session remembers.
    async fn session_state(&self, request: &SessionStateIn) -> Result<SessionStateOut, Error>;

    /// Lets a held session remember something, or nothing.
    async fn set_session_state(&self, request: &SessionSetStateIn) -> Result<SessionStands, Error>;

    /// A page of a queue's sessions.
    async fn sessions(&self, queue: &QueueName, page: &SessionListIn) -> Result<SessionListOut, Error>;

    /// Takes a session away from its holder; jobs of it that are out are handed back.
    async fn release_session(&self, queue: &QueueName, session: &str) -> Result<SessionReleased, Error>;

    /// Notes jobs as done.
    async fn complete(&self, request: &Complete) -> Result<Settled, Error>;

    /// Notes attempts as failed.
    async fn fail(&self, request: &Fail) -> Result<Settled, Error>;

    /// Takes jobs back; the attempts do not count.
    async fn release(&self, request: &Release) -> Result<Settled, Error>;

    /// Makes leases last longer.
    async fn extend(&self, request: &Extend) -> Result<Settled, Error>;

    /// Takes word of how it goes with jobs. Makes no lease longer.
    async fn report(&self, request: &Reports) -> Result<Settled, Error>;

    /// Sets jobs aside that cannot be opened; the attempts do not count.
    async fn hold(&self, request: &Hold) -> Result<Settled, Error>;
}
