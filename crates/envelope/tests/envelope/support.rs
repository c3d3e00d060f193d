//! A fixed world: known keys, a known present, randomness from a seed.

use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use sealane_crypto::{Key, SeededRandom};
use sealane_envelope::keys::memory::MemoryKeys;
use sealane_envelope::keys::{Keyring, Root, RootState};
use sealane_envelope::{BodyContext, Clock, Envelope, Part, PartContext};

pub(crate) const NOW: u64 = 1_767_225_600_000;
pub(crate) const DAY: u64 = 86_400_000;

pub(crate) const BODY: BodyContext<'_> = BodyContext {
    namespace: "acme",
    queue: "orders",
    job_id: [0x11; 16],
    kind: "invoice.render",
    session_id: Some("s-42"),
    correlation_id: Some("c-7"),
};

pub(crate) const RESULT: PartContext<'_> =
    PartContext { namespace: "acme", queue: "orders", job_id: [0x11; 16], part: Part::Result, attempt: 1 };

#[derive(Clone, Copy)]
pub(crate) struct FixedClock(pub(crate) u64);

impl Clock for FixedClock {
    fn now_ms(&self) -> u64 {
        self.0
    }
}

/// Nothing in these tests waits for anything, so a future is ready when first asked.
pub(crate) fn ready<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("keys in memory answer at once"),
    }
}

pub(crate) fn root(byte: u8) -> Root {
    Root::from_key(Key::new([byte; 32]))
}

pub(crate) fn keyring() -> Keyring {
    let mut keyring = Keyring::empty();
    keyring.add(root(1), RootState::Active).unwrap();
    keyring
}

pub(crate) fn envelope_at(now_ms: u64) -> Envelope {
    envelope_with(MemoryKeys::new(keyring()), now_ms)
}

pub(crate) fn envelope_with(keys: MemoryKeys, now_ms: u64) -> Envelope {
    envelope_sharing(Arc::new(keys), now_ms)
}

pub(crate) fn envelope_sharing(keys: Arc<MemoryKeys>, now_ms: u64) -> Envelope {
    Envelope::new(keys, Arc::new(SeededRandom::danger_from_seed(now_ms)), Arc::new(FixedClock(now_ms)))
}
