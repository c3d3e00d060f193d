//! The oracle can see: for each promise a story in which it is broken, told in the bytes that would
//! travel, and beside it the same story as it should go.

use std::sync::Arc;
use std::time::Duration;

use http::{Request, Response};
use sealane::JobId;
use sealane::crypto::{Random as _, SeededRandom};
use sealane_api::format::Format;
use sealane_api::v1::{
    CancelIn, Complete, CompleteItem, JobAccepted, JobIn, LeaseIn, LeaseOut, LeasedJob, Release, ReleaseItem,
    SettleResult, Settled,
};
use sealane_api::wire::{Id, Timestamp};
use sealane_core::time::Time;
use serde::Serialize;
use tokio::time::advance;

use super::{Oracle, Watch};
use crate::trace::Trace;

/// One client, one job after another, a millisecond between all things.
struct Story {
    oracle: Arc<Oracle>,
}

impl Story {
    fn begin() -> Self {
        Self { oracle: Arc::new(Oracle::new(Arc::new(Trace::new()))) }
    }

    async fn ask(&self, method: &str, path: &str, body: &impl Serialize) -> Watch {
        advance(Duration::from_millis(1)).await;
        let uri = format!("https://sim.invalid/v1/{path}");
        let request = Request::builder().method(method).uri(uri).body(Format::Cbor.write(body, 0)).unwrap();
        let watch = self.oracle.sent("client", &request);
        advance(Duration::from_millis(1)).await;
        watch
    }

    fn answer(watch: &Watch, answer: &impl Serialize) {
        watch.answered(&Response::new(Format::Cbor.write(answer, 0)));
    }

    fn refuse(watch: &Watch, code: &str, status: u16) {
        let text = format!(
            r#"{{"type":"urn:x","title":"t","status":{status},"detail":"d","code":"{code}","retryable":false,"request_id":"r"}}"#
        );
        watch.answered(&Response::builder().status(status).body(text.into_bytes()).unwrap());
    }

    async fn send(&self, job: JobId, delay_ms: u64) {
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

    async fn lease(&self, jobs: &[(JobId, &str)], lease_ms: u64) {
        let wish = LeaseIn { max: Some(9), ..LeaseIn::default() };
        let watch = self.ask("POST", "queues/q/leases", &wish).await;
        let jobs = jobs.iter().map(|(job, receipt)| handed(*job, receipt, lease_ms)).collect();
        Self::answer(&watch, &LeaseOut { jobs });
    }

    async fn complete(&self, receipt: &str) {
        let items = vec![CompleteItem { receipt: receipt.to_owned(), result: None }];
        let watch = self.ask("POST", "leases:complete", &Complete { items, atomic: false }).await;
        Self::answer(&watch, &done("completed"));
    }

    async fn release(&self, receipt: &str) {
        let items = vec![ReleaseItem { receipt: receipt.to_owned(), delay_ms: None }];
        let watch = self.ask("POST", "leases:release", &Release { items, atomic: false }).await;
        Self::answer(&watch, &done("ready"));
    }

    fn broken(&self) -> Option<&'static str> {
        self.oracle.verdict().0.map(|violation| violation.promise)
    }
}

