//! What handlers say while they run, over the machine in this process, in virtual time.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use std::sync::atomic::Ordering;
use std::time::Duration;

use sealane::{
    Category, CheckpointError, Client, Delivery, Job, JobContext, JobId, Outcome, Provider, REPORT_EVERY,
};
use sealane_api::v1::{JobLogIn, LeaseIn, ReportItem, Reports};
use support::{keys, world};
use tokio::sync::mpsc;
use tokio::time::sleep;

const WORD: &str = "heliotrope";

async fn sent(client: &Client, queue: &str) -> JobId {
    client.producer().send(queue, Job::new("test", "body").max_attempts(3)).await.unwrap().id
}

/// Runs one attempt with this handler.
async fn run<F, Fut>(client: &Client, queue: &str, handler: F)
where
    F: Fn(Delivery, JobContext) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Outcome> + Send + 'static,
{
    let worker = client.worker(queue).default_handler(handler).max_jobs(1).build().unwrap();
    worker.run(std::future::pending()).await.unwrap();
}

fn again() -> Outcome {
    Outcome::Fail {
        category: Category::Temporary,
        code: None,
        error: Vec::new(),
        retry_after: Some(Duration::ZERO),
    }
}

// covers JOB-9 (progress, logs and checkpoints through the library)
// covers SEAL-13 (progress, log and checkpoint)
#[tokio::test(start_paused = true)]
async fn what_a_handler_says_is_sealed_and_the_next_attempt_goes_on_from_its_checkpoint() {
    let world = world().await;
    let client = world.sealed(&keys());
    let id = sent(&client, "orders").await;
    let (tell, mut told) = mpsc::unbounded_channel();
    let tells = tell.clone();
    run(&client, "orders", move |_, context| {
        let tell = tells.clone();
        async move {
            context.progress(40, format!("{WORD} one").as_str());
            context.log(&format!("{WORD} two"));
            context.log("second line");
            let taken = context.checkpoint(format!("{WORD} three")).await;
            tell.send((context.last_checkpoint().map(<[u8]>::to_vec), taken.is_ok())).unwrap();
            context.log("at the end");
            again()
        }
    })
    .await;
    assert_eq!(told.recv().await.unwrap(), (None, true));

    let job = client.job(id).await.unwrap();
    let progress = job.progress.as_ref().unwrap();
    assert_eq!((progress.percent, progress.attempt, progress.seq), (40, 1, 0));
    assert_eq!(client.open_progress(&job).await.unwrap().unwrap(), format!("{WORD} one").as_bytes());
    let log = client.job_log(id, None).await.unwrap();
    let texts: Vec<_> = log.entries.iter().map(|entry| entry.text.clone().unwrap()).collect();
    assert_eq!(texts, [format!("{WORD} two\nsecond line\n").as_bytes(), b"at the end\n"]);
    assert_eq!((log.dropped, log.next), (0, None));
    assert_eq!(job.checkpoint.as_ref().map(|known| (known.attempt, known.seq)), Some((1, 0)));

    // What the provider holds tells nothing.
    let page = world.between.job_log(id, &JobLogIn::default()).await.unwrap();
    let stored = page.entries[0].bytes.clone().unwrap();
    for bytes in [&stored.0, &progress.message.clone().unwrap().0] {
        assert!(bytes.starts_with(b"QRE2"));
        assert!(!bytes.windows(WORD.len()).any(|window| window == WORD.as_bytes()));
    }

    run(&client, "orders", move |delivery, context| {
        let tell = tell.clone();
        async move {
            tell.send((context.last_checkpoint().map(<[u8]>::to_vec), delivery.attempt == 2)).unwrap();
            Outcome::COMPLETE
        }
    })
    .await;
    assert_eq!(told.recv().await.unwrap(), (Some(format!("{WORD} three").into_bytes()), true));
    let job = client.job(id).await.unwrap();
    assert_eq!(job.checkpoint, None, "nothing goes on from here any more");
    assert_eq!(client.job_log(id, None).await.unwrap().entries.len(), 2, "the log stays");
}

