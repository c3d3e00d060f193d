//! Sessions as users of the library have them: held by hand and by a worker, over the queues in this
//! process, in virtual time.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use sealane::keys::memory::MemoryKeys;
use sealane::keys::{KeyError, KeyProvider, Root, RootId};
use sealane::{
    Breaker, Client, Error, Job, JobContext, Outcome, PlaintextPolicy, Provider, QueueIn, Retry,
    SessionListIn, Unopenable,
};
use sealane_api::problem::Code;
use sealane_api::v1::{LeaseIn, SessionAcceptIn};
use sealane_core::name::QueueName;
use support::{World, code_of, keys, world};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, timeout};

const HOLD: Duration = Duration::from_secs(300);

async fn lines(world: &World, sealing: &str) {
    let settings = QueueIn {
        sealing: Some(sealing.to_owned()),
        sessions: Some("on".to_owned()),
        session_hold_ms: Some(u64::try_from(HOLD.as_millis()).unwrap()),
        ..QueueIn::default()
    };
    world.plain().build().put_queue("lines", &settings).await.unwrap();
}

async fn send(client: &Client, session: &str, bodies: &[&str]) {
    let jobs = bodies.iter().map(|body| Job::new("k", *body).session(session)).collect();
    let sent = client.producer().send_batch("lines", jobs).await.unwrap();
    assert!(sent.iter().all(Result::is_ok), "{sent:?}");
}

fn lost<T: std::fmt::Debug>(answer: &Result<T, Error>) -> bool {
    matches!(answer, Err(error @ Error::SessionLockLost(_)) if error.code() == Some(Code::SessionLockLost))
}

// covers JOB-13 (a named session or the next one, its jobs in order, for users of the library)
#[tokio::test(start_paused = true)]
async fn a_session_is_accepted_worked_and_given_back() {
    let (world, keys) = (world().await, keys());
    lines(&world, "required").await;
    let client = world.sealed(&keys);
    send(&client, "a", &["a1", "a2", "a3"]).await;
    send(&client, "b", &["b1"]).await;

    let first = client.session("lines").accept().await.unwrap().expect("it has jobs");
    assert_eq!((first.id(), first.queue().as_str()), ("a", "lines"));
    assert!(client.session("lines").named("a").accept().await.unwrap().is_none(), "one holder");
    let second = client.session("lines").accept().await.unwrap().expect("another one");
    assert_eq!(second.id(), "b");
    assert!(client.session("lines").accept().await.unwrap().is_none());

    let job = first.receive(Duration::ZERO).await.unwrap().unwrap();
    assert_eq!(job.delivery.body, b"a1", "opened");
    assert!(job.delivery.sealed && job.context.session().is_some());
    job.settle(Outcome::COMPLETE).await.unwrap();
    // Dropped without a word it comes again, in its place and under the same attempt.
    drop(first.receive(Duration::ZERO).await.unwrap().unwrap());
    let again = first.receive(Duration::from_secs(1)).await.unwrap().unwrap();
    assert_eq!((&again.delivery.body[..], again.delivery.attempt), (&b"a2"[..], 1));
    // What waits for longer than a lease is kept, and so is the session.
    sleep(HOLD - Duration::from_secs(10)).await;
    again.settle(Outcome::fail_for_good("no")).await.unwrap();
    let last = first.receive(Duration::ZERO).await.unwrap().unwrap();
    first.clone().close().await.unwrap();
    assert!(first.is_lost(), "its clones know");
    assert!(lost(&last.settle(Outcome::COMPLETE).await), "it was handed back with its session");
    assert!(lost(&first.receive(Duration::ZERO).await));
    assert!(lost(&first.renew(HOLD).await));
    assert!(lost(&first.set_state("x").await));
    assert!(!second.is_lost());

    let third = client.session("lines").named("a").accept().await.unwrap().expect("it is free");
    let job = third.receive(Duration::ZERO).await.unwrap().unwrap();
    assert_eq!((&job.delivery.body[..], job.delivery.attempt), (&b"a3"[..], 1));
    job.settle(Outcome::COMPLETE).await.unwrap();
    assert!(third.receive(Duration::from_secs(5)).await.unwrap().is_none());
    // One that nobody has heard of is held to wait for its jobs.
    let waiting = client.session("lines").named("c").accept().await.unwrap().unwrap();
    let (job, ()) = tokio::join!(waiting.receive(Duration::from_secs(60)), async {
        sleep(Duration::from_secs(20)).await;
        send(&client, "c", &["c1"]).await;
    });
    assert_eq!(job.unwrap().unwrap().delivery.body, b"c1");
}

