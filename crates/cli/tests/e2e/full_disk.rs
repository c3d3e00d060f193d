//! A file system that is full: small, real, and mounted for one server process alone.

use std::path::PathBuf;
use std::time::Instant;

use sealane::providers::server::Server as Remote;
use sealane::{Context, JobAct, JobId, Provider as _, QueueIn, QueueName};
use sealane_api::problem::Code;
use sealane_api::v1::{Complete, CompleteItem, JobIn, LeaseIn};

use crate::support::{CONFIG, DEADLINE, Place, Serving};

/// Room for the first segment, which is short, and three more; the filler takes one of them.
const MOUNT: &str = "mount -t tmpfs -o size=16m,mode=0700 none data && cp -a made/. data/ \
    && head -c 4194304 /dev/zero > data/filler && exec \"$@\"";

const BODY: usize = 100 << 10;

fn queue() -> QueueName {
    QueueName::parse("orders").expect("a name")
}

/// A file of the server's data directory, which only the server sees under its own name.
fn seen_by(server: &Serving, place: &Place, name: &str) -> PathBuf {
    let inside = place.path("data").join(name);
    PathBuf::from(format!("/proc/{}/root{}", server.process(), inside.display()))
}

async fn send(remote: &Remote) -> Result<JobId, sealane::Error> {
    let job = JobIn { kind: "test".into(), body: vec![7; BODY].into(), ..JobIn::default() };
    remote.enqueue(&queue(), &job).await.map(|accepted| accepted.id.0)
}

// covers REL-6 (a full disk, from outside: 507 for new work, jobs can be ended, and it recovers by itself)
// attack 75
#[tokio::test]
async fn a_full_disk_takes_no_new_work_and_recovers_by_itself() {
    let place = Place::new();
    std::fs::write(place.path(CONFIG), "[journal]\nsegment_bytes = 4194304\n").expect("a file");
    assert_eq!(place.serve().terminate(), Some(0));
    std::fs::rename(place.path("data"), place.path("made")).expect("renamed");
    std::fs::create_dir(place.path("data")).expect("a directory");
    // The context names this file; the server sees its own in its place.
    std::fs::copy(place.path("made/ca.pem"), place.path("data/ca.pem")).expect("copied");
    let started =
        place.try_serve_under(&["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", MOUNT, "sh"]);
    let server = started.unwrap_or_else(|said| {
        panic!("a file system could not be mounted for the server alone (user namespaces must be allowed): {said}")
    });
    let context = Context::load(&seen_by(&server, &place, "admin.context")).expect("the context");
    let remote = Remote::connect(&context).expect("a client");
    let settings = QueueIn { sealing: Some("allowed".to_owned()), ..QueueIn::default() };
    remote.put_queue(&queue(), &settings).await.expect("a queue");
    assert_eq!(server.ready(&place.path("data/ca.pem")), "200");

    let mut accepted = Vec::new();
    let refused = loop {
        match send(&remote).await {
            Ok(id) => accepted.push(id),
            Err(error) => break error,
        }
        assert!(accepted.len() < 1_000, "the file system never fills");
    };
    assert_eq!(refused.code(), Some(Code::StorageFull), "{refused}");
    assert!(refused.is_transient(), "whoever sends may try again: {refused}");
    assert_eq!(server.ready(&place.path("data/ca.pem")), "503");
    // What is there can be worked, ended and looked at.
    let leased =
        remote.lease(&queue(), &LeaseIn { max: Some(10), ..LeaseIn::default() }).await.expect("jobs").jobs;
    assert_eq!(leased.len(), 10);
    let items = leased.into_iter().map(|job| CompleteItem { receipt: job.receipt, result: None }).collect();
    let settled = remote.complete(&Complete { items, atomic: false }).await.expect("an answer");
    assert!(settled.results.iter().all(|result| result.ok == Some(true)), "{settled:?}");
    let last = *accepted.last().expect("some were accepted");
    remote.act(last, &JobAct::Cancel { force: false }).await.expect("cancelled");
    assert_eq!(send(&remote).await.expect_err("still full").code(), Some(Code::StorageFull));

    std::fs::remove_file(seen_by(&server, &place, "filler")).expect("removed");
    let began = Instant::now();
    while let Err(error) = send(&remote).await {
        assert_eq!(error.code(), Some(Code::StorageFull));
        assert!(began.elapsed() < DEADLINE, "there is room and it is not seen: {error}");
        tokio::task::yield_now().await;
    }
    assert_eq!(server.ready(&place.path("data/ca.pem")), "200");
    for id in accepted {
        remote.job(id).await.unwrap_or_else(|error| panic!("{id} is lost: {error}"));
    }
    assert_eq!(server.terminate(), Some(0));
}
