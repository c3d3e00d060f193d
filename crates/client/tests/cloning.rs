//! Clones: the same once more under another id, and nobody's word taken for it.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use sealane::{
    Client, Delivery, Error, Job, JobAct, JobClone, JobId, OnConflict, Outcome, Priority, Provider as _,
    QueueName, RetryIn, Unopenable,
};
use sealane_api::problem::Code;
use support::{World, keys, world};

/// Works one job and gives what the handler saw.
async fn work_one(client: &Client, queue: &str) -> Delivery {
    let seen = Arc::new(Mutex::new(None));
    let into = Arc::clone(&seen);
    let worker = client
        .worker(queue)
        .default_handler(move |delivery, _| {
            *into.lock().unwrap() = Some(delivery);
            std::future::ready(Outcome::COMPLETE)
        })
        .max_jobs(1)
        .build()
        .unwrap();
    worker.run_until_idle().await.unwrap();
    seen.lock().unwrap().take().expect("a job is there and opens")
}

fn order() -> Job {
    Job::new("ship", b"canary-body \xff\x00 42".to_vec())
        .content_type("application/canary-type")
        .attribute("customer", "canary-attribute")
        .clear_attribute("region", "eu")
        .session("s-1")
        .correlation_id("c-1")
        .subject("u-7")
        .tag("urgent")
        .priority(Priority::High)
        .max_attempts(3)
        .retry(RetryIn { base_ms: Some(7), ..RetryIn::default() })
}

/// Sends a job and works it.
async fn done(client: &Client, queue: &str, job: Job) -> (JobId, Delivery) {
    let sent = client.producer().send(queue, job).await.unwrap();
    let delivery = work_one(client, queue).await;
    assert_eq!(delivery.id, sent.id);
    (sent.id, delivery)
}

/// What is the same in a job and its clone.
fn same(delivery: &Delivery) -> impl PartialEq + std::fmt::Debug {
    let Delivery { kind, body, content_type, attributes, clear_attributes, session_id, .. } =
        delivery.clone();
    let Delivery { correlation_id, subject, tags, priority, max_attempts, sealed, .. } = delivery.clone();
    let texts = (kind, content_type, session_id, correlation_id, subject, tags);
    (texts, body, attributes, clear_attributes, priority, max_attempts, sealed)
}

async fn waiting(world: &World, queue: &str) -> usize {
    let jobs = world.between.memory.jobs(&QueueName::parse(queue).unwrap());
    jobs.iter().filter(|job| job.state == "ready").count()
}

// covers JOB-2
#[tokio::test(start_paused = true)]
async fn a_completed_job_is_cloned_and_the_clone_is_the_same_under_another_id() {
    let (world, keys) = (world().await, keys());
    let client = world.sealed(&keys);
    let (original, first) = done(&client, "orders", order()).await;
    let refused = client.act(original, &JobAct::Redrive).await.unwrap_err();
    assert_eq!(refused.code(), Some(Code::JobState));
    assert!(refused.to_string().contains("clone"), "{refused}");

    let clone = client.clone_job(original).await.unwrap();
    assert_eq!((clone.queue.as_str(), clone.state.as_str()), ("orders", "ready"));
    assert_ne!(clone.id, original);
    let body = world.between.memory.job_body(original, None).await.unwrap();
    assert!(!format!("{}{body:?}", String::from_utf8_lossy(&body.body.0)).contains("canary"));
    let delivery = work_one(&client, "orders").await;
    assert_eq!((delivery.id, delivery.clone_of), (clone.id, Some(original)));
    assert_eq!(same(&delivery), same(&first));
    assert_eq!(first.clone_of, None);
    let shown = client.job(clone.id).await.unwrap();
    assert_eq!(shown.clone_of, Some(original.to_string()));
    assert_eq!(client.job(original).await.unwrap().state, "completed", "it stays what it is");
    // Its waits between attempts as well, which no worker sees.
    let waits = world.between.memory.job_body(clone.id, None).await.unwrap().retry.unwrap();
    assert_eq!((waits.base_ms, body.retry.unwrap().base_ms), (Some(7), Some(7)));

    // A clone is a job like any other.
    let second = client.clone_job(clone.id).await.unwrap();
    let delivery = work_one(&client, "orders").await;
    assert_eq!((delivery.id, delivery.clone_of), (second.id, Some(clone.id)));
    assert_eq!(same(&delivery), same(&first));
}

