//! Schedules through the client: sealed once, opened in each firing and nowhere else.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use sealane::{Client, Delivery, Job, MissedPolicy, Outcome, OverlapPolicy, QueueIn, Schedule};
use sealane_api::problem::Code;
use sealane_api::v1::{FiringOut, LeasedJob};
use sealane_api::wire::{Id, Timestamp};
use sealane_core::id::ScheduleId;
use sealane_core::queue::Firing;
use sealane_core::time::Time;
use support::{code_of, keys, world};

const HOUR: Duration = Duration::from_secs(3_600);

fn report() -> Job {
    Job::new("report", "canary figures")
        .attribute("tenant", "canary-acme")
        .session("s-1")
        .correlation_id("c-1")
}

fn nightly() -> Schedule {
    Schedule::cron_in("Europe/Berlin", "30 2 * * *", report()).overlap(OverlapPolicy::Skip)
}

/// Works until nothing is ready; what the handler saw.
async fn work(client: &Client, queue: &str) -> Vec<Delivery> {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let into = Arc::clone(&seen);
    let worker = client
        .worker(queue)
        .default_handler(move |delivery, _| {
            into.lock().unwrap().push(delivery);
            std::future::ready(Outcome::COMPLETE)
        })
        .build()
        .unwrap();
    worker.run_until_idle().await.unwrap();
    std::mem::take(&mut *seen.lock().unwrap())
}

// covers JOB-12 (sealed bodies as templates, over the in-process machine)
// covers SEAL-3 (a template and its schedule)
#[tokio::test(start_paused = true)]
async fn a_template_is_sealed_once_and_opens_in_each_firing() {
    let (world, keys) = (world().await, keys());
    let client = world.sealed(&keys);
    let made = client.put_schedule("nightly", "orders", nightly()).await.unwrap();
    assert_eq!(made.next[0].to_string(), "2026-01-01T01:30:00.000Z");
    let again = client.put_schedule("nightly", "orders", nightly()).await.unwrap();
    assert_eq!(again.id, made.id, "it keeps its id, which the template is sealed for");

    let mut ids = Vec::new();
    tokio::time::advance(HOUR + HOUR / 2).await;
    for _ in 0..3 {
        for delivery in work(&client, "orders").await {
            assert_eq!((delivery.body.as_slice(), delivery.sealed), (&b"canary figures"[..], true));
            assert_eq!(delivery.attributes["tenant"], "canary-acme");
            ids.push(delivery.id);
        }
        tokio::time::advance(24 * HOUR).await;
    }
    assert_eq!(ids.len(), 3, "a job for each night");
    assert_eq!(client.schedule("nightly").await.unwrap().fired, 4);
    assert_eq!(work(&client, "orders").await.len(), 1, "the fourth");
    assert!(client.pause_schedule("nightly").await.unwrap().paused);
    tokio::time::advance(24 * HOUR).await;
    assert!(work(&client, "orders").await.is_empty());
    assert!(!client.resume_schedule("nightly").await.unwrap().paused);
    client.fire_schedule("nightly").await.unwrap();
    assert_eq!(work(&client, "orders").await.len(), 1, "out of turn");
    client.remove_schedule("nightly").await.unwrap();
    assert_eq!(code_of(&client.schedule("nightly").await.unwrap_err()), Some(Code::NotFound));
}

