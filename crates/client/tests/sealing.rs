//! What is sealed, what opens where, and what happens to the rest.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use sealane::{Client, Delivery, Error, Job, JobId, Outcome, PlaintextPolicy, Unopenable, Worked};
use sealane_api::problem::Code;
use sealane_api::v1::LeaseIn;
use sealane_core::limits;
use support::{World, keys, world};

/// Works one job and gives what the handler saw.
async fn work_one(client: &Client, queue: &str, outcome: Outcome) -> (Worked, Option<Delivery>) {
    let seen = Arc::new(Mutex::new(None));
    let into = Arc::clone(&seen);
    let worker = client
        .worker(queue)
        .default_handler(move |delivery, _| {
            *into.lock().unwrap() = Some(delivery);
            std::future::ready(outcome.clone())
        })
        .max_jobs(1)
        .build()
        .unwrap();
    let worked = worker.run(std::future::pending()).await.unwrap();
    let delivery = seen.lock().unwrap().take();
    (worked, delivery)
}

/// All bytes that a server sees of the next job of a queue.
async fn on_the_wire(world: &World, queue: &str) -> String {
    use sealane::Provider as _;
    let queue = sealane::QueueName::parse(queue).unwrap();
    let mut leased = world.between.memory.lease(&queue, &LeaseIn::default()).await.unwrap();
    let job = leased.jobs.pop().unwrap();
    let release = sealane_api::v1::Release {
        atomic: false,
        items: vec![sealane_api::v1::ReleaseItem { receipt: job.receipt.clone(), delay_ms: None }],
    };
    world.between.memory.release(&release).await.unwrap();
    format!("{} {}", serde_json::to_string(&job).unwrap(), String::from_utf8_lossy(&job.body.0))
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
}

// covers SEAL-1 (the same look sealed and plain)
// covers SEAL-13 (results)
// covers JOB-1 (byte-exact)
#[tokio::test(start_paused = true)]
async fn a_sealed_job_travels_and_its_result_comes_back() {
    let (world, keys) = (world().await, keys());
    let client = world.sealed(&keys);
    let sent = client.producer().send("orders", order()).await.unwrap();
    assert_eq!((sent.queue.as_str(), sent.state.as_str()), ("orders", "ready"));
    assert!(!on_the_wire(&world, "orders").await.contains("canary"));

    let (worked, delivery) = work_one(&client, "orders", Outcome::complete_with("canary-result")).await;
    assert_eq!(worked, Worked { completed: 1, ..Worked::default() });
    let delivery = delivery.unwrap();
    assert_eq!(delivery.id, sent.id);
    assert_eq!(delivery.body, b"canary-body \xff\x00 42");
    assert_eq!(delivery.content_type.as_deref(), Some("application/canary-type"));
    assert_eq!(delivery.attributes.get("customer").map(String::as_str), Some("canary-attribute"));
    assert_eq!(delivery.clear_attributes.get("region").map(String::as_str), Some("eu"));
    assert_eq!(
        (delivery.session_id.as_deref(), delivery.correlation_id.as_deref()),
        (Some("s-1"), Some("c-1"))
    );
    assert!(delivery.sealed && delivery.attempt == 1);

    let job = client.job(sent.id).await.unwrap();
    let stored = job.result.clone().unwrap().0;
    assert!(stored.starts_with(b"QRE2") && !String::from_utf8_lossy(&stored).contains("canary"));
    assert_eq!(client.result(sent.id).await.unwrap().as_deref(), Some(&b"canary-result"[..]));
    assert!(matches!(world.plain().build().result(sent.id).await, Err(Error::Open(Unopenable::NoKeys))));
    let tally = client.tally();
    assert_eq!((tally.sealed, tally.opened, tally.sent_plain, tally.unopenable), (1, 1, 0, 0));
}

// covers SEAL-1 (the same look sealed and plain)
#[tokio::test(start_paused = true)]
async fn without_keys_the_same_calls_send_and_take_plain_bodies() {
    let world = world().await;
    let client = world.plain().build();
    let sent = client.producer().send("open", order()).await.unwrap();
    assert!(on_the_wire(&world, "open").await.contains("canary-body"));
    let (_, delivery) = work_one(&client, "open", Outcome::complete_with("plain result")).await;
    let delivery = delivery.unwrap();
    assert_eq!(delivery.body, b"canary-body \xff\x00 42");
    assert_eq!(delivery.content_type.as_deref(), Some("application/canary-type"));
    assert_eq!(delivery.attributes.len(), 2);
    assert!(!delivery.sealed);
    assert_eq!(client.result(sent.id).await.unwrap().as_deref(), Some(&b"plain result"[..]));
    assert_eq!(client.tally().sent_plain, 1);

    let refused = client.producer().send("orders", order()).await.unwrap_err();
    assert_eq!(refused.code(), Some(Code::SealingRequired));
}

