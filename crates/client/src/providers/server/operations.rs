//! The provider's calls, each one operation.

use std::time::Duration;

use async_trait::async_trait;
use sealane_api::operation;
use sealane_api::v1::{
    CancelIn, Complete, DeadAnalysisOut, DeadLetterIn, DeadLetterOut, DeadPreviewOut, EventsIn, Extend, Fail,
    FireOut, FlowAccepted, FlowIn, FlowOut, HeldPreviewIn, HeldPreviewOut, Hold, JOB_TEXT_BYTES, JobAccepted,
    JobBatchIn, JobBatchOut, JobBodyIn, JobBodyOut, JobIn, JobListIn, JobListOut, JobLogIn, JobLogOut,
    JobOut, JobStands, LeaseIn, LeaseOut, MoveIn, QueueIn, QueueList, QueueOut, Release, Reports,
    ReprioritiseIn, ScheduleIn, ScheduleListIn, ScheduleListOut, ScheduleOut, SessionAcceptIn,
    SessionAcceptOut, SessionCloseIn, SessionListIn, SessionListOut, SessionReleaseIn, SessionReleased,
    SessionRenewIn, SessionSetStateIn, SessionStands, SessionStateIn, SessionStateOut, Settled, SweepOut,
    WaitIn,
};
use sealane_core::id::{FlowId, JobId};
use sealane_core::limits;
use sealane_core::name::{Namespace, QueueName, ScheduleName};
use sealane_core::queue::{QueueMode, ScheduleAct};

use super::exchange::{ANSWER_BYTES_MAX, ANSWER_TIME_MAX, Server, written};
use crate::error::Error;
use crate::provider::{BulkWork, Capabilities, EventSource, JobAct, Provider};

/// The most bytes that one job with its body takes in either format: its body in base64, and room for its texts.
const LEASED_JOB_BYTES_MAX: usize = limits::BODY_BYTES_MAX / 3 * 4 + (2 << 20);

/// The most bytes that the results of other jobs take in one answer: so many go with one job, and no
/// further job is added beyond as many.
const PARENT_RESULTS_BYTES_MAX: usize =
    (limits::LEASE_BODIES_BYTES_MAX + limits::PARENT_RESULTS_BYTES_MAX) / 3 * 4 + 4;

#[async_trait]
impl Provider for Server {
    fn capabilities(&self) -> Capabilities {
        Capabilities {
            name: "server",
            durable: true,
            lease_max: Duration::from_millis(limits::LEASE_MS_MAX),
            lease_wait_max: Duration::from_millis(limits::LEASE_WAIT_MS_MAX),
            delay_max: Duration::from_millis(limits::DELAY_MS_MAX),
            body_bytes_max: limits::BODY_BYTES_MAX,
        }
    }

    fn namespace(&self) -> &Namespace {
        self.namespace_of_context()
    }

    async fn put_queue(&self, queue: &QueueName, settings: &QueueIn) -> Result<QueueOut, Error> {
        self.call::<operation::QueueCreate>(queue.as_str(), settings).await
    }

    async fn queue(&self, queue: &QueueName) -> Result<QueueOut, Error> {
        self.get::<operation::QueueGet>(queue.as_str()).await
    }

    async fn queues(&self) -> Result<QueueList, Error> {
        self.get::<operation::QueueList>("").await
    }

    async fn enqueue(&self, queue: &QueueName, job: &JobIn) -> Result<JobAccepted, Error> {
        self.call::<operation::JobEnqueue>(queue.as_str(), job).await
    }

    async fn enqueue_batch(&self, queue: &QueueName, batch: &JobBatchIn) -> Result<JobBatchOut, Error> {
        let bytes = batch.jobs.iter().map(|job| job.body.0.len() + JOB_TEXT_BYTES).sum();
        let body = Some(written(batch, bytes));
        self.exchange::<operation::JobEnqueueBatch>(queue.as_str(), body, ANSWER_TIME_MAX, ANSWER_BYTES_MAX)
            .await
    }

    async fn job(&self, id: JobId) -> Result<JobOut, Error> {
        self.get::<operation::JobGet>(&id.to_string()).await
    }

    async fn jobs(&self, page: &JobListIn) -> Result<JobListOut, Error> {
        self.call::<operation::JobList>("", page).await
    }

    async fn wait(&self, id: JobId, time: Duration) -> Result<JobOut, Error> {
        let wish = WaitIn { wait_ms: Some(u64::try_from(time.as_millis()).unwrap_or(u64::MAX)) };
        let body = Some(written(&wish, 64));
        self.exchange::<operation::JobWait>(&id.to_string(), body, ANSWER_TIME_MAX + time, ANSWER_BYTES_MAX)
            .await
    }

