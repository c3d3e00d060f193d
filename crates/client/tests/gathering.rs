//! Calls that meet share a request, and nobody notices but the network.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use std::collections::BTreeSet;
use std::sync::atomic::Ordering;
use std::time::Duration;

use sealane::{Client, Error, Job, JobId, Outcome, Sent};
use sealane_api::problem::Code;
use support::{START_MS, World, keys, world};
use tokio::task::{JoinHandle, yield_now};
use tokio::time::Instant;

const MS: Duration = Duration::from_millis(1);

fn slow(world: &World) {
    *world.mischief().answers_take.lock().unwrap() = 10 * MS;
}

fn id(number: u8) -> JobId {
    JobId::v7(START_MS, [number; 10])
}

/// Sends in a task of its own; it has got as far as it can when this returns.
async fn begin(client: &Client, job: Job) -> JoinHandle<Result<Sent, Error>> {
    let producer = client.producer();
    let sending = tokio::spawn(async move { producer.send("open", job).await });
    yield_now().await;
    sending
}

async fn send_all(client: &Client, jobs: Vec<Job>) -> Vec<Result<Sent, Error>> {
    let mut sending = Vec::new();
    for job in jobs {
        sending.push(begin(client, job).await);
    }
    let mut sent = Vec::new();
    for one in sending {
        sent.push(one.await.unwrap());
    }
    sent
}

fn numbered(count: usize) -> Vec<Job> {
    (0..count).map(|n| Job::new("k", format!("{n}"))).collect()
}

async fn ready(client: &Client) -> u64 {
    client.queue("open").await.unwrap().jobs.ready
}

#[tokio::test(start_paused = true)]
async fn what_arrives_while_a_request_is_on_its_way_goes_with_the_next_one() {
    let world = world().await;
    let client = world.plain().build();
    slow(&world);
    let began = Instant::now();
    let sent = send_all(&client, numbered(2_501)).await;
    let ids: BTreeSet<JobId> = sent.into_iter().map(|sent| sent.unwrap().id).collect();
    assert_eq!((ids.len(), ready(&client).await), (2_501, 2_501));
    assert_eq!((world.seen("enqueue"), world.seen("enqueue_batch")), (1, 3), "1, 1000, 1000, 500");
    assert_eq!(began.elapsed(), 40 * MS);

    // Nobody waits for company.
    send_all(&client, numbered(1)).await;
    assert_eq!((world.seen("enqueue"), world.seen("enqueue_batch")), (2, 3));
    assert_eq!(began.elapsed(), 50 * MS);
}

#[tokio::test(start_paused = true)]
async fn a_shared_request_holds_no_more_bytes_than_a_request_may() {
    let world = world().await;
    let client = world.plain().build();
    slow(&world);
    let large = (0..41).map(|_| Job::new("k", vec![1; 900_000])).collect();
    assert!(send_all(&client, large).await.iter().all(Result::is_ok));
    assert_eq!((world.seen("enqueue"), world.seen("enqueue_batch")), (1, 3), "16 MiB hold 18 of them");
}

#[tokio::test(start_paused = true)]
async fn who_wants_a_request_of_their_own_has_one() {
    let world = world().await;
    let client = world.plain().one_request_per_call().build();
    slow(&world);
    assert!(send_all(&client, numbered(50)).await.iter().all(Result::is_ok));
    assert_eq!((world.seen("enqueue"), world.seen("enqueue_batch")), (50, 0));
}

#[tokio::test(start_paused = true)]
async fn each_caller_has_an_answer_of_its_own() {
    let world = world().await;
    let client = world.plain().build();
    client.producer().send("open", Job::new("k", "first").id(id(7))).await.unwrap();
    slow(&world);
    let mut jobs = numbered(20);
    jobs[5] = Job::new("k", "another").id(id(7));
    jobs[6] = Job::new("k", "first").id(id(7));
    jobs[7] = Job::new("k", "old").id(JobId::v7(1, [1; 10]));
    let sent = send_all(&client, jobs).await;
    assert_eq!(world.seen("enqueue_batch"), 1);
    let code = |n: usize| sent[n].as_ref().err().and_then(Error::code);
    assert_eq!((code(5), code(6), code(7)), (Some(Code::JobIdConflict), None, Some(Code::IdTooOld)));
    assert_eq!(sent[6].as_ref().unwrap().id, id(7));
    assert_eq!(sent.iter().filter(|sent| sent.is_ok()).count(), 18);
    assert_eq!(ready(&client).await, 18);
}

