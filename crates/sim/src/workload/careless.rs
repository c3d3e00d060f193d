//! Workers that do everything a worker should not: keep jobs beyond their leases, settle them twice and
//! in two ways, use receipts that are over, leave without a word.

use std::sync::Arc;

use sealane::providers::server::Server;
use sealane::{JobId, Provider as _};
use sealane_api::v1::{
    Complete, CompleteItem, Extend, ExtendItem, Fail, FailItem, Hold, HoldItem, LeaseIn, Release, ReleaseItem,
};
use tokio::task::JoinHandle;

use super::scene::{Part, Scene, rest};
use crate::dice::Dice;

/// Takes jobs until the run is ending.
pub(super) fn begin(scene: &Arc<Scene>, number: u64) -> JoinHandle<()> {
    let scene = Arc::clone(scene);
    tokio::spawn(async move {
        let name = format!("careless{number}");
        let mut dice = scene.dice.fork(&name);
        let server = Arc::new(scene.server(&name, Part::Worker));
        let mut turn = 0_u64;
        while !scene.is_ending() {
            rest(&mut dice, 0, 4_000).await;
            let wish = LeaseIn {
                max: Some(u32::try_from(dice.between(1, 5)).expect("a small number")),
                lease_ms: Some(dice.between(100, 4_000)),
                wait_ms: Some(dice.between(0, 3_000)),
                ..LeaseIn::default()
            };
            let queue = dice.pick(&scene.queues).clone();
            let Ok(leased) = server.lease(&queue, &wish).await else { continue };
            if scene.plan.themes.together && dice.chance(400) {
                let receipts = leased.jobs.into_iter().map(|job| job.receipt).collect();
                let dice = dice.fork(&format!("together{turn}"));
                turn += 1;
                tokio::spawn(end_together(Arc::clone(&server), receipts, dice));
                continue;
            }
            for job in leased.jobs {
                turn += 1;
                let dice = dice.fork(&turn.to_string());
                tokio::spawn(keep(Arc::clone(&server), job.id.0, job.receipt, dice));
            }
        }
    })
}

/// Completes jobs all together or not at all, some of them perhaps too late or for the second time.
async fn end_together(server: Arc<Server>, mut receipts: Vec<String>, mut dice: Dice) {
    rest(&mut dice, 0, 3_000).await;
    if dice.chance(300) {
        let extra = receipts.first().cloned();
        let items = extra.map(|receipt| vec![ReleaseItem { receipt, delay_ms: None }]).unwrap_or_default();
        let _ = server.release(&Release { items, atomic: true }).await;
    }
    if dice.chance(300) {
        receipts.push("nobody's".to_owned());
    }
    let items = receipts.drain(..).map(|receipt| CompleteItem { receipt, result: None }).collect();
    let _ = server.complete(&Complete { items, atomic: true }).await;
}

/// Does some wrong things with one receipt, and some right ones.
async fn keep(server: Arc<Server>, _job: JobId, receipt: String, mut dice: Dice) {
    for _ in 0..dice.between(0, 4) {
        rest(&mut dice, 0, 3_000).await;
        let receipt = receipt.clone();
        // Why the results are let go: the oracle has seen them.
        match dice.between(0, 9) {
            0..=2 => {
                let items = vec![CompleteItem { receipt, result: None }];
                let _ = server.complete(&Complete { items, atomic: false }).await;
            }
            3..=4 => {
                let items = vec![FailItem {
                    receipt,
                    error: None,
                    category: None,
                    code: None,
                    error_fingerprint: None,
                    retry_after_ms: Some(dice.between(0, 2_000)),
                }];
                let _ = server.fail(&Fail { items, atomic: false }).await;
            }
            5 => {
                let items = vec![HoldItem { receipt }];
                let _ = server.hold(&Hold { items, atomic: false }).await;
            }
            6..=7 => {
                let items = vec![ReleaseItem { receipt, delay_ms: Some(dice.between(0, 1_000)) }];
                let _ = server.release(&Release { items, atomic: false }).await;
            }
            _ => {
                let items = vec![ExtendItem { receipt, lease_ms: Some(dice.between(100, 5_000)) }];
                let _ = server.extend(&Extend { items }).await;
            }
        }
    }
}
