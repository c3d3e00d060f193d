//! What everybody in a run shares: the queues, the keys, the way to the server.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use sealane::clock::RuntimeClock;
use sealane::crypto::{Secret, SeededRandom};
use sealane::keys::{Keyring, memory::MemoryKeys};
use sealane::providers::server::Server;
use sealane::{Client, JobId, Namespace, PlaintextPolicy, Provider as _, QueueIn, QueueName};
use sealane_api::v1::AccessKeyIn;

use super::settings::settings;
use crate::dice::Dice;
use crate::oracle::Oracle;
use crate::plan::Plan;
use crate::trace::Trace;
use crate::world::{Host, Links, WALL_MS, Wire};

/// What everybody shares.
pub(crate) struct Scene {
    pub(crate) plan: Plan,
    pub(crate) dice: Dice,
    pub(crate) trace: Arc<Trace>,
    pub(crate) oracle: Arc<Oracle>,
    pub(crate) queues: Vec<QueueName>,
    settings: Vec<QueueIn>,
    host: Arc<Host>,
    links: Arc<Links>,
    keyring: Keyring,
    keys: Keys,
    ending: AtomicBool,
}

/// Access keys by what they are for.
struct Keys {
    admin: String,
    submitter: String,
    worker: String,
}

/// What a client is for.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Part {
    Admin,
    Submitter,
    Worker,
}

impl Scene {
    /// Prepares a server that was just started, over a network that loses nothing.
    pub(crate) async fn set(
        plan: Plan,
        dice: Dice,
        trace: Arc<Trace>,
        oracle: Arc<Oracle>,
        host: Arc<Host>,
        links: Arc<Links>,
    ) -> Result<Self, sealane::Error> {
        let random = SeededRandom::danger_from_seed(dice.fork("keyring").draw());
        let keyring = Keyring::generate(&random)?;
        let names = (0..plan.queues).map(|number| QueueName::parse(&format!("q{number}")));
        let queues: Vec<QueueName> = names.map(|name| name.expect("a good name")).collect();
        let keys = Keys { admin: host.admin_key(), submitter: String::new(), worker: String::new() };
        let mut scene = Self {
            plan,
            dice,
            trace,
            oracle,
            settings: Vec::new(),
            queues,
            host,
            links,
            keyring,
            keys,
            ending: AtomicBool::new(false),
        };
        let admin = scene.server("setup", Part::Admin);
        let key = |principal: &str, role: &str| AccessKeyIn {
            principal: principal.to_owned(),
            role: role.to_owned(),
            queues: None,
            ttl_ms: None,
        };
        scene.keys.submitter = admin.create_access_key(&key("shop", "submitter")).await?.key;
        scene.keys.worker = admin.create_access_key(&key("mill", "worker")).await?.key;
        let mut dice = scene.dice.fork("queues");
        for queue in &scene.queues {
            let settings = settings(&scene.plan, &mut dice);
            admin.put_queue(queue, &settings).await?;
            scene.settings.push(settings);
        }
        Ok(scene)
    }

    /// The clients that can be cut off.
    pub(crate) fn clients(&self) -> Vec<String> {
        let producers = (0..self.plan.producers).map(|number| format!("producer{number}"));
        let careless = (0..self.plan.careless).map(|number| format!("careless{number}"));
        let workers = self
            .queues
            .iter()
            .flat_map(|queue| (0..self.plan.workers).map(move |number| format!("worker-{queue}-{number}")));
        let holders = self
            .queues_with_sessions()
            .flat_map(|queue| (0..self.plan.workers).map(move |number| format!("holder-{queue}-{number}")));
        producers.chain(careless).chain(workers).chain(holders).chain(["operator".to_owned()]).collect()
    }

    /// The queues that keep sessions.
    pub(crate) fn queues_with_sessions(&self) -> impl Iterator<Item = &QueueName> {
        let kept = self.queues.iter().zip(&self.settings).filter(|(_, settings)| settings.sessions.is_some());
        kept.map(|(queue, _)| queue)
    }

    /// One client's way to the server, without the client library around it.
    pub(crate) fn server(&self, name: &str, part: Part) -> Server {
        self.server_of_life(name, 0, part)
    }

    fn server_of_life(&self, name: &str, life: u64, part: Part) -> Server {
        let (wire, key) = self.wire(name, life, part);
        let namespace = Namespace::parse("default").expect("a good name");
        Server::over(Arc::new(wire), crate::world::PLACE.to_owned(), namespace, &Secret::new(key.to_owned()))
            .expect("the server's own keys can stand in a header")
    }

    /// A bare way to the server, and the key to show there.
    pub(super) fn wire(&self, name: &str, life: u64, part: Part) -> (Wire, &str) {
        let key = match part {
            Part::Admin => &self.keys.admin,
            Part::Submitter => &self.keys.submitter,
            Part::Worker => &self.keys.worker,
        };
        let wire = Wire::new(
            name,
            Arc::clone(&self.host),
            Arc::clone(&self.links),
            Arc::clone(&self.oracle),
            &self.dice.fork(&life.to_string()),
        );
        (wire, key)
    }

    /// A client, with keys, a clock that is a little off, and its own randomness.
    pub(crate) fn client(&self, name: &str, part: Part) -> Client {
        self.client_of_life(name, 0, part)
    }

    /// The same for a process that was started so many times before: it draws other ids and nonces.
    pub(crate) fn client_of_life(&self, name: &str, life: u64, part: Part) -> Client {
        let mut dice = self.dice.fork(name).fork("client").fork(&life.to_string());
        let wrong = dice.between(0, 4_000);
        let clock = RuntimeClock::starting_at(WALL_MS + self.trace.now() + wrong - 2_000);
        Client::builder(Arc::new(self.server_of_life(name, life, part)))
            .keys(Arc::new(MemoryKeys::new(self.keyring.clone())))
            .plaintext(PlaintextPolicy::Allow)
            .clock(Arc::new(clock))
            .random(Arc::new(SeededRandom::danger_from_seed(dice.draw())))
            .build()
    }

    /// An id for a new job.
    pub(crate) fn job_id(&self, dice: &mut Dice) -> JobId {
        let mut random = [0; 10];
        random[2..].copy_from_slice(&dice.draw().to_be_bytes());
        JobId::v7(WALL_MS + self.trace.now(), random)
    }

    /// One of the jobs that anybody tried to send.
    pub(crate) fn any_job(&self, dice: &mut Dice) -> Option<JobId> {
        self.oracle.look(|ledger| {
            let place = dice.place(ledger.jobs.len().max(1));
            ledger.jobs.keys().nth(place).copied()
        })
    }

    /// Whether everybody should come to an end.
    pub(crate) fn is_ending(&self) -> bool {
        self.ending.load(Ordering::Relaxed)
    }

    /// From here on nobody misbehaves.
    pub(crate) fn end(&self) {
        self.ending.store(true, Ordering::Relaxed);
    }
}

/// What a handler makes of a body.
pub(crate) fn worked(body: &[u8]) -> Vec<u8> {
    [b"worked: ", body].concat()
}

/// Sleeps some of these milliseconds.
pub(super) async fn rest(dice: &mut Dice, least: u64, most: u64) {
    tokio::time::sleep(dice.millis(least, most)).await;
}

/// How long a request by hand may go on being tried.
pub(super) const PATIENCE: Duration = Duration::from_secs(20);
