//! People: they look at jobs, cancel, move, promote, re-drive, release and re-prioritise them, pause and
//! drain queues, purge and re-drive dead-letters.

use std::sync::Arc;

use sealane::providers::server::Server;
use sealane::{Client, FlowId, JobAct, Priority, Provider as _, QueueMode, SweepKind};
use tokio::task::JoinHandle;

use super::holders::NAMES;
use super::scene::{Part, Scene, rest};
use crate::dice::Dice;

/// Does something now and then until the run is ending.
pub(super) fn begin(scene: &Arc<Scene>) -> JoinHandle<()> {
    let scene = Arc::clone(scene);
    tokio::spawn(async move {
        let mut dice = scene.dice.fork("operator");
        let client = scene.client("operator", Part::Admin);
        let server = scene.server("operator", Part::Admin);
        let pace = *dice.pick(&[400, 2_000, 10_000]);
        loop {
            rest(&mut dice, 0, pace).await;
            if scene.is_ending() {
                return;
            }
            // Why the results are let go: the oracle has seen them.
            match dice.between(0, 99) {
                0..=39 => look(&scene, &client, &mut dice).await,
                40..=84 => act(&scene, &client, &mut dice).await,
                85..=88 if scene.plan.themes.sessions => take_away(&scene, &server, &mut dice).await,
                89..=90 if scene.plan.themes.flows => end_flow(&scene, &client, &mut dice).await,
                85..=93 => close(&scene, &client, &mut dice).await,
                _ => sweep(&scene, &client, &mut dice).await,
            }
        }
    })
}

async fn look(scene: &Scene, client: &Client, dice: &mut Dice) {
    if let Some(job) = scene.any_job(dice) {
        let _ = client.job(job).await;
    }
}

async fn act(scene: &Scene, client: &Client, dice: &mut Dice) {
    let Some(job) = scene.any_job(dice) else { return };
    let act = match dice.between(0, 9) {
        0 => JobAct::Cancel { force: true },
        1 => JobAct::Cancel { force: false },
        2 => JobAct::Move { queue: dice.pick(&scene.queues).clone() },
        3..=4 => JobAct::Promote,
        5..=6 => JobAct::Redrive,
        7..=8 => JobAct::Release,
        _ => JobAct::Reprioritise { priority: *dice.pick(Priority::ALL) },
    };
    let _ = client.act(job, &act).await;
}

/// Takes a session away from whoever holds it.
async fn take_away(scene: &Scene, server: &Server, dice: &mut Dice) {
    let (queue, session) = (dice.pick(&scene.queues).clone(), *dice.pick(&NAMES));
    let _ = server.release_session(&queue, session).await;
}

/// Ends all jobs of a flow.
async fn end_flow(scene: &Scene, client: &Client, dice: &mut Dice) {
    let flow = scene.oracle.look(|ledger| {
        let place = dice.place(ledger.flows.len().max(1));
        ledger.flows.keys().nth(place).and_then(|flow| FlowId::parse(flow).ok())
    });
    if let Some(flow) = flow {
        let _ = client.cancel_flow(flow).await;
    }
}

/// Pauses or drains a queue for a while.
async fn close(scene: &Scene, client: &Client, dice: &mut Dice) {
    let queue = dice.pick(&scene.queues).clone();
    let mode = *dice.pick(&[QueueMode::Draining, QueueMode::Paused]);
    let _ = client.set_mode(queue.as_str(), mode).await;
    rest(dice, 0, 6_000).await;
    let _ = client.set_mode(queue.as_str(), QueueMode::Open).await;
}

async fn sweep(scene: &Scene, client: &Client, dice: &mut Dice) {
    let queue = dice.pick(&scene.queues).clone();
    let kind = dice.weighted(&[
        (1, SweepKind::PurgeDead),
        (3, SweepKind::RedriveDead),
        (1, SweepKind::PurgeWaiting),
    ]);
    let _ = client.sweep(queue.as_str(), kind).await;
}
