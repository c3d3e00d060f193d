//! kill -9 in the middle of a load, again and again.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use sealane::providers::server::Server as Remote;
use sealane::{JobId, Provider as _, QueueIn, QueueName};
use sealane_api::v1::{Complete, CompleteItem, JobBatchIn, JobBatchResult, JobIn, LeaseIn};

use crate::support::{DEADLINE, Place, Serving, signal};

const ROUNDS: u64 = 20;
const UNANSWERED_LEAST: u64 = 8;

/// What the clients were told, and when to strike.
struct Load {
    acknowledged: Mutex<BTreeSet<JobId>>,
    completed: Mutex<BTreeSet<JobId>>,
    answers: AtomicU64,
    unanswered: AtomicU64,
    strike_at: u64,
    struck: AtomicBool,
    unanswered_at_strike: AtomicU64,
    process: u32,
}

impl Load {
    /// Counts one request while it runs, notes what it brought, and strikes at the Nth answer if enough
    /// others are unanswered, else at the first later one.
    async fn ask<T, E>(
        &self,
        request: impl Future<Output = Result<T, E>>,
        note: impl FnOnce(&T),
    ) -> Option<T> {
        self.unanswered.fetch_add(1, Ordering::SeqCst);
        let answer = request.await.ok();
        let others = self.unanswered.fetch_sub(1, Ordering::SeqCst) - 1;
        if let Some(answer) = &answer {
            // Before the strike: what was answered is noted, whatever happens to this process's peers.
            note(answer);
            let answers = self.answers.fetch_add(1, Ordering::SeqCst) + 1;
            if answers >= self.strike_at
                && others >= UNANSWERED_LEAST
                && !self.struck.swap(true, Ordering::SeqCst)
            {
                self.unanswered_at_strike.store(others, Ordering::SeqCst);
                signal(self.process, "KILL");
            }
        }
        answer
    }

    fn is_over(&self) -> bool {
        self.struck.load(Ordering::SeqCst)
    }
}

fn queue() -> QueueName {
    QueueName::parse("orders").expect("a name")
}

fn job(number: u64) -> (JobId, JobIn) {
    use sealane::crypto::Random as _;
    let mut random = [0; 10];
    sealane::crypto::SystemRandom.fill(&mut random).expect("random bytes");
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970");
    let id = JobId::v7(u64::try_from(now.as_millis()).expect("in range"), random);
    let body = format!("body {number} of {id}").into_bytes().into();
    (id, JobIn { id: Some(id.to_string()), kind: "test".into(), body, ..JobIn::default() })
}

async fn send_singles(load: Arc<Load>, remote: Remote) {
    while !load.is_over() {
        let (id, job) = job(1);
        let note = |_: &_| {
            load.acknowledged.lock().expect("no panic").insert(id);
        };
        load.ask(remote.enqueue(&queue(), &job), note).await;
    }
}

async fn send_batches(load: Arc<Load>, remote: Remote) {
    while !load.is_over() {
        let jobs: Vec<JobIn> = (0..50).map(|number| job(number).1).collect();
        let batch = JobBatchIn { jobs, atomic: false };
        let note = |answer: &sealane_api::v1::JobBatchOut| {
            let mut acknowledged = load.acknowledged.lock().expect("no panic");
            for result in &answer.results {
                let JobBatchResult::Accepted(job) = result else { panic!("{result:?}") };
                acknowledged.insert(job.id.0);
            }
        };
        load.ask(remote.enqueue_batch(&queue(), &batch), note).await;
    }
}

