//! What clients see of sessions, limits, keys, batches and flows.

use std::time::Duration;

use sealane::{JobId, QueueIn};
use sealane_api::v1::{
    FlowIn, HeldSession, JobAccepted, JobBatchIn, JobBatchOut, JobBatchResult, JobIn, LeaseIn, LeaseOut,
    SessionAcceptIn, SessionAcceptOut, SessionSetStateIn, SessionStands, SessionStateIn, SessionStateOut,
    UniqueIn,
};
use sealane_api::wire::{Id, Timestamp};
use sealane_core::time::Time;
use tokio::time::advance;

use super::story::{Story, handed, ids};

const ONE_HOLDER: &str = "a session has one holder, and tells what it was told last";
const ONE_JOB: &str = "one job for a key, and the first answer for its repeats";

impl Story {
    async fn hold(&self, receipt: &str) {
        let watch = self.ask("POST", "queues/q/sessions:accept", &SessionAcceptIn::default()).await;
        let held = HeldSession {
            session_id: "s".into(),
            receipt: receipt.into(),
            expires_at: Timestamp(Time::default()),
            hold_ms: 1_000,
            idle_ms: 1_000,
            state: None,
        };
        Self::answer(&watch, &SessionAcceptOut { session: Some(held) });
    }

    async fn tell(&self, state: u8) {
        let wish = SessionSetStateIn { receipt: "h1".into(), state: Some(vec![state].into()) };
        let watch = self.ask("POST", "sessions:set_state", &wish).await;
        let held = SessionStands { held: true, expires_at: None, hold_ms: Some(1_000) };
        Self::answer(&watch, &held);
    }

    async fn put_queue(&self, settings: &QueueIn) {
        let watch = self.ask("PUT", "queues/q", settings).await;
        Self::answer(&watch, &());
    }

    /// Sends a job, and is told that this one was accepted.
    async fn send_as(&self, wish: &JobIn, accepted: JobAccepted) {
        let watch = self.ask("POST", "queues/q/jobs", wish).await;
        Self::answer(&watch, &accepted);
    }
}

fn accepted(job: JobId, ms: u64, merged: bool) -> JobAccepted {
    let created_at = Timestamp(Time::from_unix_ms(ms));
    JobAccepted { id: Id(job), queue: "q".into(), state: "ready".into(), created_at, merged, fresh: true }
}

fn job(id: JobId) -> JobIn {
    JobIn { id: Some(id.to_string()), kind: "k".into(), ..JobIn::default() }
}

