//! The wall clock of the machine steps under a running server. A preloaded library shows it another time;
//! the monotonic clock stays what it is.

use std::path::PathBuf;
use std::time::Instant;

use sealane::{JobId, Provider as _, QueueIn, QueueName};
use sealane_api::v1::{Complete, CompleteItem, Extend, ExtendItem, JobIn, LeaseIn};
use serde_json::Value;

use crate::support::{DEADLINE, Place, Serving};

const HOUR_MS: u64 = 3_600_000;

/// The library of the distribution's package `libfaketime`.
fn library() -> PathBuf {
    let found = std::fs::read_dir("/usr/lib").expect("libraries").filter_map(|entry| {
        let library = entry.ok()?.path().join("faketime/libfaketimeMT.so.1");
        library.exists().then_some(library)
    });
    found.into_iter().next().expect("libfaketime is installed")
}

fn serve(place: &Place) -> Serving {
    show(place, "+0");
    let preload = format!("LD_PRELOAD={}", library().display());
    let file = format!("FAKETIME_TIMESTAMP_FILE={}", place.path("wall").display());
    place.serve_under(&["env", &preload, &file, "FAKETIME_NO_CACHE=1", "DONT_FAKE_MONOTONIC=1"])
}

/// What the wall clock shows from now on, beside the true time.
fn show(place: &Place, offset: &str) {
    std::fs::write(place.path("wall.new"), offset).expect("written");
    std::fs::rename(place.path("wall.new"), place.path("wall")).expect("renamed");
}

fn now_ms() -> u64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970");
    u64::try_from(now.as_millis()).expect("in range")
}

fn held_step(place: &Place) -> Option<i64> {
    place.json(&["server", "show"], "")["clock_step_ms"].as_i64()
}

// covers REL-5 (extend)
// attack 72
#[tokio::test]
async fn a_step_of_the_wall_clock_moves_nothing_until_somebody_says_that_it_is_right() {
    let place = Place::new();
    let server = serve(&place);
    let remote = server.remote();
    let queue = QueueName::parse("orders").expect("a name");
    let settings = QueueIn {
        sealing: Some("allowed".to_owned()),
        lease_ms: Some(HOUR_MS),
        max_run_ms: Some(6 * HOUR_MS),
        ..QueueIn::default()
    };
    remote.put_queue(&queue, &settings).await.expect("a queue");
    let send = async |job: JobIn| -> JobId {
        let job = JobIn { kind: "k".into(), body: b"x".to_vec().into(), ..job };
        remote.enqueue(&queue, &job).await.expect("accepted").id.0
    };
    let leased = send(JobIn::default()).await;
    let job = remote.lease(&queue, &LeaseIn::default()).await.expect("an answer").jobs.remove(0);
    assert_eq!(job.id.0, leased);
    let later = send(JobIn { delay_ms: Some(HOUR_MS), ..JobIn::default() }).await;
    let short = send(JobIn { ttl_ms: Some(HOUR_MS), ..JobIn::default() }).await;
    let state = async |id| remote.job(id).await.expect("it is there").state;
    assert_eq!(held_step(&place), None);

    for (offset, days) in [("+400d", 400), ("-1h", 0)] {
        show(&place, offset);
        let step = held_step(&place).expect("it is held");
        let expected = if days > 0 { days * 86_400_000 } else { -3_600_000 };
        assert!((step - expected).abs() < 60_000, "{offset}: {step}");
        // What is new has the server's time as well: nothing is early, late or gone.
        send(JobIn::default()).await;
        let items = vec![ExtendItem { receipt: job.receipt.clone(), lease_ms: None }];
        let extended = remote.extend(&Extend { items }).await.expect("an answer");
        assert_eq!(extended.results[0].ok, Some(true), "{offset}: the lease goes on");
        assert_eq!(
            (state(later).await, state(short).await),
            ("delayed".to_owned(), "ready".to_owned()),
            "{offset}"
        );
    }
    show(&place, "+400d");
    // Clients have the true time, and a server that refuses their ids says so.
    assert_eq!(server.ready(&place.path("data/ca.pem")), "503");
    let true_ms = now_ms() + 400 * 24 * HOUR_MS;
    let early = JobId::v7(true_ms, [7; 10]).to_string();
    let job_of_true_time =
        JobIn { id: Some(early), kind: "k".into(), body: b"x".to_vec().into(), ..JobIn::default() };
    let refused = remote.enqueue(&queue, &job_of_true_time).await.expect_err("an id from ahead");
    assert!(refused.to_string().contains("sealane server show"), "{refused}");
    let (_, _, findings) = doctor(&place);
    assert!(findings.contains("follow-clock"), "{findings}");

    show(&place, "+2h");
    assert_eq!(place.sealane(&["server", "follow-clock"], "").status.code(), Some(2), "not without a word");
    assert!(held_step(&place).is_some());
    place.json(&["server", "follow-clock", "--yes"], "");
    assert_eq!(held_step(&place), None);
    assert_eq!(server.ready(&place.path("data/ca.pem")), "200");
    let began = Instant::now();
    while state(later).await != "ready" || state(short).await != "expired" {
        assert!(began.elapsed() < DEADLINE, "what is due by the accepted time does not happen");
        tokio::task::yield_now().await;
    }
    // The lease of an hour was not used up by the two.
    let items = vec![CompleteItem { receipt: job.receipt, result: None }];
    let settled = remote.complete(&Complete { items, atomic: false }).await.expect("an answer");
    assert_eq!(settled.results[0].ok, Some(true), "{settled:?}");

    // Every step and the word are accounted for.
    assert_eq!(server.terminate(), Some(0));
    let log = std::fs::read_to_string(place.path("server.log")).expect("a log");
    assert!(log.lines().filter(|line| line.contains("clock.step")).count() >= 4, "{log}");
    assert!(log.contains("server.follow_clock"), "{log}");
}

fn doctor(place: &Place) -> (Option<i32>, Value, String) {
    let output = place.sealane(&["doctor", "-o", "json"], "");
    let all: Value = serde_json::from_slice(&output.stdout).expect("findings");
    let text = all.to_string();
    (output.status.code(), all, text)
}
