//! Workers that hold sessions: they take the next free one or one by its name, work on its jobs in order,
//! keep it for a while, let it remember a number, give it back, or leave without a word.

use std::sync::Arc;

use sealane::providers::server::Server;
use sealane::{Provider as _, QueueName};
use sealane_api::v1::{
    Complete, CompleteItem, Fail, FailItem, HeldSession, LeaseIn, LeasedJob, Release, ReleaseItem,
    SessionAcceptIn, SessionCloseIn, SessionRenewIn, SessionSetStateIn, SessionStateIn,
};
use sealane_api::wire::Text;
use tokio::task::JoinHandle;

use super::scene::{Part, Scene, rest};
use crate::dice::Dice;

/// The names of sessions. Few, so that there is a line in each.
pub(super) const NAMES: [&str; 4] = ["one", "two", "three", "four"];

struct Holder {
    scene: Arc<Scene>,
    server: Server,
    queue: QueueName,
    dice: Dice,
    /// The last number that a session was told by this one.
    told: u64,
}

/// Holds one session after another until the run is ending.
pub(super) fn begin(scene: &Arc<Scene>, queue: &QueueName, number: u64) -> JoinHandle<()> {
    let name = format!("holder-{queue}-{number}");
    let mut holder = Holder {
        scene: Arc::clone(scene),
        server: scene.server(&name, Part::Worker),
        queue: queue.clone(),
        dice: scene.dice.fork(&name),
        told: number << 32,
    };
    tokio::spawn(async move {
        while !holder.scene.is_ending() {
            rest(&mut holder.dice, 0, 2_000).await;
            let wish = holder.wish();
            if let Ok(accepted) = holder.server.accept_session(&holder.queue, &wish).await
                && let Some(held) = accepted.session
            {
                holder.keep(&held).await;
            }
        }
    })
}

impl Holder {
    fn wish(&mut self) -> SessionAcceptIn {
        SessionAcceptIn {
            session_id: self.dice.chance(300).then(|| Text::from(*self.dice.pick(&NAMES))),
            hold_ms: self.dice.chance(700).then(|| self.dice.between(200, 12_000)),
            wait_ms: Some(self.dice.between(0, 5_000)),
        }
    }

    /// Does some things with a session, and ends with it somehow.
    async fn keep(&mut self, held: &HeldSession) {
        let receipt = held.receipt.clone();
        for _ in 0..self.dice.between(1, 8) {
            rest(&mut self.dice, 0, 1_200).await;
            // Why the results are let go, here and below: the oracle has seen them.
            match self.dice.between(0, 9) {
                0..=4 => self.work(&receipt).await,
                5 => {
                    let hold_ms = self.dice.chance(700).then(|| self.dice.between(200, 12_000));
                    let _ = self
                        .server
                        .renew_session(&SessionRenewIn { receipt: receipt.clone(), hold_ms })
                        .await;
                }
                6..=7 => {
                    self.told += 1;
                    let state = self.dice.chance(900).then(|| self.told.to_be_bytes().to_vec().into());
                    let told = SessionSetStateIn { receipt: receipt.clone(), state };
                    let _ = self.server.set_session_state(&told).await;
                }
                _ => {
                    let asked = SessionStateIn { receipt: receipt.clone() };
                    let _ = self.server.session_state(&asked).await;
                }
            }
        }
        if self.dice.chance(600) {
            let _ = self.server.close_session(&SessionCloseIn { receipt }).await;
        }
    }

    /// Takes the next jobs of the session, and is done with each of them somehow.
    async fn work(&mut self, receipt: &str) {
        let wish = LeaseIn {
            max: Some(u32::try_from(self.dice.between(1, 3)).expect("a small number")),
            lease_ms: Some(self.dice.between(300, 5_000)),
            wait_ms: Some(self.dice.between(0, 1_000)),
            session_receipt: Some(receipt.to_owned()),
            ..LeaseIn::default()
        };
        let Ok(leased) = self.server.lease(&self.queue, &wish).await else { return };
        for job in leased.jobs {
            rest(&mut self.dice, 0, 700).await;
            self.settle(job).await;
        }
    }

    async fn settle(&mut self, LeasedJob { receipt, .. }: LeasedJob) {
        match self.dice.between(0, 9) {
            0..=6 => {
                let items = vec![CompleteItem { receipt, result: None }];
                let _ = self.server.complete(&Complete { items, atomic: false }).await;
            }
            7 => {
                let items = vec![FailItem {
                    receipt,
                    error: None,
                    category: None,
                    code: None,
                    error_fingerprint: None,
                    retry_after_ms: Some(self.dice.between(0, 1_000)),
                }];
                let _ = self.server.fail(&Fail { items, atomic: false }).await;
            }
            8 => {
                let items = vec![ReleaseItem { receipt, delay_ms: Some(self.dice.between(0, 500)) }];
                let _ = self.server.release(&Release { items, atomic: false }).await;
            }
            // Nothing: the lease ends by itself, or with the hold.
            _ => {}
        }
    }
}
