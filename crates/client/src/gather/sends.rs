//! Sends that meet: one lane for each queue that is being sent to.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use async_trait::async_trait;
use sealane_api::v1::{JobAccepted, JobBatchIn, JobBatchResult, JobIn};
use sealane_core::name::QueueName;

use super::lane::{Answers, Carrier, Lane};
use crate::error::Error;
use crate::producer::bytes_max;
use crate::reach::Reach;

/// Lanes that nobody uses are swept out once there are more than this.
const LANES_SMALL: usize = 64;

pub(crate) struct Sends {
    reach: Arc<Reach>,
    meets: bool,
    lanes: Mutex<Lanes>,
}

/// A lane lives as long as somebody is in it.
struct Lanes {
    by_queue: HashMap<QueueName, Weak<Lane<Sending>>>,
    sweep_at: usize,
}

impl Sends {
    pub(super) fn new(reach: Arc<Reach>, meets: bool) -> Self {
        let lanes = Lanes { by_queue: HashMap::new(), sweep_at: LANES_SMALL };
        Self { reach, meets, lanes: Mutex::new(lanes) }
    }

    /// Sends one job, alone or with others.
    pub(crate) async fn join(&self, queue: &QueueName, job: JobIn) -> Result<JobAccepted, Error> {
        self.lane(queue).join(job).await
    }

    fn lane(&self, queue: &QueueName) -> Arc<Lane<Sending>> {
        // Why poison is no news: a lane that is missing is made, one too many is swept.
        let mut lanes = self.lanes.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(lane) = lanes.by_queue.get(queue).and_then(Weak::upgrade) {
            return lane;
        }
        if lanes.by_queue.len() >= lanes.sweep_at {
            lanes.by_queue.retain(|_, lane| lane.strong_count() > 0);
            lanes.sweep_at = LANES_SMALL.max(2 * lanes.by_queue.len());
        }
        let sending = Sending { reach: Arc::clone(&self.reach), queue: queue.clone() };
        let lane = Lane::new(sending, self.meets);
        lanes.by_queue.insert(queue.clone(), Arc::downgrade(&lane));
        lane
    }
}

/// Sends jobs to one queue.
struct Sending {
    reach: Arc<Reach>,
    queue: QueueName,
}

#[async_trait]
impl Carrier for Sending {
    type Item = JobIn;
    type Answer = JobAccepted;

    fn bytes_max(item: &JobIn) -> usize {
        bytes_max(item)
    }

    async fn carry(&self, jobs: Vec<JobIn>) -> (Vec<JobIn>, Answers<JobAccepted>) {
        let provider = self.reach.provider();
        if let [job] = &jobs[..] {
            let answer = self.reach.begin(provider.enqueue(&self.queue, job)).await;
            return (jobs, answer.map(|accepted| vec![Ok(accepted)]));
        }
        let batch = JobBatchIn { jobs, atomic: false };
        let answer = self.reach.begin(provider.enqueue_batch(&self.queue, &batch)).await;
        let one = |result| match result {
            JobBatchResult::Accepted(accepted) => Ok(accepted),
            JobBatchResult::Refused { error, .. } => Err(Error::item(&error)),
        };
        (batch.jobs, answer.map(|answer| answer.results.into_iter().map(one).collect()))
    }
}
