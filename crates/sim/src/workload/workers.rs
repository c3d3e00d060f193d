//! Worker processes with the product's own worker runtime inside. They come, crash, stop and come back.

use std::sync::Arc;
use std::time::Duration;

use sealane::{Category, Delivery, Outcome, Parent, QueueName, Worker};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::scene::{Part, Scene, rest, worked};
use crate::dice::Dice;

/// Longer than any handler runs: an end by time is a crash here.
const DRAIN: Duration = Duration::from_secs(120);

/// Lets one worker process after another work on a queue.
pub(super) fn begin(scene: &Arc<Scene>, queue: &QueueName, number: u64) -> JoinHandle<()> {
    let (scene, queue) = (Arc::clone(scene), queue.clone());
    tokio::spawn(async move {
        let name = format!("worker-{queue}-{number}");
        let mut dice = scene.dice.fork(&name);
        for life in 0_u64.. {
            let (stop, stopped) = oneshot::channel::<()>();
            let worker = worker(&scene, &name, life, &queue, &mut dice);
            let mut running = Process(tokio::spawn(worker.run(async move {
                let _ = stopped.await;
            })));
            let ended = timeout(dice.millis(1_000, 25_000), &mut running.0).await;
            match ended {
                Ok(Ok(Ok(_))) => {}
                Ok(Ok(Err(error))) => {
                    scene.oracle.fail("a worker is never turned away", format!("{name}: {error}"));
                    return;
                }
                Ok(Err(_)) => scene.oracle.fail("a worker does not panic", name.clone()),
                Err(_) if scene.is_ending() => {
                    // The last one of them: it stays until the run is over.
                    let _ = (&mut running.0).await;
                }
                Err(_) if dice.chance(500) => {
                    scene.trace.note(format_args!("{name}: crashes"));
                    drop(running);
                }
                Err(_) => {
                    scene.trace.note(format_args!("{name}: stops"));
                    drop(stop);
                    let _ = (&mut running.0).await;
                }
            }
            if !scene.is_ending() {
                rest(&mut dice, 0, 4_000).await;
            }
        }
    })
}

/// A process ends with whoever started it, at once.
struct Process(JoinHandle<Result<sealane::Worked, sealane::Error>>);

impl Drop for Process {
    fn drop(&mut self) {
        self.0.abort();
    }
}

fn worker(scene: &Arc<Scene>, name: &str, life: u64, queue: &QueueName, dice: &mut Dice) -> Worker {
    let mut worker = scene
        .client_of_life(name, life, Part::Worker)
        .worker(queue.as_str())
        .concurrency(dice.place(4) + 1)
        .lease(dice.millis(800, 6_000))
        .lease_wait(dice.millis(0, 15_000))
        .drain_timeout(DRAIN);
    for other in &scene.queues {
        worker = worker.accept_from(other.as_str());
    }
    let scene = Arc::clone(scene);
    worker
        .handler("sim", move |delivery, context| {
            let scene = Arc::clone(&scene);
            async move { handle(&scene, &delivery, context.parents()).await }
        })
        .build()
        .expect("the settings are within their bounds")
}

/// Works on a job. What comes of it depends on the job and the attempt alone, not on who else works.
async fn handle(scene: &Scene, delivery: &Delivery, parents: &[Parent]) -> Outcome {
    scene.oracle.opened(delivery.id, &delivery.body);
    for (parent, result) in parents.iter().filter_map(|parent| Some((parent, parent.result.as_deref()?))) {
        scene.oracle.told(parent.id, result);
    }
    let mut dice = scene.dice.fork(&delivery.id.to_string()).fork(&delivery.attempt.to_string());
    let most = dice.weighted(&[(6, 50), (3, 1_000), (1, 9_000)]);
    rest(&mut dice, 0, most).await;
    if scene.is_ending() {
        return Outcome::complete_with(worked(&delivery.body));
    }
    match dice.between(0, 99) {
        0..=59 => Outcome::complete_with(worked(&delivery.body)),
        60..=69 => Outcome::COMPLETE,
        70..=84 => Outcome::fail("not this time"),
        85..=89 => Outcome::fail_for_good("never"),
        90..=93 => Outcome::Fail {
            category: Category::Temporary,
            code: Some("busy".to_owned()),
            error: Vec::new(),
            retry_after: Some(dice.millis(0, 3_000)),
        },
        _ => Outcome::Release { delay: dice.millis(0, 2_000) },
    }
}