#[tokio::test(start_paused = true)]
async fn waiting_for_a_session_ends_when_one_is_free() {
    let world = world().await;
    lines(&world, "allowed").await;
    let client = world.plain().build();
    let began = Instant::now();
    let none = client.session("lines").wait(Duration::from_secs(3)).accept().await.unwrap();
    assert!(none.is_none() && began.elapsed() >= Duration::from_secs(3));
    let (session, ()) = tokio::join!(
        async { client.session("lines").wait(Duration::from_secs(60)).accept().await.unwrap() },
        async {
            sleep(Duration::from_secs(2)).await;
            send(&client, "a", &["a1"]).await;
        }
    );
    assert_eq!(session.unwrap().id(), "a");
    assert!(began.elapsed() < Duration::from_secs(6));
    let refused = client.session("open").accept().await.unwrap_err();
    assert_eq!(code_of(&refused), Some(Code::InvalidRequest), "that queue keeps none");
}

// covers JOB-13 (renewed by itself, idle and hold bounded)
#[tokio::test(start_paused = true)]
async fn a_session_is_renewed_by_itself_up_to_its_queues_bound() {
    let world = world().await;
    lines(&world, "allowed").await;
    let client = world.plain().build();
    let began = Instant::now();
    let session = client.session("lines").named("a").accept().await.unwrap().unwrap();
    // Far beyond the minute that a silent holder may be idle.
    sleep(HOLD - Duration::from_secs(1)).await;
    assert!(!session.is_lost());
    assert!(client.session("lines").named("a").accept().await.unwrap().is_none());
    assert!(
        session.renew(HOLD).await.unwrap() <= Duration::from_secs(1),
        "no longer than the queue lets it be"
    );
    timeout(Duration::from_secs(10), session.lost()).await.expect("it is told");
    assert!(began.elapsed() >= HOLD && session.is_lost());
    assert!(lost(&session.receive(Duration::ZERO).await));

    // A hold that is shorter than the queue's is renewed as well.
    let short =
        client.session("lines").named("b").hold(Duration::from_secs(10)).accept().await.unwrap().unwrap();
    sleep(Duration::from_secs(40)).await;
    assert!(!short.is_lost() && client.session("lines").named("b").accept().await.unwrap().is_none());

    // One that is dropped is renewed no more.
    drop(client.session("lines").named("a").accept().await.unwrap().unwrap());
    sleep(Duration::from_secs(61)).await;
    assert!(client.session("lines").named("a").accept().await.unwrap().is_some());
}

// covers JOB-13 (a lost lock is told to whoever works under it)
#[tokio::test(start_paused = true)]
async fn a_handler_hears_that_its_session_is_lost() {
    let world = world().await;
    lines(&world, "allowed").await;
    let client = world.plain().build();
    send(&client, "a", &["a1", "a2"]).await;
    let (tell, mut told) = mpsc::unbounded_channel();
    let handler = move |_, context: JobContext| {
        let tell = tell.clone();
        async move {
            tell.send("begun").unwrap();
            context.lease_lost().await;
            let session = context.session().expect("its worker holds one");
            tell.send(if lost(&session.set_state("late").await) { "lost" } else { "kept" }).unwrap();
            Outcome::COMPLETE
        }
    };
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let worker = client.worker("lines").sessions(1).default_handler(handler).build().unwrap();
    let working = tokio::spawn(worker.run(async {
        let _ = stopped.await;
    }));
    assert_eq!(told.recv().await, Some("begun"));
    assert!(client.release_session("lines", "a").await.unwrap(), "a person takes it away");
    assert_eq!(told.recv().await, Some("lost"));
    assert_eq!(told.recv().await, Some("begun"), "the worker goes on with what it can have");
    stop.send(()).unwrap();
    assert!(client.release_session("lines", "a").await.unwrap());
    let worked = working.await.unwrap().unwrap();
    assert_eq!((worked.completed, worked.unsettled), (0, 2), "nothing that was lost is settled");
}

