//! Waiting for a job to end, over the machine in this process, in virtual time.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use std::time::Duration;

use sealane::{Client, Job, JobAct, JobId, Outcome, Provider as _, WaitError};
use support::{keys, world};
use tokio::time::{Instant, sleep};

async fn complete_after(client: Client, time: Duration) {
    sleep(time).await;
    let worker = client
        .worker("orders")
        .default_handler(async |_, _| Outcome::complete_with("done"))
        .max_jobs(1)
        .build()
        .unwrap();
    worker.run(std::future::pending()).await.unwrap();
}

async fn sent(client: &Client) -> JobId {
    client.producer().send("orders", Job::new("test", "body")).await.unwrap().id
}

// covers JOB-9 (wait for a result)
#[tokio::test(start_paused = true)]
async fn a_result_is_waited_for_as_long_as_asked_and_not_a_millisecond_longer_than_it_takes() {
    let world = world().await;
    let client = world.sealed(&keys());
    let id = sent(&client).await;
    // Four minutes: no other time-out cuts it.
    let after = Duration::from_secs(240);
    tokio::spawn(complete_after(client.clone(), after));
    let began = Instant::now();
    let result = client.wait_result(id, Duration::from_secs(299)).await.unwrap();
    assert_eq!(result.as_deref(), Some(&b"done"[..]), "sealed on its way, and opened");
    assert_eq!(began.elapsed(), after);
    assert_eq!(world.seen("wait"), 1, "woken, not asked again and again");
    // Who comes later is answered at once.
    assert_eq!(client.wait_result(id, Duration::ZERO).await.unwrap().as_deref(), Some(&b"done"[..]));
    assert_eq!(began.elapsed(), after);
}

#[tokio::test(start_paused = true)]
async fn a_wait_may_be_longer_than_one_request_of_it() {
    let world = world().await;
    let client = world.sealed(&keys());
    let id = sent(&client).await;
    let after = Duration::from_secs(2_950);
    tokio::spawn(complete_after(client.clone(), after));
    let began = Instant::now();
    assert!(client.wait_result(id, Duration::from_secs(4_000)).await.is_ok());
    assert_eq!((began.elapsed(), world.seen("wait")), (after, 10));
    let beyond = world.between.wait(id, Duration::from_millis(300_001)).await;
    assert_eq!(support::code_of(&beyond.unwrap_err()).unwrap().as_str(), "invalid_request");
}

#[tokio::test(start_paused = true)]
async fn a_wait_says_how_it_ended_without_a_result() {
    let world = world().await;
    let client = world.sealed(&keys());
    let id = sent(&client).await;
    let began = Instant::now();
    let late = client.wait_result(id, Duration::from_secs(7)).await;
    assert!(matches!(late, Err(WaitError::TimeUp { state }) if state == "ready"));
    assert_eq!(began.elapsed(), Duration::from_secs(7));
    let waits = tokio::spawn({
        let client = client.clone();
        async move { client.wait_result(id, Duration::from_secs(60)).await }
    });
    sleep(Duration::from_secs(1)).await;
    client.act(id, &JobAct::Cancel { force: false }).await.unwrap();
    let ended = waits.await.unwrap();
    assert!(matches!(ended, Err(WaitError::Ended { state }) if state == "cancelled"));
    assert_eq!(began.elapsed(), Duration::from_secs(8));
    // A time to live that runs out ends it as well, by a timer.
    let short = Job::new("test", "body").ttl(Duration::from_secs(5));
    let id = client.producer().send("orders", short).await.unwrap().id;
    let ended = client.wait_result(id, Duration::from_secs(60)).await;
    assert!(matches!(ended, Err(WaitError::Ended { state }) if state == "expired"));
    assert_eq!(began.elapsed(), Duration::from_secs(13));
}
