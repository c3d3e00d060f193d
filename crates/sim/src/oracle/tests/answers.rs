//! What clients see of jobs.

use std::time::Duration;

use sealane_api::v1::CancelIn;
use tokio::time::advance;

use super::story::{Story, ids};

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