// covers SEAL-13 (the state of a session)
// attack 5
// attack 6
#[tokio::test(start_paused = true)]
async fn what_a_session_remembers_is_sealed_and_opens_in_its_place_only() {
    let (world, keys) = (world().await, keys());
    lines(&world, "required").await;
    let client = world.sealed(&keys);
    let accept = |client: &Client, id: &str| client.session("lines").named(id).accept();
    let session = accept(&client, "a").await.unwrap().unwrap();
    assert_eq!(session.state().await.unwrap(), None);
    session.set_state("canary so far").await.unwrap();
    assert_eq!(session.state().await.unwrap().as_deref(), Some(&b"canary so far"[..]));
    session.close().await.unwrap();

    // As the carrier has it: not a word, and of another session, queue or key it does not open.
    let queue = QueueName::parse("lines").unwrap();
    let wish = |id: &str| SessionAcceptIn { session_id: Some(id.into()), ..SessionAcceptIn::default() };
    let memory = &world.between.memory;
    let raw = memory.accept_session(&queue, &wish("a")).await.unwrap().session.unwrap();
    let bytes = Vec::from(raw.state.clone().unwrap());
    assert!(!bytes.windows(6).any(|window| window == b"canary"), "sealed");
    memory.release_session(&queue, "a").await.unwrap();
    let put = async |id: &str, bytes: Vec<u8>| {
        let held = memory.accept_session(&queue, &wish(id)).await.unwrap().session.unwrap();
        let state = sealane_api::v1::SessionSetStateIn { receipt: held.receipt, state: Some(bytes.into()) };
        let answer = memory.set_session_state(&state).await;
        memory.release_session(&queue, id).await.unwrap();
        answer
    };
    put("b", bytes.clone()).await.unwrap();
    let other = accept(&client, "b").await.unwrap().unwrap();
    let refused = other.state().await.unwrap_err();
    assert!(matches!(refused, Error::Open(Unopenable::Envelope(_))), "{refused:?}");
    other.close().await.unwrap();
    let mut torn = bytes.clone();
    *torn.last_mut().unwrap() ^= 1;
    put("c", torn).await.unwrap();
    let torn = accept(&client, "c").await.unwrap().unwrap();
    assert!(matches!(torn.state().await, Err(Error::Open(Unopenable::Envelope(_)))));
    torn.clear_state().await.unwrap();
    assert_eq!(torn.state().await.unwrap(), None, "its holder may forget it");
    let stranger = world.sealed(&support::keys());
    let again = accept(&stranger, "a").await.unwrap().unwrap();
    assert!(matches!(again.state().await, Err(Error::Open(Unopenable::Envelope(_)))));
    again.close().await.unwrap();
    let again = accept(&client, "a").await.unwrap().unwrap();
    assert_eq!(again.state().await.unwrap().as_deref(), Some(&b"canary so far"[..]));

    // Where jobs must be sealed, so must this be; and whoever has keys does not take it plain.
    let plain = accept(&world.plain().build(), "d").await.unwrap().unwrap();
    assert_eq!(code_of(&plain.set_state("plain").await.unwrap_err()), Some(Code::SealingRequired));
    plain.close().await.unwrap();
    lines(&world, "allowed").await;
    put("d", b"plain".to_vec()).await.unwrap();
    let stripped = accept(&client, "d").await.unwrap().unwrap();
    assert!(matches!(stripped.state().await, Err(Error::Open(Unopenable::PlaintextRefused))));
    stripped.close().await.unwrap();
    let lenient = world.plain().keys(Arc::clone(&keys) as _).plaintext(PlaintextPolicy::Allow).build();
    let taken = accept(&lenient, "d").await.unwrap().unwrap();
    assert_eq!(taken.state().await.unwrap().as_deref(), Some(&b"plain"[..]));
}