fn done(state: &'static str) -> Settled {
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

fn handed(job: JobId, receipt: &str, lease_ms: u64) -> LeasedJob {
    let at = serde_json::json!("2027-01-01T00:00:00.000Z");
    serde_json::from_value(serde_json::json!({
        "id": job.to_string(), "queue": "q", "kind": "k", "body": "", "priority": "normal", "attempt": 1,
        "max_attempts": 5, "owner": "o", "created_at": at, "receipt": receipt, "lease_expires_at": at,
        "lease_ms": lease_ms,
    }))
    .unwrap()
}

fn ids() -> [JobId; 2] {
    let random = SeededRandom::danger_from_seed(1);
    [1, 2].map(|ms| {
        let mut bytes = [0; 10];
        random.fill(&mut bytes).unwrap();
        JobId::v7(ms, bytes)
    })
}

#[tokio::test(start_paused = true)]
async fn a_story_as_it_should_go_breaks_nothing() {
    let (story, [one, two]) = (Story::begin(), ids());
    story.send(one, 0).await;
    story.send(two, 0).await;
    story.lease(&[(one, "r1"), (two, "r2")], 1_000).await;
    story.complete("r1").await;
    story.complete("r1").await;
    story.release("r2").await;
    story.lease(&[(two, "r3")], 1_000).await;
    advance(Duration::from_secs(2)).await;
    story.lease(&[(two, "r4")], 1_000).await;
    story.complete("r4").await;
    assert_eq!(story.broken(), None);
}

#[tokio::test(start_paused = true)]
async fn an_accepted_job_that_is_not_there_is_seen() {
    let (story, [one, two]) = (Story::begin(), ids());
    story.send(one, 0).await;
    let watch = story.ask("GET", &format!("jobs/{two}"), &()).await;
    Story::refuse(&watch, "not_found", 404);
    assert_eq!(story.broken(), None, "nobody said that this one was accepted");
    let watch = story.ask("GET", &format!("jobs/{one}"), &()).await;
    Story::refuse(&watch, "not_found", 404);
    assert_eq!(story.broken(), Some("nothing acknowledged is lost"));
}

#[tokio::test(start_paused = true)]
async fn a_completed_job_that_comes_back_is_seen() {
    let (story, [one, _]) = (Story::begin(), ids());
    story.send(one, 0).await;
    story.lease(&[(one, "r1")], 1_000).await;
    story.complete("r1").await;
    story.lease(&[(one, "r2")], 1_000).await;
    assert_eq!(story.broken(), Some("nothing completed returns"));
}

#[tokio::test(start_paused = true)]
async fn a_second_holder_is_seen_and_one_after_the_lease_is_none() {
    let (story, [one, _]) = (Story::begin(), ids());
    story.send(one, 0).await;
    story.lease(&[(one, "r1")], 1_000).await;
    // The lease began when it was asked for, at the earliest.
    advance(Duration::from_millis(997)).await;
    story.lease(&[(one, "r2")], 1_000).await;
    assert_eq!(story.broken(), None, "the moment after the end");
    advance(Duration::from_millis(995)).await;
    story.lease(&[(one, "r3")], 1_000).await;
    assert_eq!(story.broken(), Some("one holder of a job"));
}

#[tokio::test(start_paused = true)]
async fn an_old_receipt_that_is_taken_is_seen() {
    let (story, [one, _]) = (Story::begin(), ids());
    story.send(one, 0).await;
    story.lease(&[(one, "r1")], 10).await;
    advance(Duration::from_millis(20)).await;
    story.lease(&[(one, "r2")], 1_000).await;
    story.release("r1").await;
    assert_eq!(story.broken(), Some("a receipt is good for its lease and for one end of it"));
}

#[tokio::test(start_paused = true)]
async fn two_ends_of_one_lease_are_seen() {
    let (story, [one, _]) = (Story::begin(), ids());
    story.send(one, 0).await;
    story.lease(&[(one, "r1")], 1_000).await;
    story.release("r1").await;
    story.complete("r1").await;
    assert_eq!(story.broken(), Some("a receipt is good for its lease and for one end of it"));
}

#[tokio::test(start_paused = true)]
async fn who_came_later_and_is_served_first_is_seen_in_one_answer_and_in_two() {
    let [one, two] = ids();
    for together in [true, false] {
        let story = Story::begin();
        story.send(one, 0).await;
        story.send(two, 0).await;
        if together {
            story.lease(&[(two, "r2"), (one, "r1")], 1_000).await;
        } else {
            story.lease(&[(two, "r2")], 1_000).await;
            assert_eq!(story.broken(), None, "the other one may have been cancelled meanwhile");
            story.lease(&[(one, "r1")], 1_000).await;
        }
        assert_eq!(
            story.broken(),
            Some("first come, first served in a class and key, or session"),
            "together: {together}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_delayed_job_before_its_time_is_seen() {
    let (story, [one, _]) = (Story::begin(), ids());
    story.send(one, 60_000).await;
    story.lease(&[(one, "r1")], 1_000).await;
    assert_eq!(story.broken(), Some("nothing is handed out before its time"));
}

#[tokio::test(start_paused = true)]
async fn a_paused_queue_that_hands_out_is_seen_and_a_resumed_one_may() {
    for resumed in [true, false] {
        let (story, [one, _]) = (Story::begin(), ids());
        story.send(one, 0).await;
        let watch = story.ask("POST", "queues/q:pause", &()).await;
        Story::answer(&watch, &());
        if resumed {
            let watch = story.ask("POST", "queues/q:resume", &()).await;
            Story::answer(&watch, &());
        }
        story.lease(&[(one, "r1")], 1_000).await;
        let expected = "a paused queue hands nothing out, a draining one takes nothing new";
        assert_eq!(story.broken(), (!resumed).then_some(expected), "resumed: {resumed}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_cancel_by_force_lets_another_hold_the_job() {
    let (story, [one, _]) = (Story::begin(), ids());
    story.send(one, 0).await;
    story.lease(&[(one, "r1")], 100_000).await;
    let watch = story.ask("POST", &format!("jobs/{one}:cancel"), &CancelIn { force: Some(true) }).await;
    watch.lost();
    story.lease(&[(one, "r2")], 1_000).await;
    assert_eq!(story.broken(), None, "it was cancelled and re-driven, for all that one knows");
}