// covers SEAL-4 (reject by default once there are keys)
#[tokio::test(start_paused = true)]
async fn a_reader_with_keys_takes_plain_bodies_only_where_told_to() {
    let (world, keys) = (world().await, keys());
    let plain = world.plain().build();
    let reader = |policy| world.plain().keys(Arc::clone(&keys) as _).plaintext(policy).build();
    let producer = plain.producer();
    let send = || producer.send("open", Job::new("k", "plain"));

    let held = send().await.unwrap();
    let (worked, delivery) = work_one(&world.sealed(&keys), "open", Outcome::COMPLETE).await;
    assert_eq!((worked.held, delivery.is_none()), (1, true));
    let job = plain.job(held.id).await.unwrap();
    assert_eq!((job.state.as_str(), job.held_because.as_deref()), ("held", Some("unopenable")));
    assert_eq!((job.attempt, job.last_error), (0, None));

    for policy in [PlaintextPolicy::Allow, PlaintextPolicy::AllowWithAlert] {
        send().await.unwrap();
        let (worked, delivery) = work_one(&reader(policy), "open", Outcome::COMPLETE).await;
        assert_eq!((worked.completed, delivery.unwrap().body), (1, b"plain".to_vec()), "{policy:?}");
    }
    send().await.unwrap();
    let (worked, _) = work_one(&reader(PlaintextPolicy::Reject), "open", Outcome::COMPLETE).await;
    assert_eq!(worked.held, 1);
}

// covers SEAL-4 (a writer with keys seals; sending plaintext is explicit and counted)
#[tokio::test(start_paused = true)]
async fn a_writer_with_keys_seals_unless_told_otherwise_in_so_many_words() {
    let (world, keys) = (world().await, keys());
    let client = world.sealed(&keys);
    client.producer().send("open", Job::new("k", "canary")).await.unwrap();
    assert!(!on_the_wire(&world, "open").await.contains("canary"));
    assert!(work_one(&client, "open", Outcome::COMPLETE).await.1.unwrap().sealed);

    let careless = world.plain().keys(keys).danger_send_plaintext().build();
    careless.producer().send("open", Job::new("k", "canary")).await.unwrap();
    assert!(on_the_wire(&world, "open").await.contains("canary"));
    assert_eq!((careless.tally().sealed, careless.tally().sent_plain), (0, 1));
}

// covers SEAL-7 (a job that cannot be opened is held and burns no attempt)
#[tokio::test(start_paused = true)]
async fn a_job_sealed_with_another_key_is_held() {
    let (world, keys) = (world().await, keys());
    let sent = world.sealed(&keys).producer().send("orders", order()).await.unwrap();
    let stranger = world.sealed(&support::keys());
    let (worked, delivery) = work_one(&stranger, "orders", Outcome::COMPLETE).await;
    assert_eq!((worked, delivery.is_none()), (Worked { held: 1, ..Worked::default() }, true));
    let job = stranger.job(sent.id).await.unwrap();
    assert_eq!((job.state.as_str(), job.attempt), ("held", 0));
    assert_eq!(job.last_error, None, "nobody outside is told why");
    assert_eq!(stranger.tally().unopenable, 1);
}

#[tokio::test(start_paused = true)]
async fn a_worker_without_keys_holds_what_is_sealed() {
    let (world, keys) = (world().await, keys());
    world.sealed(&keys).producer().send("orders", order()).await.unwrap();
    let (worked, _) = work_one(&world.plain().build(), "orders", Outcome::COMPLETE).await;
    assert_eq!(worked.held, 1);
}

