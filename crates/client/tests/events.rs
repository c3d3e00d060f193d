//! Following the life of jobs, over the machine in this process, in virtual time, and over connections that
//! break.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use std::sync::atomic::Ordering;
use std::time::Duration;

use sealane::{Client, EventFilter, Events, Job, JobId, Outcome, State, StepKind, Told};
use support::{keys, world};
use tokio::time::{Instant, timeout};

async fn send(client: &Client, queue: &str) -> JobId {
    client.producer().send(queue, Job::new("test", "body")).await.unwrap().id
}

/// What comes, as a word and the job; `None` where nothing comes for a day.
async fn next(events: &mut Events) -> Option<(String, String)> {
    let told = timeout(Duration::from_secs(86_400), events.next()).await.ok()?.unwrap();
    Some(match told {
        Told::Event(event) => (event.kind, event.job.to_string()),
        Told::Reset(_) => ("reset".to_owned(), String::new()),
    })
}

fn told(kind: StepKind, job: JobId) -> Option<(String, String)> {
    Some((kind.to_string(), job.to_string()))
}

// covers OBS-3 (the client library, in process)
#[tokio::test(start_paused = true)]
async fn a_job_s_life_is_followed_as_it_happens() {
    let world = world().await;
    let client = world.sealed(&keys());
    let before = send(&client, "orders").await;
    let mut all = client.events(EventFilter::all()).await.unwrap();
    let mut ends = client.events(EventFilter::all().state(State::Completed).queue("orders")).await.unwrap();
    let mut of_one = client.events(EventFilter::all().job(before).kind(StepKind::Progress)).await.unwrap();
    let worker = client
        .worker("orders")
        .default_handler(async |delivery, context| {
            context.progress(50, "half");
            if delivery.attempt == 1 { Outcome::fail("not yet") } else { Outcome::COMPLETE }
        })
        .max_jobs(2)
        .build()
        .unwrap();
    let began = Instant::now();
    worker.run(std::future::pending()).await.unwrap();
    assert!(began.elapsed() > Duration::from_millis(500), "a wait lay between the attempts");
    let mut heard = Vec::new();
    while heard.last() != Some(&told(StepKind::Completed, before)) {
        heard.push(next(&mut all).await);
    }
    use StepKind::{Completed, Due, Failed, Leased, Progress};
    let whole = [Leased, Progress, Failed, Due, Leased, Progress, Completed];
    assert_eq!(heard, whole.map(|kind| told(kind, before)), "and not what was before");
    assert_eq!(next(&mut ends).await, told(Completed, before));
    assert_eq!(next(&mut of_one).await, told(Progress, before));
    // Nobody does anything: time alone is told as well, and at its time.
    let late = client.producer().send("open", Job::new("test", "x").delay(Duration::from_secs(600))).await;
    let late = late.unwrap_or_else(|_| panic!("it is taken")).id;
    let sent = Instant::now();
    assert_eq!(next(&mut all).await, told(StepKind::Accepted, late));
    assert_eq!(next(&mut all).await, told(Due, late));
    assert_eq!(sent.elapsed(), Duration::from_secs(600));
    assert_eq!((next(&mut ends).await, next(&mut of_one).await.is_some()), (None, true));
    assert_eq!(next(&mut of_one).await, None);
}

