//! Jobs as values, through the door: what is sent, what a handler gets, what becomes of bodies that
//! are no such value.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use std::collections::BTreeMap;
use std::time::Duration;

use sealane::{Client, Error, Failure, Job, JobOut, TypedJob, Worked};
use serde::{Deserialize, Serialize};
use support::{keys, world};
use tokio::sync::mpsc;
use tokio::time::sleep;

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Render {
    order: u64,
    to: String,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Rendered {
    pages: u32,
}

impl TypedJob for Render {
    const KIND: &'static str = "invoice.render";
    type Output = Rendered;
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Forget {
    order: u64,
}

impl TypedJob for Forget {
    const KIND: &'static str = "order.forget";
    type Output = ();
}

/// JSON has no such keys.
#[derive(Serialize, Deserialize)]
struct Unwritable(BTreeMap<(u8, u8), u8>);

impl TypedJob for Unwritable {
    const KIND: &'static str = "unwritable";
    type Output = BTreeMap<(u8, u8), u8>;
}

/// The code of a job's last attempt.
fn code_of(job: &JobOut) -> Option<&str> {
    job.attempts.last().and_then(|attempt| attempt.code.as_deref())
}

async fn error_of(client: &Client, job: &JobOut) -> String {
    String::from_utf8(client.open_error(job).await.unwrap().unwrap()).unwrap()
}

// covers WORK-1 (handlers by kind, as values)
#[tokio::test(start_paused = true)]
async fn a_value_goes_in_and_a_value_comes_out() {
    let world = world().await;
    let client = world.sealed(&keys());
    let producer = client.producer();
    let value = || Render { order: 42, to: "ann".to_owned() };
    let render = producer.send_typed("orders", &value()).await.unwrap().id;
    let later = Job::typed(&Forget { order: 7 }).unwrap().delay(Duration::from_secs(60));
    let forget = producer.send("orders", later).await.unwrap().id;
    assert_eq!(client.result_of::<Render>(render).await.unwrap(), None, "not yet");

    let (tell, mut told) = mpsc::unbounded_channel();
    let worker = client
        .worker("orders")
        .handle(move |job: Render, delivery, _| {
            tell.send((job, delivery)).unwrap();
            async { Ok(Rendered { pages: 3 }) }
        })
        .handle(async |_: Forget, _, _| Ok(()))
        .max_jobs(2)
        .build()
        .unwrap();
    assert_eq!(worker.run(std::future::pending()).await.unwrap().completed, 2);

    let (job, delivery) = told.recv().await.unwrap();
    assert_eq!((job, delivery.id, delivery.attempt), (value(), render, 1));
    assert_eq!(delivery.content_type.as_deref(), Some("application/json"));
    assert!(delivery.sealed && delivery.body.is_empty());
    assert_eq!(client.result_of::<Render>(render).await.unwrap(), Some(Rendered { pages: 3 }));
    assert_eq!(client.result_of::<Forget>(forget).await.unwrap(), Some(()));
    assert!(client.job(forget).await.unwrap().result.is_none(), "nothing is not stored");
    let on_the_way = client.job(render).await.unwrap();
    assert_eq!(on_the_way.content_type.as_deref(), Some("application/vnd.sealane.qre2"));
    let other = client.result_of::<Forget>(render).await.unwrap_err();
    assert!(matches!(other, Error::Undecodable { what: "result", .. }), "{other}");
}

// covers WORK-1 (a body that is no such value is told and tried once)
#[tokio::test(start_paused = true)]
async fn a_body_that_is_no_such_value_fails_for_good_and_is_not_quoted() {
    let world = world().await;
    let client = world.sealed(&keys());
    let bad = [
        Job::new(Render::KIND, r#"{"order":"canary","to":"ann"}"#),
        Job::new(Render::KIND, r#"{"order":1}"#),
        Job::new(Render::KIND, "canary"),
        Job::new(Render::KIND, ""),
        Job::new(Render::KIND, r#"{"order":1,"to":"ann"}"#).content_type("text/canary"),
        // Deep enough to end a stack, had the reader no bound of its own.
        Job::new(Render::KIND, "[".repeat(500_000)),
    ];
    let sent = client.producer().send_batch("orders", bad.to_vec()).await.unwrap();
    let good = Job::new(Render::KIND, r#"{"order":1,"to":"ann"}"#).content_type("application/json; v=1");
    let good = client.producer().send("orders", good).await.unwrap().id;
    let worker = client
        .worker("orders")
        .handle(async |_: Render, _, _| Ok(Rendered { pages: 1 }))
        .max_jobs(7)
        .build()
        .unwrap();
    let worked = worker.run(std::future::pending()).await.unwrap();
    assert_eq!(worked, Worked { completed: 1, failed: 6, ..Worked::default() });
    for sent in sent {
        let job = client.job(sent.unwrap().id).await.unwrap();
        assert_eq!((job.state.as_str(), job.attempt), ("dead", 1));
        let failure = job.last_error.as_ref().unwrap();
        assert_eq!((failure.category.as_str(), code_of(&job)), ("permanent", Some("body_undecodable")));
        let told = error_of(&client, &job).await;
        assert!(told.contains(Render::KIND) && !told.contains("canary"), "{told}");
    }
    assert_eq!(client.job(good).await.unwrap().state, "completed");
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_written_is_told_before_it_is_sent_and_after_it_ran() {
    let world = world().await;
    let client = world.sealed(&keys());
    let value = Unwritable([((1, 2), 3)].into());
    let error = client.producer().send_typed("orders", &value).await.unwrap_err();
    assert!(matches!(error, Error::Unencodable { kind: "unwritable" }), "{error}");
    assert_eq!(world.seen("enqueue"), 0);
    let id = client.producer().send("orders", Job::new("unwritable", "{}")).await.unwrap().id;
    let worker = client
        .worker("orders")
        .handle(async |_: Unwritable, _, _| Ok([((1, 2), 3)].into()))
        .max_jobs(1)
        .build()
        .unwrap();
    worker.run(std::future::pending()).await.unwrap();
    let job = client.job(id).await.unwrap();
    assert_eq!((job.state.as_str(), code_of(&job)), ("dead", Some("result_unencodable")));
}

#[tokio::test(start_paused = true)]
async fn a_typed_handler_says_how_it_failed() {
    let world = world().await;
    let client = world.sealed(&keys());
    let producer = client.producer();
    let mut ids = Vec::new();
    for order in 0..4 {
        ids.push(producer.send_typed("orders", &Forget { order }).await.unwrap().id);
    }
    let worker = client
        .worker("orders")
        .handle(async |job: Forget, _, _| {
            match job.order {
                0 => {
                    "canary".parse::<u8>()?;
                }
                1 => return Err(Failure::permanent("never").code("gone")),
                2 => return Err(Failure::temporary("later").retry_after(Duration::from_secs(3_600))),
                _ => return Err(Failure::hand_back(Duration::from_secs(600))),
            }
            Ok(())
        })
        .build()
        .unwrap();
    let worked = worker.run(sleep(Duration::from_secs(1))).await.unwrap();
    assert!(worked.failed >= 3 && worked.released == 1, "{worked:?}");
    let job = |n: usize| client.job(ids[n]);
    let by_mark = job(0).await.unwrap();
    assert_eq!(by_mark.last_error.as_ref().unwrap().category, "temporary");
    assert_eq!(error_of(&client, &by_mark).await, "invalid digit found in string");
    let gone = job(1).await.unwrap();
    assert_eq!((gone.state.as_str(), code_of(&gone)), ("dead", Some("gone")));
    let later = job(2).await.unwrap();
    assert_eq!((later.state.as_str(), later.attempt), ("retrying", 1));
    let back = job(3).await.unwrap();
    assert_eq!((back.state.as_str(), back.attempt), ("delayed", 0));
}
