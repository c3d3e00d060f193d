//! Queues: create, list, show.

use sealane_api::operation::{
    OrNothing, QueueCreate, QueueDrain, QueueGet, QueueList, QueuePause, QueuePreviewHeld, QueuePurge,
    QueueReleaseHeld, QueueResume, QueueStopRelease,
};
use sealane_api::problem::Problem;
use sealane_api::v1;
use sealane_core::job::State;
use sealane_core::name::QueueName;
use sealane_core::queue::{Look, QueueMode, QueueSettings, SweepWish};

use crate::authz::Authorized;
use crate::boundary::{Door, Handle};

impl Handle<QueueCreate> for Door {
    async fn handle(&self, asked: Authorized<QueueCreate>) -> Result<v1::QueueOut, Problem> {
        let (QueueCreate { queue, settings }, _) = asked.into_parts();
        let queue = self.engine.put_queue(queue, QueueSettings::try_from(&settings)?).await?;
        Ok(v1::QueueOut::show(&queue, self.clock.now()))
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
        let now = self.clock.now();
        Ok(v1::QueueList { queues: queues.iter().map(|queue| v1::QueueOut::show(queue, now)).collect() })
    }
}

impl Handle<QueueGet> for Door {
    async fn handle(&self, asked: Authorized<QueueGet>) -> Result<v1::QueueOut, Problem> {
        let (QueueGet { queue }, _) = asked.into_parts();
        let namespace = self.namespace.clone();
        let found = self.engine.read(move |machine| machine.shard(&namespace).queue(&queue)).await?;
        found.map(|queue| v1::QueueOut::show(&queue, self.clock.now())).ok_or_else(Problem::not_found)
    }
}

impl Door {
    async fn set_mode(&self, queue: QueueName, mode: QueueMode) -> Result<v1::QueueOut, Problem> {
        let queue = self.engine.set_mode(queue, mode).await?;
        Ok(v1::QueueOut::show(&queue, self.clock.now()))
    }
}

impl Handle<QueueDrain> for Door {
    async fn handle(&self, asked: Authorized<QueueDrain>) -> Result<v1::QueueOut, Problem> {
        let (QueueDrain { queue }, _) = asked.into_parts();
        self.set_mode(queue, QueueMode::Draining).await
    }
}

impl Handle<QueuePause> for Door {
    async fn handle(&self, asked: Authorized<QueuePause>) -> Result<v1::QueueOut, Problem> {
        let (QueuePause { queue }, _) = asked.into_parts();
        self.set_mode(queue, QueueMode::Paused).await
    }
}

impl Handle<QueuePurge> for Door {
    async fn handle(&self, asked: Authorized<QueuePurge>) -> Result<v1::SweepOut, Problem> {
        let (QueuePurge { queue }, _) = asked.into_parts();
        self.sweep(queue, SweepWish::PurgeWaiting).await
    }
}

impl Handle<QueueReleaseHeld> for Door {
    async fn handle(&self, asked: Authorized<QueueReleaseHeld>) -> Result<v1::SweepOut, Problem> {
        let (QueueReleaseHeld { queue, which: OrNothing(which) }, _) = asked.into_parts();
        let wish = which.wish(&|field, text| self.token(field, text))?;
        self.sweep(queue, wish).await
    }
}

impl Handle<QueuePreviewHeld> for Door {
    async fn handle(&self, asked: Authorized<QueuePreviewHeld>) -> Result<v1::HeldPreviewOut, Problem> {
        let (QueuePreviewHeld { queue, page }, _) = asked.into_parts();
        let filter = page.filter(&|field, text| self.token(field, text))?;
        let (look, after) = (Look::Through(page.max()?), page.after()?);
        let namespace = self.namespace.clone();
        let found = self
            .engine
            .read(move |machine| {
                let shard = machine.shard(&namespace);
                Some(shard.held_page(shard.queue_number(&queue)?, &filter, after, look))
            })
            .await?;
        Ok(v1::HeldPreviewOut::show(&found.ok_or_else(Problem::not_found)?))
    }
}

impl Handle<QueueStopRelease> for Door {
    async fn handle(&self, asked: Authorized<QueueStopRelease>) -> Result<v1::QueueOut, Problem> {
        let (QueueStopRelease { queue }, _) = asked.into_parts();
        let queue = self.engine.stop_sweep(queue, State::Held).await?;
        Ok(v1::QueueOut::show(&queue, self.clock.now()))
    }
}

impl Handle<QueueResume> for Door {
    async fn handle(&self, asked: Authorized<QueueResume>) -> Result<v1::QueueOut, Problem> {
        let (QueueResume { queue }, _) = asked.into_parts();
        self.set_mode(queue, QueueMode::Open).await
    }
}