/// What became of the state when its answer was lost is asked for, not guessed.
#[tokio::test(start_paused = true)]
async fn a_lost_answer_leaves_no_wrong_memory() {
    let world = world().await;
    lines(&world, "allowed").await;
    let client = world.plain().retry(Retry::NEVER).build();
    let session = client.session("lines").named("a").accept().await.unwrap().unwrap();
    world.mischief().lost_answers.store(1, Ordering::SeqCst);
    assert!(session.set_state("one").await.unwrap_err().may_have_happened());
    assert_eq!(session.state().await.unwrap().as_deref(), Some(&b"one"[..]));
    world.mischief().lost_requests.store(1, Ordering::SeqCst);
    assert!(session.set_state("two").await.is_err());
    assert_eq!(session.state().await.unwrap().as_deref(), Some(&b"one"[..]));
    // A close whose answer was lost is not another one's lock.
    let patient = world.plain().build();
    session.close().await.unwrap();
    let session = patient.session("lines").named("a").accept().await.unwrap().unwrap();
    world.mischief().lost_answers.store(1, Ordering::SeqCst);
    session.close().await.unwrap();
    assert!(world.seen("close_session") >= 3);
}

/// A job that nobody has must not be overtaken: where an answer was lost or not waited for, the session is
/// given back, and the job is first again.
#[tokio::test(start_paused = true)]
async fn no_lost_answer_and_no_dropped_call_changes_the_order() {
    let world = world().await;
    lines(&world, "allowed").await;
    let client = world.plain().build();
    send(&client, "a", &["a0", "a1"]).await;
    let first = async |client: &Client| {
        let session = client.session("lines").named("a").accept().await.unwrap().expect("it is free at once");
        let job = session.receive(Duration::ZERO).await.unwrap().unwrap();
        let body = String::from_utf8(job.delivery.body.clone()).unwrap();
        (session, job, body)
    };
    let session = client.session("lines").named("a").accept().await.unwrap().unwrap();
    world.mischief().lost_answers.store(1, Ordering::SeqCst);
    assert!(session.receive(Duration::ZERO).await.unwrap_err().may_have_happened());
    assert!(lost(&session.receive(Duration::ZERO).await));
    let (session, job, body) = first(&client).await;
    assert_eq!(body, "a0");
    job.settle(Outcome::Release { delay: Duration::ZERO }).await.unwrap();
    *world.mischief().answers_take.lock().unwrap() = Duration::from_secs(5);
    assert!(
        timeout(Duration::from_secs(1), session.receive(Duration::ZERO)).await.is_err(),
        "not waited for"
    );
    *world.mischief().answers_take.lock().unwrap() = Duration::ZERO;
    assert!(lost(&session.receive(Duration::ZERO).await));
    let (session, job, body) = first(&client).await;
    assert_eq!(body, "a0");
    // Of a settlement whose every answer is lost nobody knows what became of the job.
    world.mischief().lost_requests.store(100, Ordering::SeqCst);
    assert_eq!(code_of(&job.settle(Outcome::COMPLETE).await.unwrap_err()), Some(Code::LeaseLost));
    world.mischief().lost_requests.store(0, Ordering::SeqCst);
    assert!(lost(&session.receive(Duration::ZERO).await));
    assert_eq!(first(&client).await.2, "a0");
}

/// Keys that take their time.
struct SlowKeys {
    keys: Arc<MemoryKeys>,
    take: Duration,
}

#[async_trait]
impl KeyProvider for SlowKeys {
    async fn active_root(&self, namespace: &str, queue: &str) -> Result<Arc<Root>, KeyError> {
        self.keys.active_root(namespace, queue).await
    }