#[tokio::test(start_paused = true)]
async fn a_broken_connection_is_begun_anew_without_loss_and_without_repeats() {
    let world = world().await;
    let client = world.sealed(&keys());
    // Each connection tells one thing, its place or an event, and breaks.
    *world.mischief().streams_break_after.lock().unwrap() = Some(2);
    let mut events = client.events(EventFilter::all()).await.unwrap();
    let mut sent = Vec::new();
    for turn in 0..6 {
        sent.push(send(&client, "orders").await);
        sent.push(send(&client, "orders").await);
        if turn == 3 {
            // And once nobody answers for a while.
            world.mischief().lost_requests.store(3, Ordering::SeqCst);
        }
        let two = [next(&mut events).await, next(&mut events).await];
        assert_eq!(two, [sent[2 * turn], sent[2 * turn + 1]].map(|job| told(StepKind::Accepted, job)));
    }
    assert!(world.seen("events") >= 12, "it broke each time");
    // Somebody else goes on where this one was.
    let place = events.last_id().unwrap().to_owned();
    drop(events);
    *world.mischief().streams_break_after.lock().unwrap() = None;
    let more = send(&client, "orders").await;
    let mut again = client.events(EventFilter::all().after(place)).await.unwrap();
    assert_eq!(next(&mut again).await, told(StepKind::Accepted, more));
}

#[tokio::test(start_paused = true)]
async fn a_place_that_is_not_known_is_a_reset_and_a_text_that_is_none_is_refused() {
    let (world, other) = (world().await, world().await);
    let elsewhere = other.sealed(&keys()).events(EventFilter::all()).await.unwrap();
    let client = world.sealed(&keys());
    let mut events = client.events(EventFilter::all().after(elsewhere.last_id().unwrap())).await.unwrap();
    assert_eq!(next(&mut events).await, Some(("reset".to_owned(), String::new())));
    let job = send(&client, "orders").await;
    assert_eq!(next(&mut events).await, told(StepKind::Accepted, job), "and it goes on");
    for filter in [EventFilter::all().after("x"), EventFilter::all().queue("A"), EventFilter::all().queue("")]
    {
        let error = client.events(filter).await.unwrap_err();
        assert_eq!(support::code_of(&error).unwrap().as_str(), "invalid_request");
    }
}

#[tokio::test(start_paused = true)]
async fn a_provider_whose_connections_break_at_once_is_asked_with_pauses() {
    let world = world().await;
    let client = world.sealed(&keys());
    *world.mischief().streams_break_after.lock().unwrap() = Some(0);
    assert!(timeout(Duration::from_secs(60), client.events(EventFilter::all())).await.is_err());
    let tries = world.seen("events");
    assert!((10..40).contains(&tries), "{tries} tries in a minute");
}

/// What comes to somebody who looks after other things every second.
async fn next_between(events: &mut Events, seconds: u32) -> Option<Told> {
    for _ in 0..seconds {
        if let Ok(told) = timeout(Duration::from_secs(1), events.next()).await {
            return Some(told.unwrap());
        }
    }
    None
}

#[tokio::test(start_paused = true)]
async fn whoever_waits_with_short_patience_is_connected_again_as_well() {
    let world = world().await;
    let client = world.sealed(&keys());
    *world.mischief().streams_break_after.lock().unwrap() = Some(1);
    let mut events = client.events(EventFilter::all()).await.unwrap();
    assert_eq!(next_between(&mut events, 60).await, None);
    let tries = world.seen("events");
    assert!((10..40).contains(&tries), "{tries} tries in a minute");
    // And where it takes longer to connect than anybody looks.
    *world.mischief().answers_take.lock().unwrap() = Duration::from_secs(3);
    *world.mischief().streams_break_after.lock().unwrap() = None;
    let job = send(&client, "orders").await;
    let told = next_between(&mut events, 20).await;
    assert!(matches!(&told, Some(Told::Event(event)) if event.job.0 == job), "{told:?}");
}

#[tokio::test(start_paused = true)]
async fn a_quiet_connection_that_lived_was_not_in_vain() {
    let world = world().await;
    let client = world.sealed(&keys());
    // Its place, two signs of life, and it breaks.
    *world.mischief().streams_break_after.lock().unwrap() = Some(3);
    *world.mischief().signs_of_life.lock().unwrap() = Some(Duration::from_secs(15));
    let mut events = client.events(EventFilter::all()).await.unwrap();
    assert!(timeout(Duration::from_secs(2_999), events.next()).await.is_err());
    assert_eq!(world.seen("events"), 100, "each broke after half a minute, and the next began at once");
}
