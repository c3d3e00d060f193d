//! Sending when the network does not cooperate, and sending many.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use std::sync::atomic::Ordering;
use std::time::Duration;

use sealane::{Error, Job, JobId, Provider as _, Retry};
use sealane_api::problem::Code;
use support::{keys, world};

// covers PROV-4 (a repeated enqueue after a lost answer is harmless)
#[tokio::test(start_paused = true)]
async fn a_lost_answer_does_not_double_the_job() {
    let (world, keys) = (world().await, keys());
    let client = world.sealed(&keys);
    world.mischief().lost_answers.store(3, Ordering::SeqCst);
    let sent = client.producer().send("orders", Job::new("k", "once")).await.unwrap();
    assert_eq!(world.seen("enqueue"), 4);
    assert_eq!(client.queue("orders").await.unwrap().jobs.ready, 1);
    assert_eq!(client.job(sent.id).await.unwrap().id, sent.id.to_string());
}

#[tokio::test(start_paused = true)]
async fn a_lost_answer_to_a_batch_doubles_nothing() {
    let (world, keys) = (world().await, keys());
    let client = world.sealed(&keys);
    world.mischief().lost_answers.store(2, Ordering::SeqCst);
    world.mischief().lost_requests.store(1, Ordering::SeqCst);
    let jobs = (0..100).map(|n| Job::new("k", format!("{n}"))).collect();
    let sent = client.producer().send_batch("orders", jobs).await.unwrap();
    assert!(sent.iter().all(Result::is_ok));
    assert_eq!(client.queue("orders").await.unwrap().jobs.ready, 100);
    assert_eq!(world.seen("enqueue_batch"), 4);
}

#[tokio::test(start_paused = true)]
async fn when_nobody_answers_the_caller_is_told_and_whether_it_may_have_happened() {
    let world = world().await;
    let client = world.plain().build();
    world.mischief().lost_requests.store(u32::MAX, Ordering::SeqCst);
    let error = client.producer().send("open", Job::new("k", "x")).await.unwrap_err();
    assert!(matches!(error, Error::Unreachable { .. }) && !error.may_have_happened(), "{error:?}");
    world.mischief().lost_requests.store(0, Ordering::SeqCst);
    world.mischief().lost_answers.store(u32::MAX, Ordering::SeqCst);
    let error = client.producer().send("open", Job::new("k", "x")).await.unwrap_err();
    assert!(error.is_transient() && error.may_have_happened(), "{error:?}");
}

#[tokio::test(start_paused = true)]
async fn one_id_is_one_content() {
    let world = world().await;
    let client = world.plain().build();
    let id = JobId::v7(support::START_MS, [3; 10]);
    let producer = client.producer();
    let send = |body: &str| producer.send("open", Job::new("k", body).id(id));
    assert_eq!(send("a").await.unwrap(), send("a").await.unwrap());
    assert_eq!(send("b").await.unwrap_err().code(), Some(Code::JobIdConflict));
    assert_eq!(client.queue("open").await.unwrap().jobs.ready, 1);

    let old = JobId::v7(support::START_MS - 3_600_001, [3; 10]);
    let error = client.producer().send("open", Job::new("k", "a").id(old)).await.unwrap_err();
    assert_eq!(error.code(), Some(Code::IdTooOld));
}

