//! What must hold for any bytes at all when somebody tries to open them. Shared by the fuzzer and
//! by the test that runs on stable.

use std::collections::BTreeMap;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use sealane_core::sealed::{Extensions, Flags, Header};
use sealane_crypto::commit::ContextHash;
use sealane_crypto::{Key, SeededRandom};
use sealane_envelope::keys::memory::MemoryKeys;
use sealane_envelope::keys::{DataKey, Keyring, Root, RootState};
use sealane_envelope::raw::{self, Draft};
use sealane_envelope::{BodyContext, Clock, Content, Envelope, Part, PartContext, inspect};

const NOW: u64 = 1_767_225_600_000;

const BODY: BodyContext<'_> = BodyContext {
    namespace: "fuzz",
    queue: "orders",
    job_id: [0x11; 16],
    kind: "invoice.render",
    session_id: Some("s-42"),
    correlation_id: None,
};

const PART: PartContext<'_> =
    PartContext { namespace: "fuzz", queue: "orders", job_id: [0x11; 16], part: Part::Result, attempt: 1 };

struct FixedClock;

impl Clock for FixedClock {
    fn now_ms(&self) -> u64 {
        NOW
    }
}

/// Keys nobody outside knows, and one genuine body and part sealed with them.
pub(crate) struct World {
    envelope: Envelope,
    data_key: DataKey,
    context: ContextHash,
    body: Vec<u8>,
    part: Vec<u8>,
}

impl World {
    /// The same world each time.
    pub(crate) fn new() -> Self {
        let mut keyring = Keyring::empty();
        keyring.add(Root::from_key(Key::new([0x5a; 32])), RootState::Active).expect("the first root");
        let data_key = DataKey::from_key(Key::new([0xa5; 32]));
        let keys = MemoryKeys::new(keyring).with_data_key(DataKey::from_key(Key::new([0xa5; 32])));
        let random = SeededRandom::danger_from_seed(1);
        let envelope = Envelope::new(Arc::new(keys), Arc::new(random), Arc::new(FixedClock));
        let content = Content {
            body: b"hello, queue".to_vec(),
            content_type: Some("text/plain".to_owned()),
            attributes: BTreeMap::from([("region".to_owned(), "eu".to_owned())]),
        };
        let body = ready(envelope.seal_body(&BODY, &content, Some(NOW + 1))).expect("fits");
        let part = ready(envelope.seal_part(&PART, &content)).expect("fits");
        let bound = [("kind", BODY.kind), ("session-id", "s-42")];
        let context = ContextHash::new(BODY.namespace, BODY.queue, &bound).expect("sorted");
        Self { envelope, data_key, context, body, part }
    }

    /// Panics if any claim fails for `data`.
    pub(crate) fn check(&self, data: &[u8]) {
        self.strange_bytes_do_not_open(data);
        self.changed_envelopes_do_not_open(data);
        self.authentic_content_has_one_form(data);
    }

    fn strange_bytes_do_not_open(&self, data: &[u8]) {
        assert_eq!(inspect(data).is_ok(), Header::parse(data).is_ok());
        if data != self.body {
            assert!(ready(self.envelope.open_body(&BODY, data)).is_err(), "strange bytes opened as body");
        }
        if data != self.part {
            assert!(ready(self.envelope.open_part(&PART, data)).is_err(), "strange bytes opened as part");
        }
    }

    /// Reads `data` as a place, a number of bytes to take out there, and bytes to put in instead.
    fn changed_envelopes_do_not_open(&self, data: &[u8]) {
        let Some((&[at_high, at_low, removed], inserted)) = data.split_first_chunk::<3>() else { return };
        for genuine in [&self.body, &self.part] {
            let at = usize::from(u16::from_be_bytes([at_high, at_low])) % (genuine.len() + 1);
            let end = (at + usize::from(removed)).min(genuine.len());
            let changed = [&genuine[..at], inserted, &genuine[end..]].concat();
            self.strange_bytes_do_not_open(&changed);
        }
    }

    /// Seals `data` as plaintext, as only a holder of the key could. Whatever opens must be
    /// exactly what sealing its content gives: there is no second way to write it.
    fn authentic_content_has_one_form(&self, data: &[u8]) {
        for padded in [false, true] {
            let draft = Draft {
                data_key: &self.data_key,
                context: self.context,
                message_id: BODY.job_id,
                created_ms: NOW,
                expires_ms: None,
                salt: [0x22; 32],
                nonce: [0x33; 12],
                flags: Flags { padded, ..Flags::default() },
                recipients: &[],
                extensions: Extensions::default(),
            };
            let sealed = raw::danger_seal_plaintext(&draft, data).expect("the fixed header fits");
            if let Ok(opened) = ready(self.envelope.open_body(&BODY, &sealed)) {
                let again = raw::seal(&draft, &opened.content).expect("it was just opened");
                assert_eq!(again, sealed, "two plaintexts for one content");
            }
        }
    }
}

fn ready<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => unreachable!("keys in memory answer at once"),
    }
}