    async fn root(&self, namespace: &str, queue: &str, id: RootId) -> Result<Option<Arc<Root>>, KeyError> {
        sleep(self.take).await;
        self.keys.root(namespace, queue, id).await
    }

    async fn openable_roots(&self, namespace: &str, queue: &str) -> Result<Vec<RootId>, KeyError> {
        self.keys.openable_roots(namespace, queue).await
    }
}

// covers JOB-13 (a call that is dropped while its job is opened lets no other job overtake it)
#[tokio::test(start_paused = true)]
async fn a_job_whose_opening_was_not_waited_for_is_not_overtaken() {
    let (world, keys) = (world().await, keys());
    lines(&world, "required").await;
    send(&world.sealed(&keys), "a", &["a0", "a1"]).await;
    let slow = SlowKeys { keys, take: Duration::from_secs(5) };
    let client = world.plain().keys(Arc::new(slow)).build();
    let session = client.session("lines").named("a").accept().await.unwrap().unwrap();
    let impatient = timeout(Duration::from_secs(1), session.receive(Duration::ZERO)).await;
    assert!(impatient.is_err(), "not waited for");
    for body in ["a0", "a1"] {
        let job = session.receive(Duration::from_secs(30)).await.unwrap().unwrap();
        assert_eq!((&job.delivery.body[..], job.delivery.attempt), (body.as_bytes(), 1));
        job.settle(Outcome::COMPLETE).await.unwrap();
    }
}

type Log = Arc<Mutex<Vec<(String, bool)>>>;

/// A handler that notes the begin and end of each job, and takes a second.
fn noting(
    log: &Log,
) -> impl Fn(sealane::Delivery, JobContext) -> std::pin::Pin<Box<dyn Future<Output = Outcome> + Send>>
+ Send
+ Sync
+ 'static {
    let log = Arc::clone(log);
    move |delivery, context| {
        let log = Arc::clone(&log);
        Box::pin(async move {
            let body = String::from_utf8(delivery.body.clone()).unwrap();
            log.lock().unwrap().push((body.clone(), true));
            sleep(Duration::from_secs(1)).await;
            if context.session().is_none_or(|session| Some(session.id()) != delivery.session_id.as_deref()) {
                return Outcome::fail_for_good("it knows its session");
            }
            log.lock().unwrap().push((body, false));
            Outcome::COMPLETE
        })
    }
}

// covers JOB-13 (a worker of sessions: n at a time, one job at a time in each, in order)
#[tokio::test(start_paused = true)]
async fn a_worker_holds_so_many_sessions_and_runs_one_job_of_each() {
    let (world, keys) = (world().await, keys());
    lines(&world, "required").await;
    let client = world.sealed(&keys);
    for session in ["a", "b", "c"] {
        let bodies: Vec<String> = (0..5).map(|at| format!("{session}{at}")).collect();
        send(&client, session, &bodies.iter().map(String::as_str).collect::<Vec<_>>()).await;
    }
    client.producer().send("lines", Job::new("k", "no session")).await.unwrap();
    let log = Log::default();
    let worker =
        client.worker("lines").sessions(2).default_handler(noting(&log)).session_idle(Duration::ZERO).build();
    let began = Instant::now();
    assert_eq!(worker.unwrap().run_until_idle().await.unwrap().completed, 15);
    let log = std::mem::take(&mut *log.lock().unwrap());
    let mut running = std::collections::BTreeSet::new();
    let mut most = 0;
    for (body, begins) in &log {
        let session = &body[..1];
        assert!(if *begins { running.insert(session) } else { running.remove(session) }, "{body}: {log:?}");
        most = most.max(running.len());
    }
    assert_eq!(most, 2, "two sessions side by side, and no more");
    for session in ["a", "b", "c"] {
        let order: Vec<&str> = log
            .iter()
            .filter(|(body, begins)| *begins && body.starts_with(session))
            .map(|(body, _)| &body[..])
            .collect();
        let expected: Vec<String> = (0..5).map(|at| format!("{session}{at}")).collect();
        assert_eq!(order, expected);
    }
    assert!((10..13).contains(&began.elapsed().as_secs()), "{:?}", began.elapsed());
    let page = client.sessions("lines", &SessionListIn::default()).await.unwrap();
    assert!(page.sessions.is_empty(), "all are given back: {page:?}");
    assert_eq!(client.queue("lines").await.unwrap().jobs.ready, 1, "what has no session is another worker's");
}