#[tokio::test(start_paused = true)]
async fn a_batch_is_split_to_fit_and_comes_back_in_order() {
    let (world, keys) = (world().await, keys());
    let client = world.sealed(&keys);
    let mut jobs: Vec<Job> = (0..2_500).map(|n| Job::new("k", format!("{n}"))).collect();
    jobs[7] = Job::new("not a kind", "refused here");
    jobs[2_400] = Job::new("k", "refused there").ttl(Duration::from_secs(u64::MAX));
    let sent = client.producer().send_batch("orders", jobs).await.unwrap();
    assert_eq!(world.seen("enqueue_batch"), 3);
    assert_eq!(sent.len(), 2_500);
    for (place, result) in sent.iter().enumerate() {
        let refused = matches!(place, 7 | 2_400);
        assert_eq!(result.as_ref().err().and_then(Error::code).is_some(), refused, "{place}");
    }
    let ids: Vec<_> = sent.iter().flatten().map(|sent| sent.id).collect();
    assert!(ids.windows(2).all(|pair| pair[0] < pair[1]), "in the order they were given");

    let large = (0..40).map(|_| Job::new("k", vec![1; 900_000])).collect();
    assert!(client.producer().send_batch("orders", large).await.unwrap().iter().all(Result::is_ok));
    assert!(world.seen("enqueue_batch") >= 6, "16 MiB hold a dozen such jobs");
    assert!(client.producer().send_batch("orders", Vec::new()).await.unwrap().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_batch_that_reaches_nobody_fails_job_by_job() {
    let world = world().await;
    let client = world.plain().build();
    world.mischief().lost_requests.store(u32::MAX, Ordering::SeqCst);
    let sent =
        client.producer().send_batch("open", vec![Job::new("k", "a"), Job::new("k", "b")]).await.unwrap();
    assert!(sent.iter().all(|result| matches!(result, Err(Error::Unreachable { .. }))));
}

// covers JOB-10 (a part that nobody answers ends a batch, so nothing is accepted out of order)
#[tokio::test(start_paused = true)]
async fn what_stands_behind_a_request_without_an_answer_is_not_sent() {
    let world = world().await;
    let client = world.plain().retry(Retry::NEVER).build();
    let jobs = || (0..2_500).map(|n| Job::new("k", format!("{n}")).session("s")).collect();
    world.mischief().lost_requests.store(1, Ordering::SeqCst);
    let sent = client.producer().send_batch("open", jobs()).await.unwrap();
    let unanswered = |result: &Result<_, Error>, unsure: bool| matches!(result, Err(error @ Error::Unreachable { .. }) if error.may_have_happened() == unsure);
    assert_eq!(sent.len(), 2_500);
    assert!(sent.iter().all(|result| unanswered(result, false)));
    assert_eq!((world.seen("enqueue_batch"), client.queue("open").await.unwrap().jobs.ready), (1, 0));
    // An answer that was lost may have been a yes, for those that were sent and for no others.
    world.mischief().lost_answers.store(1, Ordering::SeqCst);
    let sent = client.producer().send_batch("open", jobs()).await.unwrap();
    assert!(sent[..1_000].iter().all(|result| unanswered(result, true)));
    assert!(sent[1_000..].iter().all(|result| unanswered(result, false)));
    assert_eq!((world.seen("enqueue_batch"), client.queue("open").await.unwrap().jobs.ready), (2, 1_000));
}

#[tokio::test(start_paused = true)]
async fn texts_are_checked_before_anything_is_sent() {
    let world = world().await;
    let client = world.plain().build();
    let bad = [
        Job::new("", "x"),
        Job::new("k", "x").session("a\nb"),
        Job::new("k", "x").attribute("$part", "x"),
        Job::new("k", "x").attribute("a", "x".repeat(4_097)),
        Job::new("k", "x").tag(""),
        (0..65).fold(Job::new("k", "x"), |job, n| job.attribute(format!("a{n}"), "x")),
    ];
    for job in bad {
        let error = client.producer().send("open", job).await.unwrap_err();
        assert_eq!(error.code(), Some(Code::InvalidRequest), "{error}");
    }
    assert_eq!(
        client.producer().send("No Queue", Job::new("k", "x")).await.unwrap_err().code(),
        Some(Code::InvalidRequest)
    );
    assert_eq!(world.seen("enqueue"), 0);
    let missing = client.producer().send("nowhere", Job::new("k", "x")).await.unwrap_err();
    assert_eq!(missing.code(), Some(Code::NotFound));
}

#[tokio::test(start_paused = true)]
async fn what_is_accepted_says_in_which_state() {
    let world = world().await;
    let client = world.plain().build();
    let delayed =
        client.producer().send("open", Job::new("k", "x").delay(Duration::from_secs(5))).await.unwrap();
    assert_eq!(delayed.state, "delayed");
    assert_eq!(world.between.memory.job(delayed.id).await.unwrap().state, "delayed");
    tokio::time::advance(Duration::from_secs(5)).await;
    assert_eq!(client.job(delayed.id).await.unwrap().state, "ready");
}
