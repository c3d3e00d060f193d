//! The server in the test's own process.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use sealane_api::v1::JobOut;
use sealane_core::job::State;
use sealane_core::name::QueueName;
use sealane_crypto::SeededRandom;
use sealane_envelope::keys::Keyring;
use sealane_envelope::keys::memory::MemoryKeys;
use tokio::time::{Instant, sleep};

use crate::client::{Client, ClientBuilder};
use crate::clock::{Clock as _, RuntimeClock};
use crate::providers::memory::Memory;

/// 2026-01-01, when every test begins.
const START_MS: u64 = 1_767_225_600_000;

/// How often [`TestServer::advance`] steps aside at its end. Each time every task that can run takes
/// one step; from a timer to a settled job are some twenty.
const STEPS: usize = 1_000;

/// A server in this process, in virtual time.
pub struct TestServer {
    memory: Arc<Memory>,
    clock: Arc<RuntimeClock>,
    random: Arc<SeededRandom>,
    keys: Arc<MemoryKeys>,
}

impl TestServer {
    /// An empty server. It begins at 2026-01-01T00:00:00Z.
    ///
    /// # Panics
    /// In a runtime whose clock goes: begin the test with `#[tokio::test(start_paused = true)]`.
    #[must_use]
    pub fn start() -> Self {
        Self::start_with_seed(0)
    }

    /// The same with other ids, keys and jitter: what a test should come to for any seed.
    ///
    /// # Panics
    /// As [`TestServer::start`].
    #[must_use]
    pub fn start_with_seed(seed: u64) -> Self {
        // Why not stopped here: timers count in milliseconds from the runtime's beginning, and a clock
        // that is stopped between two of them is late by a part of one for good.
        assert!(
            clock_stands(),
            "a TestServer needs a runtime whose clock stands: #[tokio::test(start_paused = true)]"
        );
        let random = Arc::new(SeededRandom::danger_from_seed(seed));
        let clock = Arc::new(RuntimeClock::starting_at(START_MS));
        let memory = Memory::with(Arc::clone(&clock) as _, Arc::clone(&random) as _);
        let keyring = Keyring::generate(&*random).expect("a seed gives as many bytes as are asked for");
        Self { memory: Arc::new(memory), clock, random, keys: Arc::new(MemoryKeys::new(keyring)) }
    }

    /// A client with the server's sealing keys, as producers and workers have it.
    #[must_use]
    pub fn client(&self) -> Client {
        self.client_builder().keys(self.keys()).build()
    }

    /// Begins a client without keys: for other keys, plaintext, or another retry policy.
    pub fn client_builder(&self) -> ClientBuilder {
        let clock = Arc::clone(&self.clock);
        Client::builder(Arc::clone(&self.memory) as _).clock(clock).random(Arc::clone(&self.random) as _)
    }

    /// The keys that [`TestServer::client`] seals with.
    #[must_use]
    pub fn keys(&self) -> Arc<MemoryKeys> {
        Arc::clone(&self.keys)
    }

    /// The provider itself: for taking a lease and vanishing, for instance.
    #[must_use]
    pub fn provider(&self) -> Arc<Memory> {
        Arc::clone(&self.memory)
    }

    /// Lets so much time pass. Everything that falls due on the way happens at its time and in
    /// order, in the server and in tasks of the test, and whoever it wakes may run before this
    /// returns. `Duration::ZERO` lets everything run that can.
    pub async fn advance(&self, time: Duration) {
        sleep(time).await;
        for _ in 0..STEPS {
            tokio::task::yield_now().await;
        }
    }

    /// The server's time, in milliseconds since 1970.
    #[must_use]
    pub fn now_ms(&self) -> u64 {
        self.clock.now_ms()
    }

    /// All jobs of a queue, finished ones of the last hour included, in the order in which their ids
    /// were made. A queue that there is not has none.
    #[must_use]
    pub fn jobs(&self, queue: &str) -> Vec<JobOut> {
        QueueName::parse(queue).map(|queue| self.memory.jobs(&queue)).unwrap_or_default()
    }

    /// The jobs of a queue's dead-letter, in the order in which their ids were made.
    #[must_use]
    pub fn dead_letter(&self, queue: &str) -> Vec<JobOut> {
        self.jobs(queue).into_iter().filter(|job| job.state == State::Dead.as_str()).collect()
    }
}

impl fmt::Debug for TestServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TestServer").field("now_ms", &self.now_ms()).finish_non_exhaustive()
    }
}

/// Whether the runtime's clock stands still.
fn clock_stands() -> bool {
    // Why a look at the machine's clock: the runtime does not say, and one that goes is never behind.
    let (before, began) = (Instant::now(), std::time::Instant::now());
    while began.elapsed().is_zero() {
        std::hint::spin_loop();
    }
    Instant::now() == before
}