#[tokio::test(start_paused = true)]
async fn a_worker_stops_cleanly_and_ends_after_so_many_jobs() {
    let world = world().await;
    lines(&world, "allowed").await;
    let client = world.plain().build();
    send(&client, "a", &["a0", "a1", "a2"]).await;
    send(&client, "b", &["b0", "b1", "b2"]).await;
    let held = async |client: &Client| {
        let page = client.sessions("lines", &SessionListIn::default()).await.unwrap();
        page.sessions.iter().filter(|session| session.holder.is_some()).count()
    };
    let log = Log::default();
    let build = || client.worker("lines").sessions(4).default_handler(noting(&log));
    let worked = build().max_jobs(3).build().unwrap().run(std::future::pending()).await.unwrap();
    assert_eq!((worked.completed, held(&client).await), (3, 0), "three and no more, and all given back");
    // Told to stop in the middle of a job: that one ends, no other one begins.
    let worked = build().build().unwrap().run(sleep(Duration::from_millis(500))).await.unwrap();
    assert_eq!((worked.completed, held(&client).await), (2, 0));
    // Broken off when the time is up.
    let slow = client.worker("lines").sessions(1).drain_timeout(Duration::from_secs(1));
    let slow = slow.default_handler(async |_, _| std::future::pending::<Outcome>().await).build().unwrap();
    let worked = slow.run(sleep(Duration::from_secs(1))).await.unwrap();
    assert_eq!((worked.settled(), worked.released, held(&client).await), (0, 1, 0));
    // While it waits for a session.
    let waiting = build().max_jobs(9).build().unwrap();
    let worked = timeout(Duration::from_secs(60), waiting.run(sleep(Duration::from_secs(10)))).await;
    assert_eq!(worked.unwrap().unwrap().completed, 1);
}

/// A job whose lease was lost is out where nobody sees it: its session is given back, so that it comes first.
#[tokio::test(start_paused = true)]
async fn a_worker_lets_nothing_overtake_a_job_that_it_lost() {
    let world = world().await;
    lines(&world, "allowed").await;
    let client = world.plain().build();
    send(&client, "a", &["a0", "a1"]).await;
    *world.mischief().refuses_extend.lock().unwrap() = true;
    let (begun, between) = (Arc::new(Mutex::new(Vec::new())), Arc::clone(&world.between));
    let told = Arc::clone(&begun);
    let worker = client.worker("lines").sessions(1).max_jobs(2).default_handler(
        move |delivery: sealane::Delivery, context: JobContext| {
            let (told, between) = (Arc::clone(&told), Arc::clone(&between));
            async move {
                let first = told.lock().unwrap().is_empty();
                told.lock().unwrap().push(String::from_utf8(delivery.body).unwrap());
                if first {
                    context.lease_lost().await;
                    *between.mischief.refuses_extend.lock().unwrap() = false;
                }
                Outcome::COMPLETE
            }
        },
    );
    let worked = timeout(Duration::from_secs(120), worker.build().unwrap().run(std::future::pending())).await;
    assert_eq!(worked.unwrap().unwrap().completed, 2);
    assert_eq!(*begun.lock().unwrap(), ["a0", "a0", "a1"]);
}

