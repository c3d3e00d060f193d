//! The duty that reads the records of jobs that have died or are held, so that they are found by kind and tag.
//!
//! It runs beside the engine, which never waits for a record. It is rung after every turn that leaves
//! something to read; what it did not get to is still listed after a restart.

use std::sync::{Arc, Weak};

use sealane_api::v1::{KIND_FIELD, TAG_FIELD};
use sealane_core::id::JobId;
use sealane_core::job::JobInput;
use sealane_core::limits;
use sealane_core::queue::Labels;
use sealane_core::record::RecordRef;
use tokio::sync::Notify;

use crate::boundary::Door;

/// Between two looks where the last one could not be finished: the engine rings again only for what is new.
const STUCK: std::time::Duration = std::time::Duration::from_millis(100);

/// Reads and labels until the door is gone.
pub(crate) async fn dead_letter_labeller(door: Weak<Door>, bell: Arc<Notify>) {
    loop {
        let Some(open) = door.upgrade() else { return };
        let labelled = open.label_some().await;
        drop(open);
        match labelled {
            Some(0) => bell.notified().await,
            Some(_) => {}
            None => tokio::time::sleep(STUCK).await,
        }
    }
}

impl Door {
    /// Labels the next few. `None` where that did not go.
    async fn label_some(&self) -> Option<usize> {
        let namespace = self.namespace.clone();
        let unlabelled = self
            .engine
            .read(move |machine| machine.shard(&namespace).unlabelled(limits::DEAD_LABELLED_PER_TURN_MAX))
            .await
            .ok()?;
        if unlabelled.is_empty() {
            return Some(0);
        }
        let labels = self.read_labels(unlabelled)?;
        let count = labels.len();
        self.engine.label(labels).await.ok()?;
        Some(count)
    }

    fn read_labels(&self, jobs: Vec<(JobId, RecordRef)>) -> Option<Vec<(JobId, Labels)>> {
        let read = |(id, record)| {
            // Why `None` ends it all: the disk cannot be trusted, and the server is told to stop.
            let input = self.readable(self.records.read_job(record)).ok()?;
            Some((id, input.map_or_else(Labels::default, |input| self.labels(&input))))
        };
        jobs.into_iter().map(read).collect()
    }

    fn labels(&self, input: &JobInput) -> Labels {
        Labels {
            kind: Some(self.token(KIND_FIELD, input.kind.as_str())),
            tags: input.tags.iter().map(|tag| self.token(TAG_FIELD, tag.as_str())).collect(),
            seal_expires: input.seal_expires(),
        }
    }
}
