//! What sealing and opening cost, beside plain AES-256-GCM on the same bytes with one long-lived
//! key: nanoseconds per message, the median of several rounds.

use std::hint::black_box;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use sealane_crypto::{Key, SystemRandom, aead};
use sealane_envelope::keys::{Keyring, memory::MemoryKeys};
use sealane_envelope::{BodyContext, Clock, Content, Envelope};

const ROUNDS: usize = 21;

struct FixedClock;

impl Clock for FixedClock {
    fn now_ms(&self) -> u64 {
        1_767_225_600_000
    }
}

fn ready<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => unreachable!("keys in memory answer at once"),
    }
}

/// Nanoseconds per call, the median over the rounds.
fn measure(calls: u32, mut call: impl FnMut()) -> u128 {
    let mut rounds: Vec<u128> = (0..ROUNDS)
        .map(|_| {
            let start = Instant::now();
            for _ in 0..calls {
                call();
            }
            start.elapsed().as_nanos() / u128::from(calls)
        })
        .collect();
    rounds.sort_unstable();
    rounds[ROUNDS / 2]
}

#[allow(clippy::print_stdout)]
fn main() {
    let keyring = Keyring::generate(&SystemRandom).expect("the system has random bytes");
    let envelope =
        Envelope::new(Arc::new(MemoryKeys::new(keyring)), Arc::new(SystemRandom), Arc::new(FixedClock));
    let context = BodyContext {
        namespace: "default",
        queue: "webhooks",
        job_id: [7; 16],
        kind: "github.push",
        session_id: Some("octo-org/octo-repo"),
        correlation_id: None,
    };
    let key = Key::new([1; 32]);

    println!(
        "{:>8} {:>10} {:>10} {:>12} {:>12}",
        "bytes", "seal ns", "open ns", "gcm seal ns", "gcm open ns"
    );
    for (bytes, calls) in [(100, 20_000), (1024, 20_000), (65_536, 2_000)] {
        let content = Content::from_body(vec![0x5a; bytes]);
        let sealed = ready(envelope.seal_body(&context, &content, None)).expect("the content fits");
        let seal = measure(calls, || {
            black_box(ready(envelope.seal_body(&context, black_box(&content), None)).expect("as before"));
        });
        let open = measure(calls, || {
            black_box(ready(envelope.open_body(&context, black_box(&sealed))).expect("sealed above"));
        });
        let mut ciphertext = vec![0x5a; bytes];
        let tag = aead::seal_in_place(&key, &[0; 12], b"", &mut ciphertext).expect("short enough");
        ciphertext.extend_from_slice(&tag);
        let gcm_seal = measure(calls, || {
            let mut buffer = black_box(&content.body).clone();
            let tag = aead::seal_in_place(&key, &[0; 12], b"", &mut buffer).expect("short enough");
            buffer.extend_from_slice(&tag);
            black_box(buffer);
        });
        let gcm_open = measure(calls, || {
            let opened = aead::open(&key, &[0; 12], b"", black_box(&ciphertext)).expect("sealed above");
            black_box(opened.into_inner());
        });
        println!("{bytes:>8} {seal:>10} {open:>10} {gcm_seal:>12} {gcm_open:>12}");
    }
}