// covers SEAL-3 (a part of one report is no part of another)
#[tokio::test(start_paused = true)]
async fn a_checkpoint_that_was_moved_or_laid_bare_does_not_open_and_the_job_is_held() {
    type Change = fn(&mut sealane_api::v1::LeasedCheckpoint);
    let changes: [Change; 4] = [
        |checkpoint| checkpoint.seq += 1,
        |checkpoint| checkpoint.attempt += 1,
        |checkpoint| checkpoint.bytes = b"plain".to_vec().into(),
        |_| {},
    ];
    for (number, change) in changes.into_iter().enumerate() {
        let world = world().await;
        let client = world.sealed(&keys());
        let id = sent(&client, "orders").await;
        run(&client, "orders", |_, context| async move {
            let taken = context.checkpoint("here").await;
            if taken.is_ok() { again() } else { Outcome::COMPLETE }
        })
        .await;
        *world.mischief().tampers.lock().unwrap() =
            Some(Box::new(move |job| change(job.checkpoint.as_mut().unwrap())));
        run(&client, "orders", |_, _| async { Outcome::COMPLETE }).await;
        let state = client.job(id).await.unwrap().state;
        assert_eq!(state, if number < 3 { "held" } else { "completed" }, "{number}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_chatty_handler_is_heard_a_few_times_a_second() {
    let world = world().await;
    let client = world.plain().build();
    let id = sent(&client, "open").await;
    run(&client, "open", |_, context| async move {
        for step in 0..1_000 {
            context.progress(u8::try_from(step / 10).unwrap(), None);
            context.log(&"x".repeat(1_000));
            sleep(Duration::from_millis(1)).await;
        }
        Outcome::COMPLETE
    })
    .await;
    let most = usize::try_from(Duration::from_secs(1).as_millis() / REPORT_EVERY.as_millis()).unwrap() + 2;
    let seen = world.seen("report");
    assert!((2..=most).contains(&seen), "{seen} reports in a second");
    let job = client.job(id).await.unwrap();
    assert_eq!(job.progress.unwrap().percent, 99, "the last word is heard");
    let log = client.job_log(id, None).await.unwrap();
    let text: Vec<u8> = log.entries.into_iter().flat_map(|entry| entry.text.unwrap()).collect();
    let text = String::from_utf8(text).unwrap();
    assert!(text.contains("lines were dropped here"), "and what was too much is said to be");
}

/// A lost answer is asked for again with the same report: no line stands in the log twice.
#[tokio::test(start_paused = true)]
async fn reports_go_through_lost_answers_once_and_in_order() {
    let world = world().await;
    let client = world.sealed(&keys());
    let id = sent(&client, "orders").await;
    let between = std::sync::Arc::clone(&world.between);
    run(&client, "orders", move |_, context| {
        let between = std::sync::Arc::clone(&between);
        async move {
            context.log("one");
            let mut good = context.checkpoint("a").await.is_ok();
            between.mischief.lost_answers.store(1, Ordering::SeqCst);
            context.log("two");
            good &= context.checkpoint("b").await.is_ok();
            between.mischief.lost_requests.store(2, Ordering::SeqCst);
            context.log("three");
            good &= context.checkpoint("c").await.is_ok();
            if good { again() } else { Outcome::COMPLETE }
        }
    })
    .await;
    let job = client.job(id).await.unwrap();
    assert_ne!(job.state, "completed", "every checkpoint was taken");
    let log = client.job_log(id, None).await.unwrap();
    let texts: Vec<_> = log.entries.iter().map(|entry| (entry.seq, entry.text.clone().unwrap())).collect();
    assert_eq!(texts, [(0, b"one\n".to_vec()), (1, b"two\n".to_vec()), (2, b"three\n".to_vec())]);
    assert_eq!(job.checkpoint.unwrap().seq, 2);
}

// attack 47
#[tokio::test(start_paused = true)]
async fn who_lost_the_lease_reports_nothing_and_hears_so() {
    let world = world().await;
    let client = world.plain().build();
    let id = sent(&client, "open").await;
    let wish = LeaseIn { lease_ms: Some(1_000), ..LeaseIn::default() };
    let old = world.between.lease(&"open".parse_queue(), &wish).await.unwrap().jobs.remove(0);
    sleep(Duration::from_secs(2)).await;
    let (tell, mut told) = mpsc::unbounded_channel();
    let between = std::sync::Arc::clone(&world.between);
    // A worker whose job was not settled goes on, so it is given up after a while.
    let work = run(&client, "open", move |_, context| {
        let (tell, between, receipt) = (tell.clone(), std::sync::Arc::clone(&between), old.receipt.clone());
        async move {
            let item = |receipt| ReportItem {
                receipt,
                seq: 0,
                progress: None,
                log: None,
                checkpoint: Some(b"stolen".to_vec().into()),
            };
            let late = between.report(&Reports { items: vec![item(receipt), item("none".to_owned())] }).await;
            let refused = late.unwrap().results.into_iter().map(|result| result.error.unwrap().code);
            let mine = context.checkpoint("mine").await.is_ok();
            *between.mischief.refuses_extend.lock().unwrap() = true;
            context.lease_lost().await;
            let lost = context.checkpoint("late").await;
            tell.send((refused.collect::<Vec<_>>(), mine, matches!(lost, Err(CheckpointError::Over))))
                .unwrap();
            Outcome::COMPLETE
        }
    });
    assert!(tokio::time::timeout(Duration::from_secs(20), work).await.is_err());
    assert_eq!(
        told.recv().await.unwrap(),
        (vec!["lease_lost".to_owned(), "lease_lost".to_owned()], true, true)
    );
    assert_eq!(client.job(id).await.unwrap().checkpoint.unwrap().attempt, 2, "the holder's one stays");
}

trait ParseQueue {
    fn parse_queue(&self) -> sealane::QueueName;
}

impl ParseQueue for str {
    fn parse_queue(&self) -> sealane::QueueName {
        sealane::QueueName::parse(self).unwrap()
    }
}

#[tokio::test]
async fn a_handler_can_be_called_without_a_worker_and_heard() {
    let (context, signals) = JobContext::on_its_own();
    let context = context.after_checkpoint("before");
    assert_eq!(context.last_checkpoint(), Some(&b"before"[..]));
    context.progress(7, "words");
    context.log("line");
    context.checkpoint("after").await.unwrap();
    let heard = signals.heard();
    assert_eq!(heard.progress, Some((7, Some("words".to_owned()))));
    assert_eq!((heard.log.as_str(), heard.checkpoint), ("line\n", Some(b"after".to_vec())));
    assert!(!format!("{context:?}").contains("before"));
}
