//! What people ask of single jobs.

use std::sync::Arc;

use sealane_api::operation::{
    JobCancel, JobHold, JobMove, JobPromote, JobRedrive, JobRelease, JobReprioritise, Operation,
};
use sealane_api::problem::{Code, Problem};
use sealane_api::v1::JobStands;
use sealane_core::control::AccessKey;
use sealane_core::id::JobId;
use sealane_core::job::JobInput;
use sealane_core::queue::{Act, JobView};

use crate::authz::{Authorized, Standing, permits_on};
use crate::boundary::{Door, Handle};

impl Door {
    async fn act<Op: Operation>(&self, key: AccessKey, job: JobId, act: Act) -> Result<JobStands, Problem> {
        let meant = move |job: Standing<'_>| permits_on(&key, Op::PERMISSION, job);
        let view = self.engine.act(job, act, meant).await?;
        let (namespace, number) = (self.namespace.clone(), view.queue);
        let queue =
            self.engine.read(move |machine| machine.shard(&namespace).queue_name(number).clone()).await?;
        Ok(JobStands::show(&view, &queue))
    }

    pub(super) fn input_of(&self, view: &JobView) -> Result<Arc<JobInput>, Problem> {
        self.readable(self.records.read_job(view.input))?.ok_or_else(|| {
            Problem::new(
                Code::JobState,
                "the job's record cannot be opened: nothing can be done with it but end it",
            )
        })
    }
}

impl Handle<JobCancel> for Door {
    async fn handle(&self, asked: Authorized<JobCancel>) -> Result<JobStands, Problem> {
        let (JobCancel { job, how }, key) = asked.into_parts();
        // Why dead ones as well: in the engine's turn `permits_on` asks for the permission that ending one takes.
        let act = Act::Cancel { force: how.force.unwrap_or(false), dead: true };
        self.act::<JobCancel>(key, job, act).await
    }
}

impl Handle<JobHold> for Door {
    async fn handle(&self, asked: Authorized<JobHold>) -> Result<JobStands, Problem> {
        let (JobHold { job }, key) = asked.into_parts();
        self.act::<JobHold>(key, job, Act::Hold).await
    }
}

impl Handle<JobMove> for Door {
    async fn handle(&self, asked: Authorized<JobMove>) -> Result<JobStands, Problem> {
        let view = asked.job().expect("the authoriser looks up the job of every operation about one").clone();
        let (JobMove { job, to }, key) = asked.into_parts();
        let queue = to.queue()?;
        // Why here as well: the authoriser judged the queue that the job is in, and this is the other one.
        if !key.opens(&queue) {
            return Err(Problem::not_found());
        }
        let sealed = self.input_of(&view)?.is_sealed();
        self.act::<JobMove>(key, job, Act::Move { queue, sealed }).await
    }
}

impl Handle<JobPromote> for Door {
    async fn handle(&self, asked: Authorized<JobPromote>) -> Result<JobStands, Problem> {
        let (JobPromote { job }, key) = asked.into_parts();
        self.act::<JobPromote>(key, job, Act::Promote).await
    }
}

impl Handle<JobRedrive> for Door {
    async fn handle(&self, asked: Authorized<JobRedrive>) -> Result<JobStands, Problem> {
        let view = asked.job().expect("the authoriser looks up the job of every operation about one").clone();
        let (JobRedrive { job }, key) = asked.into_parts();
        let input = self.input_of(&view)?;
        self.act::<JobRedrive>(key, job, Act::Redrive { seal_expires: input.seal_expires() }).await
    }
}

impl Handle<JobRelease> for Door {
    async fn handle(&self, asked: Authorized<JobRelease>) -> Result<JobStands, Problem> {
        let (JobRelease { job }, key) = asked.into_parts();
        self.act::<JobRelease>(key, job, Act::Release).await
    }
}

impl Handle<JobReprioritise> for Door {
    async fn handle(&self, asked: Authorized<JobReprioritise>) -> Result<JobStands, Problem> {
        let (JobReprioritise { job, to }, key) = asked.into_parts();
        self.act::<JobReprioritise>(key, job, Act::Reprioritise { priority: to.priority()? }).await
    }
}
