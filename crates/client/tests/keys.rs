//! Idempotency keys, unique jobs and atomic batches, as a program sends them.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use std::time::Duration;

use sealane::{Error, Job, OnConflict};
use sealane_api::problem::Code;
use support::{keys, world};

// covers JOB-7 (a repeat is recognised although it is sealed anew)
#[tokio::test(start_paused = true)]
async fn a_repeat_that_is_sealed_anew_gets_the_first_answer() {
    let (world, keys) = (world().await, keys());
    for (queue, client) in [("orders", world.sealed(&keys)), ("open", world.plain().build())] {
        let producer = client.producer();
        let send = |body: &str| producer.send(queue, Job::new("k", body).idempotency_key("order 17"));
        let first = send("pay").await.unwrap();
        assert_eq!(send("pay").await.unwrap(), first, "{queue}");
        assert_eq!(send("pay twice").await.unwrap_err().code(), Some(Code::IdempotencyConflict), "{queue}");
        assert_eq!(client.queue(queue).await.unwrap().jobs.ready, 1);
        tokio::time::advance(Duration::from_secs(24 * 3_600)).await;
        assert_eq!(send("pay").await.unwrap(), first, "through the last millisecond of the window");
        tokio::time::advance(Duration::from_millis(1)).await;
        assert_ne!(send("pay").await.unwrap().id, first.id, "and not a millisecond longer");
    }
}

// covers JOB-7 (unique)
#[tokio::test(start_paused = true)]
async fn a_unique_job_is_refused_or_merged_while_another_is_on_its_way() {
    let world = world().await;
    let client = world.plain().build();
    let producer = client.producer();
    let send = |way| producer.send("open", Job::new("k", "x").unique("report", way));
    let first = send(OnConflict::Refuse).await.unwrap();
    let refused = send(OnConflict::Refuse).await.unwrap_err();
    assert_eq!(refused.code(), Some(Code::UniqueConflict));
    assert_eq!(refused.conflicting_job(), Some(first.id));
    let merged = send(OnConflict::Merge).await.unwrap();
    assert!(merged.merged && !first.merged && merged.id == first.id);
}

// covers JOB-10 (atomic batches)
#[tokio::test(start_paused = true)]
async fn an_atomic_batch_is_sent_whole_or_not_at_all() {
    let (world, keys) = (world().await, keys());
    let client = world.sealed(&keys);
    let producer = client.producer();
    let code = |one: &Result<_, Error>| one.as_ref().err().and_then(Error::code);
    let jobs = |bad: Option<usize>| -> Vec<Job> {
        let job = |at| Job::new("k", format!("{at}")).max_attempts(u32::from(bad != Some(at)));
        (0..5).map(job).collect()
    };
    let refused = producer.send_batch_atomic("orders", jobs(Some(3))).await.unwrap();
    let codes: Vec<_> = refused.iter().map(code).collect();
    let not_done = Some(Code::NotDone);
    assert_eq!(codes, [not_done, not_done, not_done, Some(Code::InvalidRequest), not_done]);
    let mut unsendable = jobs(None);
    unsendable[1] = Job::new("no kind", "x");
    let refused = producer.send_batch_atomic("orders", unsendable).await.unwrap();
    assert_eq!(refused.iter().map(code).collect::<Vec<_>>()[..2], [not_done, Some(Code::InvalidRequest)]);
    assert_eq!(client.queue("orders").await.unwrap().jobs.ready, 0);
    let sent = producer.send_batch_atomic("orders", jobs(None)).await.unwrap();
    assert!(sent.iter().all(Result::is_ok));
    assert_eq!(client.queue("orders").await.unwrap().jobs.ready, 5);
    let many = (0..1_001).map(|at| Job::new("k", format!("{at}"))).collect();
    assert_eq!(
        producer.send_batch_atomic("orders", many).await.unwrap_err().code(),
        Some(Code::InvalidRequest)
    );
}