#[tokio::test(start_paused = true)]
async fn a_lost_answer_doubles_nothing_for_anybody() {
    let world = world().await;
    let client = world.plain().build();
    slow(&world);
    world.mischief().lost_answers.store(2, Ordering::SeqCst);
    let sent = send_all(&client, numbered(100)).await;
    assert!(sent.iter().all(Result::is_ok));
    assert_eq!(ready(&client).await, 100);
    let requests = world.seen("enqueue") + world.seen("enqueue_batch");
    assert!((4..30).contains(&requests), "{requests} requests: those that try again meet as well");

    // Nobody is there any more: all are told, each with the words for it.
    world.mischief().lost_answers.store(u32::MAX, Ordering::SeqCst);
    let sent = send_all(&client, numbered(10)).await;
    assert!(sent.iter().all(|sent| sent.as_ref().is_err_and(Error::may_have_happened)));
}

#[tokio::test(start_paused = true)]
async fn the_fault_of_one_is_no_fault_of_those_it_met() {
    let world = world().await;
    let client = world.plain().build();
    slow(&world);
    *world.mischief().refuses_batches.lock().unwrap() = true;
    let mut jobs = numbered(5);
    jobs[3] = Job::new("k", "old").id(JobId::v7(1, [1; 10]));
    let sent = send_all(&client, jobs).await;
    assert_eq!(world.seen("refused_batch"), 1);
    assert_eq!(sent[3].as_ref().unwrap_err().code(), Some(Code::IdTooOld));
    assert_eq!((sent.iter().filter(|sent| sent.is_ok()).count(), ready(&client).await), (4, 4));
}

// covers PROV-4 (cancellation: dropping a call loses nothing acknowledged and disturbs nobody)
#[tokio::test(start_paused = true)]
async fn a_caller_that_goes_away_disturbs_nobody_and_may_come_again() {
    let world = world().await;
    let client = world.plain().build();
    slow(&world);
    let first = begin(&client, Job::new("k", "first").id(id(1))).await;
    let stays = begin(&client, Job::new("k", "stays").id(id(2))).await;
    let goes = begin(&client, Job::new("k", "goes").id(id(3))).await;
    let stays_too = begin(&client, Job::new("k", "stays too").id(id(4))).await;
    // One on its way, one that waits.
    first.abort();
    goes.abort();
    assert!(stays.await.unwrap().is_ok() && stays_too.await.unwrap().is_ok());
    assert!(first.await.is_err() && goes.await.is_err());
    assert_eq!(ready(&client).await, 3, "the first had arrived, the other was never sent");
    for (number, body) in [(1, "first"), (3, "goes")] {
        let again = client.producer().send("open", Job::new("k", body).id(id(number))).await.unwrap();
        assert_eq!(again.id, id(number));
    }
    assert_eq!(ready(&client).await, 4);
    // In the middle of a shared request.
    let first = begin(&client, Job::new("k", "x")).await;
    let (goes, stays) = (begin(&client, Job::new("k", "x")).await, begin(&client, Job::new("k", "x")).await);
    first.await.unwrap().unwrap();
    tokio::time::sleep(5 * MS).await;
    goes.abort();
    stays.await.unwrap().unwrap();
    assert_eq!(ready(&client).await, 7);
}

#[tokio::test(start_paused = true)]
async fn a_request_that_is_stuck_holds_nobody_up_for_long() {
    let world = world().await;
    let client = world.plain().build();
    world.mischief().stuck_answers.store(1, Ordering::SeqCst);
    let stuck = begin(&client, Job::new("k", "x")).await;
    let began = Instant::now();
    assert!(send_all(&client, numbered(100)).await.iter().all(Result::is_ok));
    assert_eq!((began.elapsed(), world.seen("enqueue_batch")), (1_000 * MS, 1));
    assert!(!stuck.is_finished());
    stuck.abort();
    assert!(stuck.await.is_err());
    send_all(&client, numbered(1)).await.pop().unwrap().unwrap();
    assert_eq!(began.elapsed(), 1_000 * MS, "and nothing of it stays");
}

#[tokio::test(start_paused = true)]
async fn settlements_that_meet_share_a_request_and_each_is_its_jobs_own() {
    let world = world().await;
    let client = world.sealed(&keys());
    let jobs = (0..100).map(|n| Job::new("k", format!("{n}"))).collect();
    let sent = client.producer().send_batch("orders", jobs).await.unwrap();
    let between = std::sync::Arc::clone(&world.between);
    let worker = client
        .worker("orders")
        .concurrency(100)
        .max_jobs(100)
        .default_handler(move |delivery, _| {
            *between.mischief.answers_take.lock().unwrap() = 10 * MS;
            async move {
                match delivery.body.as_slice() {
                    b"13" => Outcome::fail_for_good("no"),
                    body => Outcome::complete_with(body),
                }
            }
        })
        .build()
        .unwrap();
    let worked = worker.run(std::future::pending()).await.unwrap();
    assert_eq!((worked.completed, worked.failed, worked.unsettled), (99, 1, 0));
    assert_eq!((world.seen("complete"), world.seen("fail")), (2, 1));
    for (n, sent) in sent.into_iter().enumerate() {
        let result = client.result(sent.unwrap().id).await.unwrap();
        assert_eq!(result, (n != 13).then(|| n.to_string().into_bytes()));
    }
}