    async fn events(&self, wish: &EventsIn) -> Result<Box<dyn EventSource>, Error> {
        self.open_events(wish).await
    }

    async fn job_log(&self, id: JobId, page: &JobLogIn) -> Result<JobLogOut, Error> {
        self.call::<operation::JobLogs>(&id.to_string(), page).await
    }

    async fn job_body(&self, id: JobId, reason: Option<&str>) -> Result<JobBodyOut, Error> {
        let wish = JobBodyIn { reason: reason.map(str::to_owned) };
        let body = Some(written(&wish, 64));
        let bytes_max = ANSWER_BYTES_MAX + LEASED_JOB_BYTES_MAX;
        self.exchange::<operation::JobBody>(&id.to_string(), body, ANSWER_TIME_MAX, bytes_max).await
    }

    async fn act(&self, id: JobId, act: &JobAct) -> Result<JobStands, Error> {
        let id = id.to_string();
        match act {
            JobAct::Cancel { force } => {
                self.call::<operation::JobCancel>(&id, &CancelIn { force: Some(*force) }).await
            }
            JobAct::Move { queue } => {
                self.call::<operation::JobMove>(&id, &MoveIn { queue: queue.to_string() }).await
            }
            JobAct::Hold => self.get::<operation::JobHold>(&id).await,
            JobAct::Promote => self.get::<operation::JobPromote>(&id).await,
            JobAct::Redrive => self.get::<operation::JobRedrive>(&id).await,
            JobAct::Release => self.get::<operation::JobRelease>(&id).await,
            JobAct::Reprioritise { priority } => {
                let to = ReprioritiseIn { priority: priority.to_string() };
                self.call::<operation::JobReprioritise>(&id, &to).await
            }
        }
    }

    async fn submit_flow(&self, flow: &FlowIn) -> Result<FlowAccepted, Error> {
        let bytes = flow.nodes.iter().map(|node| node.job.body.0.len() + JOB_TEXT_BYTES).sum();
        let body = Some(written(flow, bytes));
        self.exchange::<operation::FlowSubmit>("", body, ANSWER_TIME_MAX, ANSWER_BYTES_MAX).await
    }

    async fn flow(&self, flow: FlowId) -> Result<FlowOut, Error> {
        self.get::<operation::FlowGet>(&flow.to_string()).await
    }

    async fn cancel_flow(&self, flow: FlowId) -> Result<FlowOut, Error> {
        self.get::<operation::FlowCancel>(&flow.to_string()).await
    }

    async fn dead_letter(&self, queue: &QueueName, page: &DeadLetterIn) -> Result<DeadLetterOut, Error> {
        self.call::<operation::DeadLetterList>(queue.as_str(), page).await
    }

    async fn set_mode(&self, queue: &QueueName, mode: QueueMode) -> Result<QueueOut, Error> {
        match mode {
            QueueMode::Draining => self.get::<operation::QueueDrain>(queue.as_str()).await,
            QueueMode::Open => self.get::<operation::QueueResume>(queue.as_str()).await,
            QueueMode::Paused => self.get::<operation::QueuePause>(queue.as_str()).await,
        }
    }

    async fn preview_dead(&self, queue: &QueueName, page: &DeadLetterIn) -> Result<DeadPreviewOut, Error> {
        self.call::<operation::DeadLetterPreview>(queue.as_str(), page).await
    }

    async fn analyse_dead(&self, queue: &QueueName) -> Result<DeadAnalysisOut, Error> {
        self.get::<operation::DeadLetterAnalyse>(queue.as_str()).await
    }

    async fn sweep(&self, queue: &QueueName, work: &BulkWork) -> Result<SweepOut, Error> {
        let queue = queue.as_str();
        match work {
            BulkWork::PurgeDead(which) => self.call::<operation::DeadLetterPurge>(queue, which).await,
            BulkWork::RedriveDead(which) => self.call::<operation::DeadLetterRedrive>(queue, which).await,
            BulkWork::PurgeWaiting => self.get::<operation::QueuePurge>(queue).await,
            BulkWork::ReleaseHeld(which) => self.call::<operation::QueueReleaseHeld>(queue, which).await,
        }
    }

    async fn put_schedule(&self, name: &ScheduleName, wish: &ScheduleIn) -> Result<ScheduleOut, Error> {
        self.call::<operation::SchedulePut>(name.as_str(), wish).await
    }

    async fn schedule(&self, name: &ScheduleName) -> Result<ScheduleOut, Error> {
        self.get::<operation::ScheduleGet>(name.as_str()).await
    }

