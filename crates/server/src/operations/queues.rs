//! Queues: create, list, show.

use sealane_api::operation::{
    QueueCreate, QueueDrain, QueueGet, QueueList, QueuePause, QueuePurge, QueueResume,
};
use sealane_api::problem::Problem;
use sealane_api::v1;
use sealane_core::queue::{QueueMode, QueueSettings, SweepKind};

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

impl Handle<QueueDrain> for Door {
    async fn handle(&self, asked: Authorized<QueueDrain>) -> Result<v1::QueueOut, Problem> {
        let (QueueDrain { queue }, _) = asked.into_parts();
        Ok(self.engine.set_mode(queue, QueueMode::Draining).await?.into())
    }
}

impl Handle<QueuePause> for Door {
    async fn handle(&self, asked: Authorized<QueuePause>) -> Result<v1::QueueOut, Problem> {
        let (QueuePause { queue }, _) = asked.into_parts();
        Ok(self.engine.set_mode(queue, QueueMode::Paused).await?.into())
    }
}

impl Handle<QueuePurge> for Door {
    async fn handle(&self, asked: Authorized<QueuePurge>) -> Result<v1::SweepOut, Problem> {
        let (QueuePurge { queue }, _) = asked.into_parts();
        self.sweep(queue, SweepKind::PurgeWaiting).await
    }
}

impl Handle<QueueResume> for Door {
    async fn handle(&self, asked: Authorized<QueueResume>) -> Result<v1::QueueOut, Problem> {
        let (QueueResume { queue }, _) = asked.into_parts();
        Ok(self.engine.set_mode(queue, QueueMode::Open).await?.into())
    }
}
