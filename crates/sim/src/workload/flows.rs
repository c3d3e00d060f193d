//! Flows: jobs that wait for each other, in rows, fans and any shape without a circle.

use sealane::{Client, Flow, FlowId, Job, OnFailure};

use super::scene::Scene;
use crate::dice::Dice;

/// Submits a flow of some shape. Says how many jobs it has.
pub(super) async fn submit(scene: &Scene, client: &Client, dice: &mut Dice) -> u64 {
    let number = dice.between(2, 6);
    let queue = dice.pick(&scene.queues).clone();
    let mut flow = Flow::new(queue.as_str()).id(FlowId::from_bytes(*scene.job_id(dice).as_bytes()));
    for node in 0..number {
        flow = flow.job(name(node), job(scene, dice));
        if dice.chance(200) {
            flow = flow.in_queue(dice.pick(&scene.queues).as_str());
        }
        if node == 0 {
            continue;
        }
        let shape = dice.between(0, 9);
        // Each waits for those before it only, so that there is no circle.
        flow = match shape {
            0..=3 => flow.after(name(node - 1)),
            4..=5 => (0..node).fold(flow, |flow, before| flow.after(name(before))),
            6..=7 => (0..node).fold(flow, |flow, before| flow.after_any(name(before))),
            8 => flow.after(name(0)),
            _ => flow,
        };
        if shape < 9 {
            flow = flow.on_failure(policy(dice));
        }
    }
    // Why the result is let go: the oracle has seen it.
    let _ = client.producer().submit(flow).await;
    number
}

/// What becomes of a job when one that it waits for fails.
pub(super) fn policy(dice: &mut Dice) -> OnFailure {
    dice.weighted(&[(3, OnFailure::Fail), (2, OnFailure::Cancel), (2, OnFailure::Run)])
}

fn name(node: u64) -> String {
    format!("node{node}")
}

fn job(scene: &Scene, dice: &mut Dice) -> Job {
    let id = scene.job_id(dice);
    let body = dice.draw().to_be_bytes().to_vec();
    scene.oracle.sealed(id, &body);
    let mut job = Job::new("sim", body).id(id);
    if dice.chance(150) {
        job = job.delay(dice.millis(1, 5_000));
    }
    if dice.chance(80) {
        job = job.ttl(dice.millis(500, 20_000));
    }
    if dice.chance(300) {
        job = job.max_attempts(u32::try_from(dice.between(1, 2)).expect("a small number"));
    }
    job
}
