//! What lies between clients and the server. It carries requests and answers as the product makes them,
//! late, twice or never. It has no TLS: keys and bodies are what TLS would have carried.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use http::{Request, Response};
use sealane::Error;
use sealane::providers::server::{Bounds, Transport};
use tokio::time::{sleep, timeout};

use super::host::Host;
use crate::dice::Dice;
use crate::oracle::{Oracle, Watch};
use crate::plan::Network;

/// Where the server is said to be.
pub(crate) const PLACE: &str = "https://sim.invalid";

/// Which clients are cut off, and how bad the network is at the moment.
pub(crate) struct Links {
    state: Mutex<(Network, BTreeSet<String>)>,
}

impl Links {
    pub(crate) fn new(network: Network) -> Self {
        Self { state: Mutex::new((network, BTreeSet::new())) }
    }

    /// Cuts a client off, or lets it back.
    pub(crate) fn set_apart(&self, client: &str, apart: bool) {
        let mut state = self.lock();
        match apart {
            true => state.1.insert(client.to_owned()),
            false => state.1.remove(client),
        };
    }

    /// From here on the network is like this, and nobody is cut off.
    pub(crate) fn set(&self, network: Network) {
        *self.lock() = (network, BTreeSet::new());
    }

    fn now(&self, client: &str) -> (Network, bool) {
        let state = self.lock();
        (state.0, state.1.contains(client))
    }

    fn lock(&self) -> MutexGuard<'_, (Network, BTreeSet<String>)> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One client's way to the server.
pub(crate) struct Wire {
    client: String,
    host: Arc<Host>,
    links: Arc<Links>,
    oracle: Arc<Oracle>,
    dice: Mutex<Dice>,
}

/// What becomes of one exchange, drawn before it begins.
struct Lot {
    there: Duration,
    back: Duration,
    lose_request: bool,
    lose_answer: bool,
    twice: Option<Duration>,
    cut: Option<Duration>,
    /// The connection breaks when the server turns to the request for the time after so many.
    torn: Option<u64>,
    /// Whether the client hears that it came to nothing, or waits until its patience ends.
    told: bool,
}

impl Wire {
    pub(crate) fn new(
        client: &str,
        host: Arc<Host>,
        links: Arc<Links>,
        oracle: Arc<Oracle>,
        dice: &Dice,
    ) -> Self {
        let dice = Mutex::new(dice.fork(client).fork("wire"));
        Self { client: client.to_owned(), host, links, oracle, dice }
    }

    fn lot(&self) -> Lot {
        let (network, apart) = self.links.now(&self.client);
        let mut dice = self.dice.lock().unwrap_or_else(PoisonError::into_inner);
        let mut later = |chance: u64, most: u64| {
            let (happens, when) = (dice.chance(chance), dice.millis(0, most));
            happens.then_some(when)
        };
        let twice = later(network.twice, 3_000);
        let cut = later(network.cut, 400);
        Lot {
            there: dice.millis(0, network.delay_ms),
            back: dice.millis(0, network.delay_ms),
            lose_request: apart || dice.chance(network.lose_request),
            lose_answer: dice.chance(network.lose_answer),
            twice,
            cut,
            torn: dice.chance(network.cut).then(|| dice.between(1, 4)),
            told: dice.chance(800),
        }
    }

    async fn carry(
        &self,
        request: Request<Vec<u8>>,
        lot: Lot,
        watch: &Watch,
    ) -> Result<Response<Vec<u8>>, Error> {
        sleep(lot.there).await;
        if lot.lose_request {
            return Err(lost(lot.told, true).await);
        }
        if let Some(later) = lot.twice {
            watch.twice();
            let (host, again) = (Arc::clone(&self.host), request.clone());
            tokio::spawn(async move {
                sleep(later).await;
                // Nobody waits for this answer.
                drop(host.answer(again, None).await);
            });
        }
        if !self.host.is_up() {
            return Err(lost(true, false).await);
        }
        let answering = self.host.answer(request, lot.torn);
        let answer = match lot.cut {
            None => answering.await,
            Some(after) => timeout(after, answering).await.unwrap_or_else(|_| {
                watch.cut();
                None
            }),
        };
        let Some(answer) = answer else {
            watch.cut();
            return Err(lost(true, true).await);
        };
        sleep(lot.back).await;
        // Asked again: who was cut off meanwhile hears nothing.
        if lot.lose_answer || self.links.now(&self.client).1 {
            return Err(lost(lot.told, true).await);
        }
        Ok(answer)
    }
}

#[async_trait]
impl Transport for Wire {
    async fn exchange(&self, request: Request<Vec<u8>>, bounds: Bounds) -> Result<Response<Vec<u8>>, Error> {
        let watch = self.oracle.sent(&self.client, &request);
        let lot = self.lot();
        let carried = match timeout(bounds.time, self.carry(request, lot, &watch)).await {
            Ok(carried) => carried,
            Err(_) => {
                watch.cut();
                Err(unreachable(true, "no answer in time"))
            }
        };
        match carried {
            Ok(answer) => {
                watch.answered(&answer);
                Ok(answer)
            }
            Err(error) => {
                watch.lost();
                Err(error)
            }
        }
    }
}

/// Nothing comes; who is not told waits until its patience ends.
async fn lost(told: bool, may_have_happened: bool) -> Error {
    if !told {
        std::future::pending::<()>().await;
    }
    unreachable(may_have_happened, "the connection was cut")
}

fn unreachable(may_have_happened: bool, cause: &str) -> Error {
    Error::Unreachable {
        place: PLACE.to_owned(),
        may_have_happened,
        cause: Arc::new(std::io::Error::other(cause.to_owned())),
    }
}
