//! A queue's dead-letter.

use sealane_api::operation::{DeadLetterList, DeadLetterPurge, DeadLetterRedrive};
use sealane_api::problem::Problem;
use sealane_api::v1::{DeadLetterOut, SweepOut};
use sealane_core::name::QueueName;
use sealane_core::queue::{JobView, SweepKind};

use crate::authz::Authorized;
use crate::boundary::{Door, Handle};

impl Handle<DeadLetterList> for Door {
    async fn handle(&self, asked: Authorized<DeadLetterList>) -> Result<DeadLetterOut, Problem> {
        let (DeadLetterList { queue, page }, _) = asked.into_parts();
        let (max, after, namespace) = (page.max()?, page.after()?, self.namespace.clone());
        let found = self
            .engine
            .read(move |machine| {
                let shard = machine.shard(&namespace);
                let number = shard.queue_number(&queue)?;
                Some(shard.dead_jobs(number, after, max).collect::<Vec<JobView>>())
            })
            .await?;
        Ok(DeadLetterOut::show(&found.ok_or_else(Problem::not_found)?, max))
    }
}

impl Door {
    /// Begins bulk work on a queue.
    pub(super) async fn sweep(&self, queue: QueueName, kind: SweepKind) -> Result<SweepOut, Problem> {
        let begun = self.engine.sweep(queue.clone(), kind).await?;
        Ok(SweepOut::show(&queue, kind, begun.running, begun.jobs))
    }
}

impl Handle<DeadLetterPurge> for Door {
    async fn handle(&self, asked: Authorized<DeadLetterPurge>) -> Result<SweepOut, Problem> {
        let (DeadLetterPurge { queue }, _) = asked.into_parts();
        self.sweep(queue, SweepKind::PurgeDead).await
    }
}

impl Handle<DeadLetterRedrive> for Door {
    async fn handle(&self, asked: Authorized<DeadLetterRedrive>) -> Result<SweepOut, Problem> {
        let (DeadLetterRedrive { queue }, _) = asked.into_parts();
        self.sweep(queue, SweepKind::RedriveDead).await
    }
}
