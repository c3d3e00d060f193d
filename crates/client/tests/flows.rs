//! Flows in code, and what reaches a handler of the jobs that its own waited for. In virtual time.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use std::sync::{Arc, Mutex};

use sealane::{Client, Flow, Job, JobContext, JobId, OnFailure, Outcome, Parent, State};
use sealane_api::problem::Code;
use support::{World, keys, world};

/// A body, and the results that came with it.
type Told<'a> = (&'a [u8], Vec<Option<&'a [u8]>>);

type Seen = Arc<Mutex<Vec<(Vec<u8>, Vec<Parent>)>>>;

/// Works a queue off; a body that begins with `fail` fails for good, every other one is the result.
async fn work(client: &Client, queue: &str, seen: &Seen) -> u64 {
    let seen = Arc::clone(seen);
    let worker = client
        .worker(queue)
        .concurrency(1)
        .default_handler(move |delivery, context: JobContext| {
            seen.lock().unwrap().push((delivery.body.clone(), context.parents().to_vec()));
            async move {
                match delivery.body.starts_with(b"fail") {
                    true => Outcome::fail_for_good("no"),
                    false => Outcome::complete_with(delivery.body),
                }
            }
        })
        .build()
        .unwrap();
    worker.run_until_idle().await.unwrap().settled()
}

fn results(parents: &[Parent]) -> Vec<Option<&[u8]>> {
    parents.iter().map(|parent| parent.result.as_deref()).collect()
}

fn job(body: &str) -> Job {
    Job::new("k", body)
}

async fn three() -> (World, Client, Seen) {
    let world = world().await;
    let client = world.sealed(&keys());
    (world, client, Seen::default())
}

// covers JOB-8 (flows in code, sealed results of parents in their children)
#[tokio::test(start_paused = true)]
async fn each_handler_has_the_opened_results_of_those_before_it() {
    let (world, client, seen) = three().await;
    world.mischief().lost_answers.store(1, std::sync::atomic::Ordering::SeqCst);
    let flow = Flow::new("orders")
        .chain([("a", job("1")), ("b", job("2"))])
        .fan_out("b", [("c", job("3")), ("d", job("4"))])
        .fan_in("e", job("5"), ["c", "d"])
        .job("f", job("6"))
        .child("e");
    let sent = client.producer().submit(flow).await.unwrap();
    assert_eq!(world.seen("submit_flow"), 2, "the first answer was lost");
    let states: Vec<&str> = sent.jobs.iter().map(|(_, sent)| sent.state.as_str()).collect();
    assert_eq!(states, ["ready", "blocked", "blocked", "blocked", "blocked", "blocked"]);
    assert_eq!(work(&client, "orders", &seen).await, 6);
    let seen = seen.lock().unwrap().clone();
    let told: Vec<Told<'_>> = seen.iter().map(|(body, parents)| (&body[..], results(parents))).collect();
    let some = |text: &'static str| Some(text.as_bytes());
    assert_eq!(
        told,
        [
            (&b"1"[..], vec![]),
            (b"2", vec![some("1")]),
            (b"3", vec![some("2")]),
            (b"4", vec![some("2")]),
            (b"5", vec![some("3"), some("4")]),
            (b"6", vec![some("5")]),
        ]
    );
    let d = sent.job("d").unwrap();
    let parent = seen[4].1.iter().find(|parent| parent.id == d).unwrap();
    assert_eq!((parent.attempt, parent.state, parent.queue.as_str()), (1, State::Completed, "orders"));
    let flow = client.flow(sent.id).await.unwrap();
    assert!(flow.jobs.len() == 6 && flow.jobs.iter().all(|job| job.state == "completed"), "{flow:?}");
}

// covers JOB-8 (results kept as long as a child may need them)
#[tokio::test(start_paused = true)]
async fn a_result_is_there_however_long_its_job_is_forgotten() {
    let (_world, client, seen) = three().await;
    let producer = client.producer();
    let a = producer.send("orders", job("1")).await.unwrap().id;
    work(&client, "orders", &seen).await;
    let later = job("2").after(a).delay(std::time::Duration::from_secs(3 * 3600));
    producer.send("orders", later).await.unwrap();
    // Enough of others to have the forgotten swept out.
    for _ in 0..2 {
        tokio::time::sleep(std::time::Duration::from_secs(5_400)).await;
        for _ in 0..200 {
            producer.send("orders", job("x")).await.unwrap();
        }
        work(&client, "orders", &seen).await;
    }
    assert_eq!(client.job(a).await.unwrap_err().code(), Some(Code::NotFound), "it is forgotten");
    tokio::time::sleep(std::time::Duration::from_secs(3_600)).await;
    work(&client, "orders", &seen).await;
    let seen = seen.lock().unwrap().clone();
    let (_, parents) = seen.iter().find(|(body, _)| body == b"2").unwrap();
    assert_eq!(results(parents), [Some(&b"1"[..])]);
}