// covers JOB-12 (a template opens in its firings only)
// attack 5
// attack 6
#[tokio::test(start_paused = true)]
async fn a_template_does_not_open_as_anything_else() {
    let (world, keys) = (world().await, keys());
    let client = world.sealed(&keys);
    client
        .put_schedule("hourly", "orders", Schedule::every(HOUR, report()).missed(MissedPolicy::All))
        .await
        .unwrap();
    let other =
        client.put_schedule("other", "orders", Schedule::every(1_000 * HOUR, report())).await.unwrap();
    let hash = sealane::crypto::digest::sha256;
    let as_firing = move |leased: &mut LeasedJob, schedule: &str, due: u64| {
        let (schedule, due) = (ScheduleId::parse(schedule).unwrap(), Time::from_unix_ms(due));
        leased.firing = Some(FiringOut { schedule_id: schedule.to_string(), due_at: Timestamp(due) });
        leased.id = Id(Firing { schedule, due }.job(hash));
    };
    let tampers: Vec<(&str, support::Tamper)> = vec![
        ("no firing", Box::new(|leased| leased.firing = None)),
        (
            "another time",
            Box::new(|leased| {
                let firing = leased.firing.as_mut().unwrap();
                firing.due_at = Timestamp(Time::from_unix_ms(firing.due_at.0.unix_ms() + 1));
            }),
        ),
        ("another schedule, by its own rules", Box::new(move |leased| as_firing(leased, &other.id, 5))),
        ("no schedule", Box::new(|leased| leased.firing.as_mut().unwrap().schedule_id = "x".to_owned())),
        ("another kind", Box::new(|leased| leased.kind = "pay".into())),
        ("another session", Box::new(|leased| leased.session_id = None)),
        ("another correlation", Box::new(|leased| leased.correlation_id = Some("c-2".into()))),
    ];
    for (what, tamper) in tampers {
        *world.mischief().tampers.lock().unwrap() = Some(tamper);
        tokio::time::advance(HOUR).await;
        assert!(work(&client, "orders").await.is_empty(), "{what} was opened");
    }
    *world.mischief().tampers.lock().unwrap() = None;
    tokio::time::advance(HOUR).await;
    assert_eq!(work(&client, "orders").await.len(), 1, "an honest one opens");
    // The server's word on how often is believed: what is a firing by schedule and time opens.
    let id = client.schedule("hourly").await.unwrap().id;
    *world.mischief().tampers.lock().unwrap() = Some(Box::new(move |leased| as_firing(leased, &id, 7)));
    tokio::time::advance(HOUR).await;
    let at_will = work(&client, "orders").await;
    assert_eq!(at_will.len(), 1, "the documented limit");
}

// covers JOB-12 (what a schedule's job may not have)
#[tokio::test(start_paused = true)]
async fn a_schedules_job_has_no_time_of_its_own() {
    let (world, keys) = (world().await, keys());
    let client = world.sealed(&keys);
    let time = "2026-01-31T09:30:00Z";
    for job in [report().delay(HOUR), report().run_at(time), report().expires_at("2126-01-31T09:30:00Z")] {
        let refused = client.put_schedule("x", "orders", Schedule::every(HOUR, job)).await.unwrap_err();
        assert_eq!(code_of(&refused), Some(Code::InvalidRequest));
    }
    let plain = world.plain().build();
    let refused = plain.put_schedule("x", "orders", Schedule::every(HOUR, report())).await.unwrap_err();
    assert_eq!(code_of(&refused), Some(Code::SealingRequired));
    let refused =
        plain.put_schedule("x", "open", Schedule::every(Duration::ZERO, report())).await.unwrap_err();
    assert_eq!(code_of(&refused), Some(Code::InvalidRequest));
    plain.put_schedule("x", "open", Schedule::every(HOUR, report())).await.unwrap();
    let listed = client.schedules(&Default::default()).await.unwrap();
    assert_eq!(listed.schedules.len(), 1);
}

// attack 61
#[tokio::test(start_paused = true)]
async fn a_thousand_schedules_that_are_due_at_once_begin_spread_over_their_jitter() {
    let server = sealane::testing::TestServer::start();
    let client = server.client();
    client
        .put_queue("orders", &QueueIn { sealing: Some("allowed".to_owned()), ..QueueIn::default() })
        .await
        .unwrap();
    let first = Time::from_unix_ms(server.now_ms()).plus(sealane_core::time::Millis::new(3_600_000));
    for number in 0..1_000 {
        let first = Timestamp(first).to_string();
        let schedule =
            Schedule::every_from(24 * HOUR, first, Job::new("report", "x")).jitter(Duration::from_secs(60));
        client.put_schedule(&format!("s{number}"), "orders", schedule).await.unwrap();
    }
    server.advance(HOUR + Duration::from_secs(1)).await;
    let mut seconds = [0; 61];
    let jobs = server.jobs("orders");
    for job in &jobs {
        seconds[usize::try_from(job.run_at.0.since(first).get() / 1_000).unwrap()] += 1;
    }
    assert_eq!(jobs.len(), 1_000);
    // Sixteen or seventeen in a second on average; without chance all of them in the first.
    let (empty, most) = (seconds.iter().filter(|count| **count == 0).count(), seconds.iter().max().unwrap());
    assert!(*most < 60 && empty < 10, "{seconds:?}");
}