    async fn schedules(&self, page: &ScheduleListIn) -> Result<ScheduleListOut, Error> {
        self.call::<operation::ScheduleList>("", page).await
    }

    async fn act_on_schedule(&self, name: &ScheduleName, act: ScheduleAct) -> Result<ScheduleOut, Error> {
        match act {
            ScheduleAct::Pause => self.get::<operation::SchedulePause>(name.as_str()).await,
            ScheduleAct::Resume => self.get::<operation::ScheduleResume>(name.as_str()).await,
        }
    }

    async fn fire_schedule(&self, name: &ScheduleName) -> Result<FireOut, Error> {
        self.get::<operation::ScheduleFire>(name.as_str()).await
    }

    async fn remove_schedule(&self, name: &ScheduleName) -> Result<(), Error> {
        self.get::<operation::ScheduleRemove>(name.as_str()).await.map(|_| ())
    }

    async fn preview_held(&self, queue: &QueueName, page: &HeldPreviewIn) -> Result<HeldPreviewOut, Error> {
        self.call::<operation::QueuePreviewHeld>(queue.as_str(), page).await
    }

    async fn stop_release(&self, queue: &QueueName) -> Result<QueueOut, Error> {
        self.get::<operation::QueueStopRelease>(queue.as_str()).await
    }

    async fn stop_sweep(&self, queue: &QueueName) -> Result<QueueOut, Error> {
        self.get::<operation::DeadLetterStop>(queue.as_str()).await
    }

    async fn lease(&self, queue: &QueueName, wish: &LeaseIn) -> Result<LeaseOut, Error> {
        let jobs = usize::try_from(wish.max.unwrap_or(1)).unwrap_or(limits::BATCH_ITEMS_MAX);
        let bytes_max = (ANSWER_BYTES_MAX + PARENT_RESULTS_BYTES_MAX)
            .saturating_add(jobs.saturating_mul(LEASED_JOB_BYTES_MAX));
        let time_max = ANSWER_TIME_MAX + Duration::from_millis(wish.wait_ms.unwrap_or(0));
        self.exchange::<operation::LeaseAcquire>(queue.as_str(), Some(written(wish, 64)), time_max, bytes_max)
            .await
    }

    async fn accept_session(
        &self,
        queue: &QueueName,
        wish: &SessionAcceptIn,
    ) -> Result<SessionAcceptOut, Error> {
        let time_max = ANSWER_TIME_MAX + Duration::from_millis(wish.wait_ms.unwrap_or(0));
        let body = Some(written(wish, 64));
        self.exchange::<operation::SessionAccept>(queue.as_str(), body, time_max, ANSWER_BYTES_MAX).await
    }

    async fn renew_session(&self, request: &SessionRenewIn) -> Result<SessionStands, Error> {
        self.call::<operation::SessionRenew>("", request).await
    }

    async fn close_session(&self, request: &SessionCloseIn) -> Result<SessionStands, Error> {
        self.call::<operation::SessionClose>("", request).await
    }

    async fn session_state(&self, request: &SessionStateIn) -> Result<SessionStateOut, Error> {
        self.call::<operation::SessionGetState>("", request).await
    }

    async fn set_session_state(&self, request: &SessionSetStateIn) -> Result<SessionStands, Error> {
        self.call::<operation::SessionSetState>("", request).await
    }

    async fn sessions(&self, queue: &QueueName, page: &SessionListIn) -> Result<SessionListOut, Error> {
        self.call::<operation::SessionList>(queue.as_str(), page).await
    }

    async fn release_session(&self, queue: &QueueName, session: &str) -> Result<SessionReleased, Error> {
        let wish = SessionReleaseIn { session_id: session.into() };
        self.call::<operation::SessionRelease>(queue.as_str(), &wish).await
    }

    async fn complete(&self, request: &Complete) -> Result<Settled, Error> {
        self.call::<operation::LeaseComplete>("", request).await
    }

    async fn fail(&self, request: &Fail) -> Result<Settled, Error> {
        self.call::<operation::LeaseFail>("", request).await
    }

    async fn release(&self, request: &Release) -> Result<Settled, Error> {
        self.call::<operation::LeaseRelease>("", request).await
    }

    async fn extend(&self, request: &Extend) -> Result<Settled, Error> {
        self.call::<operation::LeaseExtend>("", request).await
    }

    async fn report(&self, request: &Reports) -> Result<Settled, Error> {
        self.call::<operation::LeaseReport>("", request).await
    }

    async fn hold(&self, request: &Hold) -> Result<Settled, Error> {
        self.call::<operation::LeaseHold>("", request).await
    }
}