// covers JOB-2 (clone)
#[tokio::test(start_paused = true)]
async fn what_was_not_sealed_is_cloned_as_it_was_and_sealed_where_there_are_keys_and_leave() {
    let (world, keys) = (world().await, keys());
    let plain = world.plain().build();
    let (original, first) = done(&plain, "open", order()).await;
    plain.clone_job(original).await.unwrap();
    let delivery = work_one(&plain, "open").await;
    assert_eq!((same(&delivery), delivery.clone_of), (same(&first), Some(original)));

    let refused = world.sealed(&keys).clone_job(original).await.unwrap_err();
    assert!(matches!(refused, Error::Open(Unopenable::PlaintextRefused)), "{refused:?}");
    let allowing = world.plain().keys(Arc::clone(&keys) as _).plaintext(sealane::PlaintextPolicy::Allow);
    allowing.build().clone_job(original).await.unwrap();
    let delivery = work_one(&world.sealed(&keys), "open").await;
    assert!(delivery.sealed && delivery.body == first.body && delivery.attributes == first.attributes);

    // What was sealed is not laid bare by cloning it.
    let (sealed, _) = done(&world.sealed(&keys), "open", order()).await;
    let bare = world.plain().keys(Arc::clone(&keys) as _).danger_send_plaintext().build();
    let refused = bare.clone_job(sealed).await.unwrap_err();
    assert_eq!(refused.code(), Some(Code::InvalidRequest), "{refused}");
    let refused = plain.clone_job(sealed).await.unwrap_err();
    assert!(matches!(refused, Error::Open(Unopenable::NoKeys)), "{refused:?}");
    assert_eq!(waiting(&world, "open").await, 0);
}

// covers JOB-2 (clone: what was about one sending is not copied)
#[tokio::test(start_paused = true)]
async fn a_clone_has_no_times_keys_and_parents_of_its_original() {
    let (world, keys) = (world().await, keys());
    let client = world.sealed(&keys);
    let (parent, _) = done(&client, "orders", Job::new("k", "parent")).await;
    let job = order()
        .delay(Duration::from_millis(5))
        .ttl(Duration::from_secs(60))
        .idempotency_key("i")
        .unique("u", OnConflict::Refuse)
        .after(parent);
    let original = client.producer().send("orders", job).await.unwrap().id;
    tokio::time::advance(Duration::from_secs(1)).await;
    assert_eq!(work_one(&client, "orders").await.id, original);
    // Its unique key is free again, and a clone does not take it.
    let clone = client.clone_job(original).await.unwrap();
    client.producer().send("orders", Job::new("k", "x").unique("u", OnConflict::Refuse)).await.unwrap();
    let shown = client.job(clone.id).await.unwrap();
    assert_eq!((shown.expires_at, shown.dependencies, &*shown.state), (None, None, "ready"));
    assert_eq!(shown.created_at, shown.run_at);
    assert_eq!(client.clone_job(original).await.unwrap().state, "ready", "no key tells the two apart");
}

// covers JOB-2 (clone: only what has ended)
#[tokio::test(start_paused = true)]
async fn what_has_not_ended_is_not_cloned() {
    let (world, keys) = (world().await, keys());
    let client = world.sealed(&keys);
    let sent = client.producer().send("orders", order()).await.unwrap();
    let refused = client.clone_job(sent.id).await.unwrap_err();
    assert_eq!(refused.code(), Some(Code::JobState));
    assert!(refused.to_string().contains("wait for its end"), "{refused}");
    client.act(sent.id, &JobAct::Cancel { force: false }).await.unwrap();
    client.clone_job(sent.id).await.unwrap();
    let nobody = client.new_job_id().unwrap();
    assert_eq!(client.clone_job(nobody).await.unwrap_err().code(), Some(Code::NotFound));
}

// covers JOB-2 (clone: repeated after a lost answer it is one job)
#[tokio::test(start_paused = true)]
async fn a_clone_is_one_job_however_often_it_was_sent() {
    let (world, keys) = (world().await, keys());
    let client = world.sealed(&keys);
    let (original, _) = done(&client, "orders", order()).await;
    let before = world.seen("enqueue");
    world.mischief().lost_answers.store(1, Ordering::SeqCst);
    let clone = client.clone_job(original).await.unwrap();
    assert_eq!(world.seen("enqueue") - before, 2, "it was sent twice");
    assert_eq!(waiting(&world, "orders").await, 1);

    // The call as a whole, by whoever made the id before: sealed anew it would be other bytes.
    let id = client.new_job_id().unwrap();
    let wish = || JobClone::of(original).id(id);
    assert_eq!(client.clone_job(wish()).await.unwrap().id, id);
    let again = client.clone_job(wish()).await.unwrap();
    assert_eq!((again.id, again.state.as_str()), (id, "ready"));
    assert_eq!(waiting(&world, "orders").await, 2);
    for taken in [original, clone.id] {
        let refused = client.clone_job(JobClone::of(clone.id).id(taken)).await.unwrap_err();
        assert_eq!(refused.code(), Some(Code::JobIdConflict), "{refused}");
    }
}