// covers JOB-13 (idle and hold of a worker are bounded)
#[tokio::test(start_paused = true)]
async fn a_worker_gives_a_session_back_when_it_is_idle_or_had_its_time() {
    let world = world().await;
    lines(&world, "allowed").await;
    let client = world.plain().build();
    let bodies: Vec<String> = (0..10).map(|at| format!("a{at}")).collect();
    send(&client, "a", &bodies.iter().map(String::as_str).collect::<Vec<_>>()).await;
    send(&client, "b", &["b0"]).await;
    let log = Log::default();
    let worker = client
        .worker("lines")
        .sessions(1)
        .default_handler(noting(&log))
        .session_idle(Duration::from_secs(3))
        .session_hold(Duration::from_millis(2_500));
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let working = tokio::spawn(worker.build().unwrap().run(async {
        let _ = stopped.await;
    }));
    let b_began = async || {
        while !log.lock().unwrap().iter().any(|(body, _)| body == "b0") {
            sleep(Duration::from_millis(100)).await;
        }
        log.lock().unwrap().iter().filter(|(body, begins)| *begins && body.starts_with('a')).count()
    };
    assert_eq!(
        timeout(Duration::from_secs(60), b_began()).await.unwrap(),
        10,
        "the oldest first, over several holds"
    );
    assert_eq!(world.seen("accept_session"), 1 + 4, "three jobs to a hold of 2.5 s");
    let idle = async || {
        let before = Instant::now();
        while client
            .session("lines")
            .named("b")
            .accept()
            .await
            .unwrap()
            .map(|session| tokio::spawn(session.close()))
            .is_none()
        {
            sleep(Duration::from_millis(100)).await;
        }
        before.elapsed()
    };
    let idle = timeout(Duration::from_secs(60), idle()).await.unwrap();
    assert!((2..5).contains(&idle.as_secs()), "{idle:?}");
    stop.send(()).unwrap();
    assert_eq!(working.await.unwrap().unwrap().completed, 11);
}

#[tokio::test(start_paused = true)]
async fn a_worker_of_sessions_has_its_bounds() {
    let world = world().await;
    let client = world.plain().build();
    let build = || client.worker("lines").default_handler(async |_, _| Outcome::COMPLETE);
    let refused = |builder: sealane::WorkerBuilder| matches!(builder.build(), Err(Error::Setup { .. }));
    assert!(!refused(build().sessions(1)) && !refused(build().sessions(1_000)));
    assert!(refused(build().sessions(0)) && refused(build().sessions(1_001)));
    assert!(refused(build().sessions(2).concurrency(2)));
    assert!(refused(build().sessions(2).rate(1, Duration::from_secs(1))));
    let most = Duration::from_secs(12 * 3_600);
    assert!(!refused(build().sessions(1).session_idle(most).session_hold(most)));
    assert!(refused(build().sessions(1).session_idle(most + Duration::from_millis(1))));
    assert!(refused(build().sessions(1).session_hold(most + Duration::from_millis(1))));
    assert!(refused(build().sessions(1).session_hold(Duration::ZERO)));
    // An unknown queue ends it, as it ends every worker.
    let refused = client.worker("none").sessions(1).default_handler(async |_, _| Outcome::COMPLETE);
    let refused = refused.build().unwrap().run(std::future::pending()).await.unwrap_err();
    assert_eq!(code_of(&refused), Some(Code::NotFound));
}

/// A worker that is away for a while does not lose what the provider still keeps for it.
#[tokio::test(start_paused = true)]
async fn a_worker_of_sessions_rides_out_a_provider_that_is_away() {
    let world = world().await;
    lines(&world, "allowed").await;
    let client = world.plain().build();
    send(&client, "a", &["a0", "a1", "a2"]).await;
    let log = Log::default();
    world.mischief().lost_requests.store(4, Ordering::SeqCst);
    let worker =
        client.worker("lines").sessions(1).default_handler(noting(&log)).max_jobs(3).build().unwrap();
    let working = tokio::spawn(worker.run(std::future::pending()));
    sleep(Duration::from_secs(2)).await;
    world.mischief().lost_answers.store(2, Ordering::SeqCst);
    let worked = timeout(Duration::from_secs(200), working).await.unwrap().unwrap().unwrap();
    assert_eq!(worked.settled(), 3);
    let begun: Vec<String> =
        log.lock().unwrap().iter().filter(|(_, begins)| *begins).map(|(body, _)| body.clone()).collect();
    assert!(begun.is_sorted(), "in order, whatever was lost: {begun:?}");
    let rest = LeaseIn { max: Some(9), ..LeaseIn::default() };
    assert!(
        world.between.memory.lease(&QueueName::parse("lines").unwrap(), &rest).await.unwrap().jobs.is_empty()
    );
}

