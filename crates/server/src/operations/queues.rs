//! Queues: create, list, show.

use sealane_api::operation::{QueueCreate, QueueGet, QueueList};
use sealane_api::problem::Problem;
use sealane_api::v1;
use sealane_core::queue::QueueSettings;

use crate::authz::Authorized;
use crate::boundary::{Door, Handle};

impl Handle<QueueCreate> for Door {
    async fn handle(&self, asked: Authorized<QueueCreate>) -> Result<v1::QueueOut, Problem> {
        let (QueueCreate { queue, settings }, _) = asked.into_parts();
        Ok(self.engine.put_queue(queue, QueueSettings::try_from(&settings)?).await?.into())
    }
}

impl Handle<QueueList> for Door {
    async fn handle(&self, asked: Authorized<QueueList>) -> Result<v1::QueueList, Problem> {
        let (namespace, key) = (self.namespace.clone(), asked.key().clone());
        let queues = self
            .engine
            .read(move |machine| {
                machine.shard(&namespace).queues().filter(|queue| key.opens(&queue.name)).collect::<Vec<_>>()
            })
            .await?;
        Ok(v1::QueueList { queues: queues.into_iter().map(v1::QueueOut::from).collect() })
    }
}

impl Handle<QueueGet> for Door {
    async fn handle(&self, asked: Authorized<QueueGet>) -> Result<v1::QueueOut, Problem> {
        let (QueueGet { queue }, _) = asked.into_parts();
        let namespace = self.namespace.clone();
        let found = self.engine.read(move |machine| machine.shard(&namespace).queue(&queue)).await?;
        found.map(v1::QueueOut::from).ok_or_else(Problem::not_found)
    }
}
