//! Answers wait for the disk.

use std::sync::Arc;

use sealane::{Job, Provider as _};
use sealane_storage::testing::lossy_disk::{Call, Fault, Loss, LossyDisk};

use crate::support::{DEADLINE, Home, enqueue, plain, queue, work_one};

// covers REL-1 (no answer before the sync; many requests share one)
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sixty_four_enqueues_wait_for_a_held_sync_and_then_share_three() {
    let (home, disk) = (Home::new(), LossyDisk::new());
    let server = home.start(Arc::new(disk.clone())).await;
    let client = server.client();
    client.put_queue("orders", &plain()).await.expect("a queue");
    // Connections first, so that only the enqueues are counted.
    let clients: Vec<_> = (0..64).map(|_| server.client()).collect();
    for client in &clients {
        client.queue("orders").await.expect("an answer");
    }
    disk.hold_syncs();
    let before = disk.syncs();
    let sending: Vec<_> = clients
        .into_iter()
        .map(|client| {
            tokio::spawn(async move { client.producer().send("orders", Job::new("test", "x")).await })
        })
        .collect();
    let held = disk.clone();
    tokio::task::spawn_blocking(move || held.wait_for_held_syncs(1)).await.expect("a sync is asked for");
    // The first turn took at least one request into the sync that is held; the others gather. When as
    // many wait as will ever wait, all are there: the first turn took the rest.
    let arrived = async {
        let mut last = (server.queued.now(), std::time::Instant::now());
        while server.queued.now() < 63 {
            let now = server.queued.now();
            if now != last.0 {
                last = (now, std::time::Instant::now());
            }
            // The first turn may have taken several: then 63 is never reached, and a second without any
            // arrival says so. A machine this slow only makes the count below stricter.
            if last.1.elapsed() > std::time::Duration::from_secs(1) {
                break;
            }
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(DEADLINE, arrived).await.expect("the requests arrive");
    // An answer that left too early needs a moment to arrive: the longer this looks, the more it sees.
    let looked_from = std::time::Instant::now();
    while looked_from.elapsed() < std::time::Duration::from_millis(300) {
        assert!(
            !sending.iter().any(tokio::task::JoinHandle::is_finished),
            "an enqueue was answered before its sync"
        );
        tokio::task::yield_now().await;
    }
    disk.release_syncs();
    for sent in sending {
        tokio::time::timeout(DEADLINE, sent).await.expect("an answer").expect("no panic").expect("accepted");
    }
    let syncs = disk.syncs() - before;
    assert!(syncs <= 3, "{syncs} syncs for 64 enqueues");
    assert_eq!(client.queue("orders").await.expect("an answer").jobs.ready, 64);
    server.stop().await.expect("a clean stop");
}

// covers REL-1 (power cut at every sync of a workload)
// attack 73
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_power_cut_at_any_sync_loses_nothing_acknowledged() {
    let mut cuts = 0;
    for nth in 1..=20 {
        for (fault, loss) in [
            (Fault::PowerOffBefore, Loss::Everything),
            (Fault::PowerOffAfter, Loss::Everything),
            (Fault::PowerOffBefore, Loss::Seeded(nth)),
        ] {
            let (home, disk) = (Home::new(), LossyDisk::new());
            let server = home.start(Arc::new(disk.clone())).await;
            let remote = server.remote();
            remote.put_queue(&queue("orders"), &plain()).await.expect("a queue");
            disk.fail(Call::Sync, nth, fault);
            let (mut acknowledged, mut completed) = (Vec::new(), Vec::new());
            for number in 0..16 {
                let Ok(id) = enqueue(&remote, &format!("job {number}")).await else { break };
                acknowledged.push(id);
                if number % 3 == 2 {
                    let Ok(id) = work_one(&remote).await else { break };
                    completed.push(id);
                }
            }
            assert!(server.ended().await.is_err(), "a failed sync ends the server");
            cuts += 1;

            let disk = disk.after_power_cut(loss);
            let server = home.start(Arc::new(disk)).await;
            let remote = server.remote();
            for id in &acknowledged {
                let found = remote.job(*id).await;
                let state = found
                    .unwrap_or_else(|error| {
                        panic!("{id} was acknowledged and is lost ({nth}, {fault:?}): {error}")
                    })
                    .state;
                let done = completed.contains(id);
                assert!(
                    !done || state == "completed",
                    "{id} was completed and is {state} ({nth}, {fault:?})"
                );
            }
            server.stop().await.expect("a clean stop");
        }
    }
    assert_eq!(cuts, 60);
}

// covers REL-1 (a failed sync or write ends the server, and nothing it did not confirm was answered)
// attack 74
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failed_sync_or_write_is_never_tried_again() {
    for call in [Call::Sync, Call::Write] {
        let (home, disk) = (Home::new(), LossyDisk::new());
        let server = home.start(Arc::new(disk.clone())).await;
        let remote = server.remote();
        remote.put_queue(&queue("orders"), &plain()).await.expect("a queue");
        let kept = enqueue(&remote, "kept").await.expect("accepted");
        // The next segment is made beside us; the call that fails must be one of a group.
        let prepared = async {
            while !disk.names().iter().any(|name| name == "prepared") {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(DEADLINE, prepared).await.expect("it is prepared");
        disk.fail(call, 1, Fault::Error(std::io::ErrorKind::Other));
        assert!(enqueue(&remote, "refused").await.is_err(), "{call:?}");
        assert!(enqueue(&remote, "refused as well").await.is_err(), "{call:?}");
        assert!(server.ended().await.is_err(), "{call:?}");
        let server = home.start(Arc::new(disk.after_power_cut(Loss::Everything))).await;
        server.remote().job(kept).await.expect("it was acknowledged");
        assert_eq!(
            server.remote().queue(&queue("orders")).await.expect("an answer").jobs.ready,
            1,
            "{call:?}"
        );
        server.stop().await.expect("a clean stop");
    }
}
