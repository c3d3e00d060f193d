//! Requests with idempotency keys, repeated when no answer came and long after one did, and now and then
//! with another body under a key that has one.

use sealane::providers::server::Server;
use sealane::{Client, Job, Provider as _, QueueName};
use sealane_api::v1::JobIn;
use tokio::time::timeout;

use super::scene::{PATIENCE, Scene};
use crate::dice::Dice;

/// Few, so that each is used again.
const KEYS: u64 = 8;

/// Sends a job under a key, as often as it takes or as chance has it. By hand, with a new id each time: only
/// the key tells the repeat.
pub(super) async fn send(scene: &Scene, server: &Server, queue: &QueueName, dice: &mut Dice) {
    let key = format!("key{}", dice.between(1, KEYS));
    let other_body = dice.chance(100);
    for _ in 0..dice.between(1, 3) {
        let id = scene.job_id(dice);
        let body = body(&key, other_body);
        scene.oracle.sealed(id, &body);
        let job = JobIn {
            id: Some(id.to_string()),
            kind: "sim".into(),
            body: body.into(),
            idempotency_key: Some(key.clone().into()),
            ..JobIn::default()
        };
        // Why the results are let go, here and below: the oracle has seen them.
        let _ = timeout(PATIENCE, server.enqueue(queue, &job)).await;
    }
}

/// The same by the client library, which seals the body and says itself what it is told by.
pub(super) async fn send_sealed(scene: &Scene, client: &Client, queue: &QueueName, dice: &mut Dice) {
    let (key, id) = (format!("sealed{}", dice.between(1, KEYS)), scene.job_id(dice));
    let body = body(&key, dice.chance(100));
    scene.oracle.sealed(id, &body);
    let job = Job::new("sim", body).id(id).idempotency_key(key);
    let _ = client.producer().send(queue.as_str(), job).await;
}

fn body(key: &str, other: bool) -> Vec<u8> {
    format!("{} of {key}", if other { "another body" } else { "the body" }).into_bytes()
}