// covers JOB-2 (clone: expired only where that is accepted)
#[tokio::test(start_paused = true)]
async fn an_expired_body_is_cloned_by_whoever_accepts_that() {
    let (world, keys) = (world().await, keys());
    let client = world.sealed(&keys);
    let (original, _) = done(&client, "orders", order().ttl(Duration::from_secs(60))).await;
    client.clone_job(original).await.unwrap();
    assert_eq!(work_one(&client, "orders").await.expires_at, None);
    tokio::time::advance(Duration::from_secs(60)).await;
    let refused = client.clone_job(original).await.unwrap_err();
    assert!(
        refused.to_string().contains("does not open") || refused.to_string().contains("opened"),
        "{refused}"
    );
    let Error::Open(Unopenable::Envelope(reason)) = &refused else { panic!("{refused:?}") };
    assert!(reason.to_string().contains("expired"), "{reason}");
    let clone = client.clone_job(JobClone::of(original).accept_expired()).await.unwrap();
    assert_eq!(work_one(&client, "orders").await.id, clone.id);
}

// covers JOB-2 (clone: to another queue, and of a job that was moved)
// covers SEAL-3
#[tokio::test(start_paused = true)]
async fn where_a_clone_goes_and_where_a_body_comes_from_is_its_makers_word() {
    let (world, keys) = (world().await, keys());
    let client = world.sealed(&keys);
    let (original, first) = done(&client, "orders", order()).await;
    let clone = client.clone_job(JobClone::of(original).queue("payments")).await.unwrap();
    assert_eq!(clone.queue, "payments");
    let delivery = work_one(&client, "payments").await;
    assert_eq!((same(&delivery), delivery.id), (same(&first), clone.id));

    let moved = client.producer().send("orders", order()).await.unwrap().id;
    client.act(moved, &JobAct::Move { queue: QueueName::parse("payments").unwrap() }).await.unwrap();
    client.act(moved, &JobAct::Cancel { force: false }).await.unwrap();
    let refused = client.clone_job(moved).await.unwrap_err();
    assert!(
        matches!(&refused, Error::Open(Unopenable::Moved { origin }) if origin == "orders"),
        "{refused:?}"
    );
    let clone = client.clone_job(JobClone::of(moved).accept_from("orders")).await.unwrap();
    assert_eq!(clone.queue, "payments", "the queue that the job was in");
    // It is sealed for that queue: no worker has to accept anything.
    assert_eq!(work_one(&client, "payments").await.id, clone.id);
}

// covers SEAL-3 (a clone is made of the job that was named, whatever the answer says)
// attack 5
#[tokio::test(start_paused = true)]
async fn another_jobs_body_does_not_pass_for_the_one_that_was_asked_for() {
    let (world, keys) = (world().await, keys());
    let client = world.sealed(&keys);
    let (original, _) = done(&client, "orders", order()).await;
    let (other, _) = done(&client, "orders", Job::new("ship", "another body")).await;
    *world.mischief().serves_body_of.lock().unwrap() = Some(other);
    let refused = client.clone_job(original).await.unwrap_err();
    assert!(matches!(refused, Error::Open(Unopenable::Envelope(_))), "{refused:?}");
    assert_eq!(waiting(&world, "orders").await, 0);
}

// covers JOB-2 (clone of a schedule's job)
#[tokio::test(start_paused = true)]
async fn a_schedules_job_is_cloned_as_a_job_of_its_own() {
    let (world, keys) = (world().await, keys());
    let client = world.sealed(&keys);
    let every = sealane::Schedule::every(Duration::from_secs(60), Job::new("tick", "canary"));
    client.put_schedule("minutely", "orders", every).await.unwrap();
    tokio::time::advance(Duration::from_secs(61)).await;
    let fired = work_one(&client, "orders").await;
    let clone = client.clone_job(fired.id).await.unwrap();
    let delivery = work_one(&client, "orders").await;
    assert_eq!((delivery.id, delivery.clone_of), (clone.id, Some(fired.id)));
    assert_eq!(delivery.body, b"canary");
    assert_eq!(client.job(clone.id).await.unwrap().firing, None);
}