// covers SEAL-3 (a body moved to another queue, session or job does not open)
#[tokio::test(start_paused = true)]
async fn what_a_hostile_server_changes_does_not_open() {
    type Change = fn(&mut sealane_api::v1::LeasedJob);
    let other_id = JobId::v7(support::START_MS, [9; 10]);
    let changed_body = |job: &mut sealane_api::v1::LeasedJob, change: fn(&mut Vec<u8>)| {
        let mut body = Vec::from(job.body.clone());
        change(&mut body);
        job.body = body.into();
    };
    let changes: [(&str, support::Tamper); 9] = [
        ("kind", Box::new((|job| job.kind = "refund".into()) as Change)),
        ("session", Box::new((|job| job.session_id = Some("s-2".into())) as Change)),
        ("no session", Box::new((|job| job.session_id = None) as Change)),
        ("correlation", Box::new((|job| job.correlation_id = Some("c-2".into())) as Change)),
        ("id", Box::new(move |job| job.id.0 = other_id)),
        ("a bit", Box::new(move |job| changed_body(job, |body| *body.last_mut().unwrap() ^= 1))),
        ("cut", Box::new(move |job| changed_body(job, |body| body.truncate(body.len() - 1)))),
        ("marker stripped", Box::new((|job| job.content_type = None) as Change)),
        ("plain with marker", Box::new((|job| job.body = b"plain".to_vec().into()) as Change)),
    ];
    for (what, change) in changes {
        let (world, keys) = (world().await, keys());
        let client = world.sealed(&keys);
        client.producer().send("orders", order()).await.unwrap();
        *world.mischief().tampers.lock().unwrap() = Some(change);
        let (worked, delivery) = work_one(&client, "orders", Outcome::COMPLETE).await;
        assert_eq!((worked.held, delivery.is_none()), (1, true), "{what}");
    }

    let (world, keys) = (world().await, keys());
    let client = world.sealed(&keys);
    client.producer().send("orders", order()).await.unwrap();
    *world.mischief().serves_from.lock().unwrap() = Some(sealane::QueueName::parse("orders").unwrap());
    let (worked, delivery) = work_one(&client, "payments", Outcome::COMPLETE).await;
    assert_eq!((worked.held, delivery.is_none()), (1, true), "another queue");
}

// Hints may change on the way: nobody vouches for them, and the body opens all the same.
#[tokio::test(start_paused = true)]
async fn hints_are_not_bound() {
    let (world, keys) = (world().await, keys());
    let client = world.sealed(&keys);
    client.producer().send("orders", order()).await.unwrap();
    *world.mischief().tampers.lock().unwrap() = Some(Box::new(|job| {
        job.priority = "bulk".into();
        job.subject = None;
        job.attributes.0.clear();
        job.attributes.0.insert("customer".to_owned(), "forged".to_owned());
    }));
    let (worked, delivery) = work_one(&client, "orders", Outcome::COMPLETE).await;
    assert_eq!(worked.completed, 1);
    let attributes = delivery.unwrap().attributes;
    assert_eq!(attributes.get("customer").map(String::as_str), Some("canary-attribute"));
}

// covers SEAL-13 (errors)
#[tokio::test(start_paused = true)]
async fn errors_of_a_sealed_job_are_sealed_and_open_for_its_owner() {
    let (world, keys) = (world().await, keys());
    let client = world.sealed(&keys);
    let sent = client.producer().send("orders", order()).await.unwrap();
    work_one(&client, "orders", Outcome::fail("canary-error")).await;
    let job = client.job(sent.id).await.unwrap();
    let error = job.last_error.clone().unwrap();
    assert_eq!((job.state.as_str(), error.category.as_str()), ("retrying", "temporary"));
    assert!(error.error.unwrap().0.starts_with(b"QRE2"));
    assert_eq!(client.open_error(&job).await.unwrap().as_deref(), Some(&b"canary-error"[..]));

    // While the second attempt runs, the error is that of the first.
    tokio::time::advance(Duration::from_secs(2)).await;
    use sealane::Provider as _;
    let queue = sealane::QueueName::parse("orders").unwrap();
    assert_eq!(world.between.memory.lease(&queue, &LeaseIn::default()).await.unwrap().jobs.len(), 1);
    let job = client.job(sent.id).await.unwrap();
    assert_eq!((job.state.as_str(), job.attempt), ("running", 2));
    assert_eq!(client.open_error(&job).await.unwrap().as_deref(), Some(&b"canary-error"[..]));
}

