//! One client that asks and is answered whatever a story says.

use std::sync::Arc;
use std::time::Duration;

use http::{Request, Response};
use sealane::JobId;
use sealane::crypto::{Random as _, SeededRandom};
use sealane_api::format::Format;
use sealane_api::v1::{
    Complete, CompleteItem, JobAccepted, JobIn, LeaseIn, LeaseOut, LeasedJob, Release, ReleaseItem,
    SettleResult, Settled,
};
use sealane_api::wire::{Id, Timestamp};
use sealane_core::time::Time;
use serde::Serialize;
use tokio::time::advance;

use super::super::{Oracle, Watch};
use crate::trace::Trace;

/// One client, one job after another, a millisecond between all things.
pub(super) struct Story {
    pub(super) oracle: Arc<Oracle>,
}

impl Story {
    pub(super) fn begin() -> Self {
        Self { oracle: Arc::new(Oracle::new(Arc::new(Trace::new()))) }
    }

    pub(super) async fn ask(&self, method: &str, path: &str, body: &impl Serialize) -> Watch {
        advance(Duration::from_millis(1)).await;
        let uri = format!("https://sim.invalid/v1/{path}");
        let request = Request::builder().method(method).uri(uri).body(Format::Cbor.write(body, 0)).unwrap();
        let watch = self.oracle.sent("client", &request);
        advance(Duration::from_millis(1)).await;
        watch
    }

    pub(super) fn answer(watch: &Watch, answer: &impl Serialize) {
        watch.answered(&Response::new(Format::Cbor.write(answer, 0)));
    }

    pub(super) fn refuse(watch: &Watch, code: &str, status: u16) {
        let text = format!(
            r#"{{"type":"urn:x","title":"t","status":{status},"detail":"d","code":"{code}","retryable":false,"request_id":"r"}}"#
        );
        watch.answered(&Response::builder().status(status).body(text.into_bytes()).unwrap());
    }

    pub(super) async fn send(&self, job: JobId, delay_ms: u64) {
        let wish = JobIn {
            id: Some(job.to_string()),
            kind: "k".into(),
            delay_ms: Some(delay_ms).filter(|ms| *ms > 0),
            ..JobIn::default()
        };
        let watch = self.ask("POST", "queues/q/jobs", &wish).await;
        let at = Timestamp(Time::from_unix_ms(0));
        let accepted = JobAccepted {
            id: Id(job),
            queue: "q".into(),
            state: "ready".into(),
            created_at: at,
            merged: false,
            fresh: true,
        };
        Self::answer(&watch, &accepted);
    }

    pub(super) async fn lease(&self, jobs: &[(JobId, &str)], lease_ms: u64) {
        let wish = LeaseIn { max: Some(9), ..LeaseIn::default() };
        let watch = self.ask("POST", "queues/q/leases", &wish).await;
        let jobs = jobs.iter().map(|(job, receipt)| handed(*job, receipt, lease_ms)).collect();
        Self::answer(&watch, &LeaseOut { jobs });
    }

    pub(super) async fn complete(&self, receipt: &str) {
        let items = vec![CompleteItem { receipt: receipt.to_owned(), result: None }];
        let watch = self.ask("POST", "leases:complete", &Complete { items, atomic: false }).await;
        Self::answer(&watch, &done("completed"));
    }

    pub(super) async fn release(&self, receipt: &str) {
        let items = vec![ReleaseItem { receipt: receipt.to_owned(), delay_ms: None }];
        let watch = self.ask("POST", "leases:release", &Release { items, atomic: false }).await;
        Self::answer(&watch, &done("ready"));
    }

    pub(super) fn broken(&self) -> Option<&'static str> {
        self.oracle.verdict().0.map(|violation| violation.promise)
    }
}

pub(super) fn done(state: &'static str) -> Settled {
    let result = SettleResult {
        id: None,
        ok: Some(true),
        state: Some(state.into()),
        lease_expires_at: None,
        lease_ms: None,
        cancel_requested: None,
        error: None,
    };
    Settled { results: vec![result] }
}

pub(super) fn handed(job: JobId, receipt: &str, lease_ms: u64) -> LeasedJob {
    let at = serde_json::json!("2027-01-01T00:00:00.000Z");
    serde_json::from_value(serde_json::json!({
        "id": job.to_string(), "queue": "q", "kind": "k", "body": "", "priority": "normal", "attempt": 1,
        "max_attempts": 5, "owner": "o", "created_at": at, "receipt": receipt, "lease_expires_at": at,
        "lease_ms": lease_ms,
    }))
    .unwrap()
}

pub(super) fn ids() -> [JobId; 2] {
    let random = SeededRandom::danger_from_seed(1);
    [1, 2].map(|ms| {
        let mut bytes = [0; 10];
        random.fill(&mut bytes).unwrap();
        JobId::v7(ms, bytes)
    })
}
