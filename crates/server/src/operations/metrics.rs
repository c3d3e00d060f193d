//! What monitoring reads, taken from the counters that the queues keep.

use sealane_api::operation::MetricsGet;
use sealane_api::problem::Problem;
use sealane_api::v1::MetricsOut;

use crate::authz::Authorized;
use crate::boundary::{Door, Handle};
use crate::metrics::QueueMetrics;

impl Handle<MetricsGet> for Door {
    async fn handle(&self, asked: Authorized<MetricsGet>) -> Result<MetricsOut, Problem> {
        let (namespace, key) = (self.namespace.clone(), asked.key().clone());
        let metrics = self
            .engine
            .read(move |machine| {
                let queues = machine.shard(&namespace).queues_by_age().filter(|queue| key.opens(&queue.name));
                QueueMetrics::of(&namespace, queues)
            })
            .await?;
        Ok(MetricsOut(metrics.into_text()))
    }
}