#[tokio::test(start_paused = true)]
async fn a_report_is_not_believed_for_another_job_or_attempt_or_unsealed() {
    let (world, keys) = (world().await, keys());
    let client = world.sealed(&keys);
    let sent = client.producer().send("orders", order()).await.unwrap();
    work_one(&client, "orders", Outcome::complete_with("result")).await;
    let job = client.job(sent.id).await.unwrap();

    let other_job = sealane::JobOut { id: JobId::v7(1, [1; 10]).to_string(), ..job.clone() };
    assert!(client.open_result(&other_job).await.is_err());
    let other_attempt = sealane::JobOut { attempt: 2, ..job.clone() };
    assert!(client.open_result(&other_attempt).await.is_err());
    let forged = sealane_api::wire::Bytes::from(b"all is well".to_vec());
    let plain = sealane::JobOut { content_type: None, result: Some(forged.clone()), ..job.clone() };
    assert!(matches!(client.open_result(&plain).await, Err(Unopenable::PlaintextRefused)));
    let unsealed = sealane::JobOut { result: Some(forged), ..job };
    assert!(client.open_result(&unsealed).await.is_err());
}

// attack 23
#[tokio::test(start_paused = true)]
async fn a_body_fits_at_its_limit_and_not_beyond() {
    let (world, keys) = (world().await, keys());
    let (plain, client) = (world.plain().build(), world.sealed(&keys));
    let send = |client: &Client, bytes: usize| {
        let producer = client.producer();
        async move { producer.send("open", Job::new("k", vec![7; bytes])).await }
    };
    send(&plain, limits::BODY_BYTES_MAX).await.unwrap();
    let beyond = send(&plain, limits::BODY_BYTES_MAX + 1).await.unwrap_err();
    assert_eq!(beyond.code(), Some(Code::BodyTooLarge));
    assert_eq!(send(&client, limits::BODY_BYTES_MAX).await.unwrap_err().code(), Some(Code::BodyTooLarge));
    // Sealed, padding and header count: this is the longest body whose padded form still fits.
    send(&client, 1_000_000).await.unwrap();
    let empty = send(&client, 0).await.unwrap();
    assert_eq!(world.seen("enqueue"), 3, "what is too large is not sent");

    let (_, _) = work_one(&plain, "open", Outcome::COMPLETE).await;
    let (_, long) = work_one(&client, "open", Outcome::COMPLETE).await;
    assert_eq!(long.unwrap().body, vec![7; 1_000_000]);
    let (_, delivery) = work_one(&client, "open", Outcome::COMPLETE).await;
    assert_eq!(delivery.map(|delivery| (delivery.id, delivery.body)), Some((empty.id, Vec::new())));
}

// attack 17
#[tokio::test(start_paused = true)]
async fn a_backlog_opens_days_later_within_its_time() {
    for age in
        [Duration::from_secs(6 * 60), Duration::from_secs(3 * 86_400), Duration::from_secs(13 * 86_400)]
    {
        let (world, keys) = (world().await, keys());
        let client = world.sealed(&keys);
        client.producer().send("orders", order().ttl(Duration::from_secs(14 * 86_400))).await.unwrap();
        tokio::time::advance(age).await;
        assert_eq!(work_one(&client, "orders", Outcome::COMPLETE).await.0.completed, 1, "{age:?}");
    }
    let (world, keys) = (world().await, keys());
    let client = world.sealed(&keys);
    client.producer().send("orders", order().delay(Duration::from_secs(30 * 86_400))).await.unwrap();
    assert_eq!(work_one(&client, "orders", Outcome::COMPLETE).await.0.completed, 1);
}

// attack 18
#[tokio::test(start_paused = true)]
async fn what_is_late_for_the_envelope_does_not_open_even_if_a_server_hands_it_out() {
    let (world, keys) = (world().await, keys());
    let producer = world.sealed(&keys);
    producer.producer().send("orders", order().ttl(Duration::from_secs(60))).await.unwrap();
    let late = Arc::new(sealane::clock::RuntimeClock::starting_at(support::START_MS + 60_000));
    let reader = world.plain().keys(Arc::clone(&keys) as _).clock(late).build();
    assert_eq!(work_one(&reader, "orders", Outcome::COMPLETE).await.0.held, 1);

    producer.producer().send("orders", order()).await.unwrap();
    let early = Arc::new(sealane::clock::RuntimeClock::starting_at(support::START_MS - 3_600_000));
    let reader = world.plain().keys(keys).clock(early).build();
    assert_eq!(work_one(&reader, "orders", Outcome::COMPLETE).await.0.held, 1);
}