// covers JOB-8 (policies in code)
#[tokio::test(start_paused = true)]
async fn whoever_runs_all_the_same_is_told_how_it_ended() {
    let (_world, client, seen) = three().await;
    let flow = Flow::new("orders")
        .job("a", job("fail"))
        .job("b", job("2"))
        .after("a")
        .on_failure(OnFailure::Run)
        .job("c", job("3"))
        .after("a")
        .job("d", job("4"))
        .after_any("a")
        .after_any("b");
    let sent = client.producer().submit(flow).await.unwrap();
    assert_eq!(work(&client, "orders", &seen).await, 3);
    let seen = seen.lock().unwrap().clone();
    let bodies: Vec<&[u8]> = seen.iter().map(|(body, _)| &body[..]).collect();
    assert_eq!(bodies, [&b"fail"[..], b"2", b"4"]);
    assert_eq!((seen[1].1[0].state, &seen[1].1[0].result), (State::Dead, &None));
    let c = client.job(sent.job("c").unwrap()).await.unwrap();
    assert_eq!((c.state.as_str(), c.dead_because.as_deref()), ("dead", Some("parent_ended")));
    assert_eq!(c.dependencies.unwrap().ended_with.unwrap().0, sent.job("a").unwrap());
}

/// What is handed out as a parent's result and is not: another job's, another attempt's, a plain one.
// attack 6
#[tokio::test(start_paused = true)]
async fn a_result_that_is_not_what_it_is_said_to_be_holds_the_child() {
    type Change = fn(&mut sealane_api::v1::ParentOut);
    let changes: [Change; 5] = [
        |parent| parent.attempt = 2,
        |parent| parent.origin_queue = "payments".into(),
        |parent| parent.job_id = sealane_api::wire::Id(JobId::from_bytes([1; 16])),
        |parent| {
            parent.result = Some(b"forged".to_vec().into());
            parent.sealed = false;
        },
        |parent| parent.sealed = false,
    ];
    for (number, change) in changes.into_iter().enumerate() {
        let (world, client, seen) = three().await;
        let flow = Flow::new("orders").chain([("a", job("1")), ("b", job("2"))]);
        let sent = client.producer().submit(flow).await.unwrap();
        let tamper =
            move |leased: &mut sealane_api::v1::LeasedJob| leased.parents.iter_mut().for_each(change);
        *world.mischief().tampers.lock().unwrap() = Some(Box::new(tamper));
        work(&client, "orders", &seen).await;
        let b = client.job(sent.job("b").unwrap()).await.unwrap();
        assert_eq!(b.state, "held", "{number}");
        assert!(seen.lock().unwrap().iter().all(|(body, _)| body != b"2"), "{number}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_flow_that_breaks_a_rule_is_refused_and_nothing_of_it_is_there() {
    let (_world, client, _) = three().await;
    let producer = client.producer();
    let circle = Flow::new("orders").job("a", job("1")).after("b").job("b", job("2")).after("a");
    let refused = producer.submit(circle).await.unwrap_err();
    assert_eq!(refused.code(), Some(Code::InvalidRequest));
    assert!(refused.to_string().contains("a → b → a"), "{refused}");
    let ghost = JobId::from_bytes([7; 16]);
    let lost = Flow::new("orders").job("a", job("1")).job("b", job("2").after(ghost));
    assert_eq!(producer.submit(lost).await.unwrap_err().code(), Some(Code::NotFound));
    assert_eq!(client.queue("orders").await.unwrap().jobs.ready, 0);
    let sent = producer.submit(Flow::new("orders").chain([("a", job("1")), ("b", job("2"))])).await.unwrap();
    let ended = client.cancel_flow(sent.id).await.unwrap();
    assert!(ended.jobs.iter().all(|job| job.state == "cancelled"), "{ended:?}");
    let again = Flow::new("orders").id(sent.id).job("a", job("1"));
    assert_eq!(producer.submit(again).await.unwrap_err().code(), Some(Code::JobIdConflict));
}