async fn work(load: Arc<Load>, remote: Remote) {
    let wish = LeaseIn { max: Some(20), lease_ms: None, wait_ms: Some(1_000) };
    while !load.is_over() {
        let Some(leased) = load.ask(remote.lease(&queue(), &wish), |_| {}).await else { continue };
        let done_before = load.completed.lock().expect("no panic").clone();
        for job in &leased.jobs {
            let id = job.id.0;
            assert!(!done_before.contains(&id), "{id} was completed and delivered again");
        }
        let items: Vec<_> =
            leased.jobs.into_iter().map(|job| CompleteItem { receipt: job.receipt, result: None }).collect();
        if items.is_empty() {
            continue;
        }
        let note = |settled: &sealane_api::v1::Settled| {
            let mut completed = load.completed.lock().expect("no panic");
            for result in settled.results.iter().filter(|result| result.ok == Some(true)) {
                completed.insert(result.id.expect("an id").0);
            }
        };
        load.ask(remote.complete(&Complete { items, atomic: false }), note).await;
    }
}

async fn round(number: u64, mut server: Serving, done_before: &BTreeSet<JobId>) -> (Arc<Load>, u64) {
    let load = Arc::new(Load {
        acknowledged: Mutex::default(),
        completed: Mutex::new(done_before.clone()),
        answers: AtomicU64::new(0),
        unanswered: AtomicU64::new(0),
        strike_at: 20 + number * 13,
        struck: AtomicBool::new(false),
        unanswered_at_strike: AtomicU64::new(0),
        process: server.process(),
    });
    let mut clients = tokio::task::JoinSet::new();
    for _ in 0..8 {
        clients.spawn(send_singles(Arc::clone(&load), server.remote()));
    }
    for _ in 0..4 {
        clients.spawn(send_batches(Arc::clone(&load), server.remote()));
        clients.spawn(work(Arc::clone(&load), server.remote()));
    }
    let all = async { while clients.join_next().await.transpose().expect("no client panics").is_some() {} };
    tokio::time::timeout(DEADLINE, all).await.expect("the strike comes");
    assert!(!crate::support::wait(&mut server.child).success(), "it was killed");
    let unanswered = load.unanswered_at_strike.load(Ordering::SeqCst);
    (load, unanswered)
}

// covers REL-1 (kill -9 under load: nothing acknowledged is lost)
// covers REL-2 (nothing is delivered again after its completion was acknowledged)
// attack 73
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn twenty_kills_under_load_lose_nothing_and_bring_nothing_back() {
    let place = Place::new();
    let server = place.serve();
    let plain =
        QueueIn { sealing: Some("allowed".to_owned()), lease_ms: Some(600_000), ..QueueIn::default() };
    server.remote().put_queue(&queue(), &plain).await.expect("a queue");
    assert_eq!(server.terminate(), Some(0));
    let (mut acknowledged, mut completed) = (BTreeSet::new(), BTreeSet::new());
    for number in 0..ROUNDS {
        let (load, unanswered) = round(number, place.serve(), &completed).await;
        assert!(unanswered >= UNANSWERED_LEAST, "round {number}: {unanswered} unanswered");
        let fresh = std::mem::take(&mut *load.acknowledged.lock().expect("no panic"));
        completed.extend(load.completed.lock().expect("no panic").iter().copied());
        let server = place.serve();
        let remote = server.remote();
        for id in &fresh {
            let found = remote.job(*id).await;
            let state = found.unwrap_or_else(|error| panic!("round {number}: {id} is lost: {error}")).state;
            assert!(!completed.contains(id) || state == "completed", "round {number}: {id} is {state}");
        }
        acknowledged.extend(fresh);
        server.kill();
    }
    // At last everything that is still leasable is leased: none of it may be completed.
    let server = place.serve();
    let remote = server.remote();
    let wish = LeaseIn { max: Some(1_000), lease_ms: None, wait_ms: None };
    loop {
        let leased = remote.lease(&queue(), &wish).await.expect("an answer");
        if leased.jobs.is_empty() {
            break;
        }
        for job in leased.jobs {
            let id = job.id.0;
            assert!(!completed.contains(&id), "{id} was completed and delivered again");
        }
    }
    println!("{} acknowledged, {} completed, 0 lost, 0 delivered again", acknowledged.len(), completed.len());
    assert!(acknowledged.len() > 500 && completed.len() > 100);
}
