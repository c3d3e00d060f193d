//! Sessions over the queues in this process, in virtual time.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use sealane::{Job, Outcome, Provider, QueueIn};
use sealane_api::problem::Code;
use sealane_api::v1::{LeaseIn, SessionAcceptIn, SessionCloseIn, SessionRenewIn, SessionSetStateIn};
use sealane_core::name::QueueName;
use support::{code_of, world};
use tokio::time::{Instant, sleep};

fn with_sessions() -> QueueIn {
    QueueIn {
        sealing: Some("allowed".to_owned()),
        sessions: Some("on".to_owned()),
        session_hold_ms: Some(60_000),
        ..QueueIn::default()
    }
}

// covers JOB-13 (FIFO per session, other sessions in parallel, for a worker that knows nothing of them)
#[tokio::test(start_paused = true)]
async fn a_plain_worker_has_one_job_of_each_session_at_a_time_in_their_order() {
    let world = world().await;
    let client = world.plain().build();
    client.put_queue("lines", &with_sessions()).await.unwrap();
    let jobs =
        (0..8).flat_map(|at| ["a", "b"].map(|name| Job::new("k", format!("{name}{at}")).session(name)));
    let sent = client.producer().send_batch("lines", jobs.collect()).await.unwrap();
    assert!(sent.iter().all(Result::is_ok));

    let (order, began) = (Arc::new(Mutex::new(Vec::new())), Instant::now());
    let told = Arc::clone(&order);
    let worker = client
        .worker("lines")
        .concurrency(8)
        .max_jobs(16)
        .default_handler(move |delivery, _| {
            let told = Arc::clone(&told);
            async move {
                let body = String::from_utf8_lossy(&delivery.body).into_owned();
                told.lock().unwrap().push((began.elapsed().as_secs(), body));
                sleep(Duration::from_secs(1)).await;
                Outcome::COMPLETE
            }
        })
        .build()
        .unwrap();
    assert_eq!(worker.run(std::future::pending()).await.unwrap().completed, 16);
    let mut order = order.lock().unwrap().clone();
    order.sort();
    let expected: Vec<(u64, String)> =
        (0..8).flat_map(|at| ["a", "b"].map(|name| (at, format!("{name}{at}")))).collect();
    assert_eq!(order, expected, "both sessions go on, each one job a second");
}

// covers JOB-13 (accept, renew, state, close, a lost session, in this process)
#[tokio::test(start_paused = true)]
async fn a_session_is_held_given_back_and_lost_in_this_process() {
    let world = world().await;
    let client = world.plain().build();
    client.put_queue("lines", &with_sessions()).await.unwrap();
    client.producer().send("lines", Job::new("k", "one").session("a")).await.unwrap();
    let (queue, memory) = (QueueName::parse("lines").unwrap(), &world.between.memory);
    let accept = async || memory.accept_session(&queue, &SessionAcceptIn::default()).await.unwrap().session;

    let held = accept().await.expect("it has a job");
    assert_eq!(&*held.session_id, "a", "told apart by what its jobs were sent with");
    assert!(accept().await.is_none(), "one holder");
    assert!(
        memory.lease(&queue, &LeaseIn::default()).await.unwrap().jobs.is_empty(),
        "nobody else gets its jobs"
    );
    let wish = LeaseIn { session_receipt: Some(held.receipt.clone()), ..LeaseIn::default() };
    assert_eq!(memory.lease(&queue, &wish).await.unwrap().jobs.len(), 1);
    let receipt = held.receipt.clone();
    let state = SessionSetStateIn { receipt: receipt.clone(), state: Some(b"so far".to_vec().into()) };
    assert!(memory.set_session_state(&state).await.unwrap().held);
    assert!(!memory.close_session(&SessionCloseIn { receipt: receipt.clone() }).await.unwrap().held);
    let lost = memory.lease(&queue, &wish).await.unwrap_err();
    assert_eq!(code_of(&lost), Some(Code::SessionLockLost));

    let again = accept().await.expect("its job was handed back");
    assert_eq!(again.state.as_ref().map(|state| &state.0[..]), Some(&b"so far"[..]));
    let renew = SessionRenewIn { receipt: again.receipt.clone(), hold_ms: None };
    sleep(Duration::from_secs(59)).await;
    assert!(memory.renew_session(&renew).await.unwrap().held);
    sleep(Duration::from_secs(1)).await;
    let over = memory.renew_session(&renew).await.unwrap_err();
    assert_eq!(
        code_of(&over),
        Some(Code::SessionLockLost),
        "no renewal makes it longer than the queue lets it be"
    );
    let third = accept().await.expect("it is free");
    assert!(memory.release_session(&queue, "a").await.unwrap().released);
    let taken = memory.close_session(&SessionCloseIn { receipt: third.receipt }).await.unwrap_err();
    assert_eq!(code_of(&taken), Some(Code::SessionLockLost));
}
