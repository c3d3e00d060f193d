//! The body of an ended job, for a clone of it. Sealed ones leave as sealed as they came.

use sealane_api::operation::JobBody;
use sealane_api::problem::Problem;
use sealane_api::v1::JobBodyOut;
use sealane_core::queue::Refusal;

use crate::authz::Authorized;
use crate::boundary::{Door, Handle};

impl Handle<JobBody> for Door {
    async fn handle(&self, asked: Authorized<JobBody>) -> Result<JobBodyOut, Problem> {
        let view = asked.job().expect("the authoriser looks up the job of every operation about one").clone();
        let (JobBody { reason, .. }, key) = asked.into_parts();
        if view.owner != key.principal && reason.as_str().is_none() {
            return Err(Problem::invalid(
                "this job is somebody else's: say in reason why you read its body, it stands in the audit log",
            ));
        }
        // Why: before its end a body is for whoever holds the job's lease.
        if !view.state.is_over() {
            return Err(Refusal::CloneNotEnded { state: view.state }.into());
        }
        let input = self.input_of(&view)?;
        let (namespace, number) = (self.namespace.clone(), view.queue);
        let queue =
            self.engine.read(move |machine| machine.shard(&namespace).queue_name(number).clone()).await?;
        Ok(JobBodyOut::show(&view, &queue, input))
    }
}