// covers PROV-4 (a session's trial of a provider that is back does not hold it up)
#[tokio::test(start_paused = true)]
async fn a_session_without_jobs_does_not_hold_up_a_trial_and_is_waited_for_all_the_same() {
    let world = world().await;
    lines(&world, "allowed").await;
    let breaker = Breaker { failures_to_open: 1, open_for: Duration::from_secs(2), successes_to_close: 1 };
    let client = world.plain().retry(Retry::NEVER).breaker(breaker).build();
    let session = client.session("lines").named("a").accept().await.unwrap().unwrap();
    world.mischief().lost_requests.store(1, Ordering::SeqCst);
    assert!(client.producer().send("open", Job::new("k", "x")).await.is_err());
    sleep(Duration::from_secs(3)).await;
    let began = Instant::now();
    let (job, ()) = tokio::join!(session.receive(Duration::from_secs(60)), async {
        sleep(Duration::from_millis(100)).await;
        client.queue("lines").await.expect("the circuit is closed");
        sleep(Duration::from_secs(10)).await;
        send(&client, "a", &["a0"]).await;
    });
    assert_eq!(job.unwrap().expect("it was waited for").delivery.body, b"a0");
    assert!((10..12).contains(&began.elapsed().as_secs()), "{:?}", began.elapsed());
}

// covers JOB-13 (a worker that may take no more jobs holds no more sessions)
#[tokio::test(start_paused = true)]
async fn a_worker_of_so_many_jobs_holds_no_session_that_it_may_not_work() {
    let world = world().await;
    lines(&world, "allowed").await;
    let client = world.plain().build();
    for session in ["a", "b", "c"] {
        send(&client, session, &["1", "2"]).await;
    }
    let held = async || {
        let page = client.sessions("lines", &SessionListIn::default()).await.unwrap();
        page.sessions.iter().filter(|session| session.holder.is_some()).count()
    };
    let worker = |max| {
        let slow = async |delivery: sealane::Delivery, _: JobContext| {
            let seconds = if delivery.session_id.as_deref() == Some("a") { 100 } else { 10 };
            sleep(Duration::from_secs(seconds)).await;
            Outcome::COMPLETE
        };
        client.worker("lines").sessions(4).max_jobs(max).default_handler(slow).build().unwrap()
    };
    let working = tokio::spawn(worker(1).run(std::future::pending()));
    sleep(Duration::from_secs(50)).await;
    assert_eq!((held().await, world.seen("accept_session")), (1, 1), "there is no place for a second job");
    assert_eq!(working.await.unwrap().unwrap().completed, 1);

    // One has ended its job and there is no place for another, while the other session is at work.
    let working = tokio::spawn(worker(2).run(std::future::pending()));
    sleep(Duration::from_secs(5)).await;
    assert_eq!(held().await, 2);
    sleep(Duration::from_secs(45)).await;
    assert_eq!(held().await, 1, "and it is given back");
    assert_eq!(working.await.unwrap().unwrap().completed, 2);
}

#[tokio::test(start_paused = true)]
async fn a_worker_of_sessions_does_not_spin_through_a_kind_that_fails() {
    let world = world().await;
    lines(&world, "allowed").await;
    let client = world.plain().build();
    for session in 0..500 {
        send(&client, &format!("s{session}"), &["x"]).await;
    }
    let failing = client.worker("lines").sessions(1).session_idle(Duration::ZERO);
    let failing = failing.default_handler(async |_, _| Outcome::fail("always")).build().unwrap();
    let worked = failing.run(sleep(Duration::from_secs(29))).await.unwrap();
    assert_eq!(worked.failed, 5, "the fifth failure in a row is the last");
    assert!(world.seen("accept_session") < 160, "{} requests", world.seen("accept_session"));
}