#[tokio::test(start_paused = true)]
async fn a_second_holder_of_a_session_is_seen_and_one_after_its_end_is_none() {
    for (wait, broken) in [(990, Some(ONE_HOLDER)), (1_000, None)] {
        let story = Story::begin();
        story.hold("h1").await;
        advance(Duration::from_millis(wait)).await;
        story.hold("h2").await;
        assert_eq!(story.broken(), broken, "after {wait}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_session_that_tells_what_it_was_told_before_is_seen() {
    for (read, broken) in [(2, None), (1, Some(ONE_HOLDER))] {
        let story = Story::begin();
        story.hold("h1").await;
        story.tell(1).await;
        story.tell(2).await;
        let watch = story.ask("POST", "sessions:get_state", &SessionStateIn { receipt: "h1".into() }).await;
        Story::answer(&watch, &SessionStateOut { state: Some(vec![read].into()) });
        assert_eq!(story.broken(), broken, "{read}");
    }
}

#[tokio::test(start_paused = true)]
async fn more_running_than_a_queue_lets_is_seen() {
    for (most, broken) in [(2, None), (1, Some("limits are never exceeded"))] {
        let (story, [one, two]) = (Story::begin(), ids());
        story.put_queue(&QueueIn { concurrency: Some(most), ..QueueIn::default() }).await;
        story.send(one, 0).await;
        story.send(two, 0).await;
        story.lease(&[(one, "r1")], 1_000).await;
        story.lease(&[(two, "r2")], 1_000).await;
        assert_eq!(story.broken(), broken, "{most}");
    }
}

#[tokio::test(start_paused = true)]
async fn another_job_for_a_key_is_seen_within_its_window() {
    for (ms, broken) in [(1_000, Some(ONE_JOB)), (1_001, None)] {
        let (story, [one, two]) = (Story::begin(), ids());
        story.put_queue(&QueueIn { idempotency_window_ms: Some(1_000), ..QueueIn::default() }).await;
        let keyed = |id| JobIn { idempotency_key: Some("k".into()), ..job(id) };
        story.send_as(&keyed(one), accepted(one, 0, false)).await;
        story.send_as(&keyed(two), accepted(one, 0, false)).await;
        assert_eq!(story.broken(), None, "the first answer again");
        story.send_as(&keyed(two), accepted(two, ms, false)).await;
        assert_eq!(story.broken(), broken, "{ms}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_key_that_takes_another_body_is_seen() {
    let (story, [one, two]) = (Story::begin(), ids());
    let keyed =
        |id, body: &[u8]| JobIn { idempotency_key: Some("k".into()), body: body.to_vec().into(), ..job(id) };
    story.send_as(&keyed(one, b"this"), accepted(one, 0, false)).await;
    story.send_as(&keyed(two, b"that"), accepted(one, 0, false)).await;
    assert_eq!(story.broken(), Some(ONE_JOB));
}

#[tokio::test(start_paused = true)]
async fn who_stands_in_for_a_job_of_another_key_is_seen() {
    for (key, broken) in [("u", None), ("v", Some("one job of a unique key at a time"))] {
        let (story, [one, two]) = (Story::begin(), ids());
        let unique = |id, key: &str| JobIn {
            unique: Some(UniqueIn { key: key.into(), on_conflict: Some("merge".into()) }),
            ..job(id)
        };
        story.send_as(&unique(one, "u"), accepted(one, 0, false)).await;
        story.send_as(&unique(two, key), accepted(one, 0, true)).await;
        assert_eq!(story.broken(), broken, "{key}");
    }
}

#[tokio::test(start_paused = true)]
async fn half_of_an_atomic_batch_is_seen() {
    for (atomic, broken) in [(false, None), (true, Some("all of an atomic batch or flow, or nothing"))] {
        let (story, [one, two]) = (Story::begin(), ids());
        let batch = JobBatchIn { jobs: vec![job(one), job(two)], atomic };
        let watch = story.ask("POST", "queues/q/jobs:batch", &batch).await;
        let error = serde_json::from_value(serde_json::json!({
            "type": "urn:x", "title": "t", "status": 409, "detail": "d", "code": "not_done", "retryable": false
        }))
        .unwrap();
        let refused = JobBatchResult::Refused { id: None, error };
        let results = vec![JobBatchResult::Accepted(accepted(one, 0, false)), refused];
        Story::answer(&watch, &JobBatchOut { results });
        assert_eq!(story.broken(), broken, "{atomic}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_job_that_comes_before_its_parent_has_ended_is_seen_and_what_that_one_never_said() {
    let told = |id: JobId, result: &str| {
        serde_json::json!({
            "job_id": id.to_string(), "origin_queue": "q", "attempt": 1, "state": "completed", "result": result,
            "sealed": false, "result_left_out": false,
        })
    };
    let expected = Some("a job begins when its parents allow it, and hears what they came to");
    for (word, broken) in [(None, expected), (Some(""), None), (Some("AAAA"), expected)] {
        let (story, [one, two]) = (Story::begin(), ids());
        let node = |name: &str, id: JobId, after: &[&str]| serde_json::json!({"name": name, "queue": "q", "after": after, "job": {"id": id.to_string(), "kind": "k", "body": ""}});
        let flow: FlowIn = serde_json::from_value(serde_json::json!({
            "id": one.to_string(), "nodes": [node("a", one, &[]), node("b", two, &["a"])],
        }))
        .unwrap();
        story.ask("POST", "flows", &flow).await.lost();
        story.lease(&[(one, "r1")], 1_000).await;
        let items =
            vec![sealane_api::v1::CompleteItem { receipt: "r1".into(), result: Some(Vec::new().into()) }];
        let complete = sealane_api::v1::Complete { items, atomic: false };
        story.ask("POST", "leases:complete", &complete).await.lost();
        let watch = story.ask("POST", "queues/q/leases", &LeaseIn::default()).await;
        let mut child = handed(two, "r2", 1_000);
        child.parents =
            word.map(|word| serde_json::from_value(told(one, word)).unwrap()).into_iter().collect();
        Story::answer(&watch, &LeaseOut { jobs: vec![child] });
        assert_eq!(story.broken(), broken, "{word:?}");
    }
}
