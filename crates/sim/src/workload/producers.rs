//! Send jobs: one by one, in batches, and some of them again later, byte by byte as before.

use std::sync::Arc;

use sealane::providers::server::Server;
use sealane::{Client, Job, Priority, Provider as _, QueueName};
use sealane_api::v1::JobIn;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::holders::NAMES;
use super::scene::{PATIENCE, Part, Scene, rest};
use crate::dice::Dice;

/// Longest pause between two requests.
const PAUSE_MS: u64 = 500;

struct Producer {
    scene: Arc<Scene>,
    client: Client,
    server: Server,
    dice: Dice,
    /// Jobs that were sent unsealed, to be sent again as they are.
    plain: Vec<(QueueName, JobIn)>,
}

/// Sends this producer's share of the jobs.
pub(super) fn begin(scene: &Arc<Scene>, number: u64) -> JoinHandle<()> {
    let name = format!("producer{number}");
    let mut producer = Producer {
        client: scene.client(&name, Part::Submitter),
        server: scene.server(&format!("{name}p"), Part::Submitter),
        dice: scene.dice.fork(&name),
        scene: Arc::clone(scene),
        plain: Vec::new(),
    };
    let mut left = scene.plan.jobs / scene.plan.producers;
    tokio::spawn(async move {
        while left > 0 {
            let sent = match producer.dice.between(0, 9) {
                0..=4 => producer.one().await,
                5..=6 => producer.batch(left).await,
                7..=8 => producer.one_plain().await,
                _ => producer.again().await,
            };
            left -= sent.min(left);
            rest(&mut producer.dice, 0, PAUSE_MS).await;
        }
    })
}

impl Producer {
    fn queue(&mut self) -> QueueName {
        self.dice.pick(&self.scene.queues).clone()
    }

    fn body(&mut self) -> Vec<u8> {
        let length = self.dice.weighted(&[(6, 40), (3, 400), (1, 5_000)]);
        let byte = self.dice.draw().to_be_bytes();
        byte.iter().copied().cycle().take(length).collect()
    }

    fn job(&mut self) -> Job {
        let id = self.scene.job_id(&mut self.dice);
        let body = self.body();
        self.scene.oracle.sealed(id, &body);
        let mut job = Job::new("sim", body).id(id).priority(priority(&mut self.dice));
        if self.dice.chance(150) {
            job = job.delay(self.dice.millis(1, 20_000));
        }
        if self.dice.chance(80) {
            job = job.ttl(self.dice.millis(500, 30_000));
        }
        if self.dice.chance(100) {
            job = job.max_attempts(u32::try_from(self.dice.between(1, 3)).expect("a small number"));
        }
        match self.session() {
            Some(session) => job.session(session),
            None => job,
        }
    }

    fn session(&mut self) -> Option<&'static str> {
        let has_one = self.scene.plan.themes.sessions && self.dice.chance(700);
        has_one.then(|| *self.dice.pick(&NAMES))
    }

    async fn one(&mut self) -> u64 {
        let (queue, job) = (self.queue(), self.job());
        // Why the results are let go, here and below: the oracle has seen them.
        let _ = self.client.producer().send(queue.as_str(), job).await;
        1
    }

    async fn batch(&mut self, left: u64) -> u64 {
        let queue = self.queue();
        let number = self.dice.between(2, 16).min(left);
        let jobs = (0..number).map(|_| self.job()).collect();
        let _ = self.client.producer().send_batch(queue.as_str(), jobs).await;
        number
    }

    async fn one_plain(&mut self) -> u64 {
        let queue = self.queue();
        let (id, body) = (self.scene.job_id(&mut self.dice), self.body());
        self.scene.oracle.sealed(id, &body);
        let job = JobIn {
            id: Some(id.to_string()),
            kind: "sim".into(),
            body: body.into(),
            priority: Some(priority(&mut self.dice).to_string()),
            session_id: self.session().map(Into::into),
            ..JobIn::default()
        };
        let _ = timeout(PATIENCE, self.server.enqueue(&queue, &job)).await;
        self.plain.push((queue, job));
        1
    }

    async fn again(&mut self) -> u64 {
        if !self.plain.is_empty() {
            let (queue, job) = self.dice.pick(&self.plain).clone();
            let _ = timeout(PATIENCE, self.server.enqueue(&queue, &job)).await;
        }
        0
    }
}

fn priority(dice: &mut Dice) -> Priority {
    dice.weighted(&[
        (1, Priority::Critical),
        (1, Priority::High),
        (6, Priority::Normal),
        (1, Priority::Low),
        (1, Priority::Bulk),
    ])
}
