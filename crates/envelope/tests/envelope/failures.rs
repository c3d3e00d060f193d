//! What fails must fail shut: nothing sealed with bad randomness, nothing sent in the clear.

use std::sync::Arc;

use sealane_crypto::{Key, RandomError, SequenceRandom};
use sealane_envelope::keys::memory::MemoryKeys;
use sealane_envelope::keys::{KeyError, Keyring};
use sealane_envelope::recipient::WrappedKey;
use sealane_envelope::{Content, Envelope, OpenError, SealError};

use crate::support::{BODY, FixedClock, NOW, RESULT, envelope_at, envelope_with, keyring, ready};

fn envelope_drawing(bytes: Vec<u8>) -> Envelope {
    Envelope::new(
        Arc::new(MemoryKeys::new(keyring())),
        Arc::new(SequenceRandom::danger_from_bytes(bytes)),
        Arc::new(FixedClock(NOW)),
    )
}

// covers SEAL-2 (no randomness, no envelope)
// attack 21
#[test]
fn without_fresh_random_bytes_nothing_is_sealed() {
    let dry = envelope_drawing(vec![7; 43]);
    let refused = ready(dry.seal_body(&BODY, &Content::default(), None));
    assert!(matches!(refused, Err(SealError::Random(RandomError::Exhausted))), "{refused:?}");

    let stuck = envelope_drawing(vec![7; 88]);
    assert!(ready(stuck.seal_body(&BODY, &Content::default(), None)).is_ok());
    let refused = ready(stuck.seal_part(&RESULT, &Content::default()));
    assert!(matches!(refused, Err(SealError::Random(RandomError::Repeated))), "{refused:?}");
}

// covers SEAL-2 (two seals of one body differ)
#[test]
fn one_body_sealed_twice_gives_two_envelopes() {
    let envelope = envelope_at(NOW);
    let seal = || ready(envelope.seal_body(&BODY, &Content::from_body("x"), None)).unwrap();
    let (first, second) = (seal(), seal());
    assert_ne!(first[40..72], second[40..72]);
    assert_ne!(first[first.len() - 16..], second[second.len() - 16..]);
}

#[test]
fn without_a_root_nothing_is_sealed_or_fingerprinted() {
    let envelope = envelope_with(MemoryKeys::new(Keyring::empty()), NOW);
    let refused = ready(envelope.seal_body(&BODY, &Content::default(), None));
    assert!(matches!(refused, Err(SealError::Key(KeyError::NoActiveRoot))), "{refused:?}");
    let refused = ready(envelope.fingerprint("acme", "orders", "k", b"x"));
    assert!(matches!(refused, Err(SealError::Key(KeyError::NoOpenableRoot))), "{refused:?}");
}

// attack 23
#[test]
fn attributes_end_at_the_length_the_format_can_write() {
    let envelope = envelope_at(NOW);
    // 3 bytes before the field, 8 before name and value, 1 for the name.
    let content = |value: usize| Content {
        attributes: [("n".to_owned(), "v".repeat(value))].into(),
        ..Content::from_body("x")
    };
    let at_limit = content(65_535 - 3 - 8 - 1);
    let bytes = ready(envelope.seal_body(&BODY, &at_limit, None)).unwrap();
    assert_eq!(ready(envelope.open_body(&BODY, &bytes)).unwrap().content, at_limit);
    let refused = ready(envelope.seal_body(&BODY, &content(65_535 - 3 - 8), None));
    assert!(matches!(refused, Err(SealError::InnerFieldsTooLong { bytes: 65_536, .. })), "{refused:?}");
}

// covers SEAL-7 (distinct for the trusted, one reason for the rest)
#[test]
fn outsiders_hear_one_answer() {
    let envelope = envelope_at(NOW);
    let good = ready(envelope.seal_body(&BODY, &Content::from_body("x"), Some(NOW + 1))).unwrap();
    let mut tampered = good.clone();
    *tampered.last_mut().unwrap() ^= 1;
    let late = envelope_at(NOW + 1);
    let errors = [
        ready(envelope.open_body(&BODY, &tampered)).unwrap_err(),
        ready(envelope.open_body(&BODY, b"plain")).unwrap_err(),
        ready(envelope.open_body(&BODY, &good[..50])).unwrap_err(),
        ready(envelope.open_body(&BODY, &[b"QRE1", &good[4..]].concat())).unwrap_err(),
        ready(late.open_body(&BODY, &good)).unwrap_err(),
        ready(envelope_with(MemoryKeys::default(), NOW).open_body(&BODY, &good)).unwrap_err(),
    ];
    let kinds: std::collections::HashSet<_> = errors.iter().map(std::mem::discriminant).collect();
    assert_eq!(kinds.len(), errors.len(), "the trusted caller can tell them apart");
    for error in errors {
        assert_eq!(error.public_reason(), "body cannot be opened");
        assert!(!error.to_string().is_empty());
    }
}

/// The fingerprint is made under the oldest root, so a rotation does not change it.
#[test]
fn a_fingerprint_survives_rotation_and_tells_bodies_apart() {
    let mut ring = keyring();
    let before = envelope_with(MemoryKeys::new(ring.clone()), NOW);
    ring.rotate(&SequenceRandom::danger_from_bytes(vec![5; 32])).unwrap();
    let after = envelope_with(MemoryKeys::new(ring), NOW);
    let print = |envelope: &Envelope, queue: &str, kind: &str, body: &[u8]| {
        ready(envelope.fingerprint("acme", queue, kind, body)).unwrap()
    };
    let base = print(&before, "orders", "k", b"body");
    assert_eq!(base, print(&after, "orders", "k", b"body"));
    assert_ne!(base, print(&before, "invoices", "k", b"body"));
    assert_ne!(base, print(&before, "orders", "kb", b"ody"));
    assert_ne!(base, print(&before, "orders", "k", b"body "));
}

/// That of an error is made under the same root, and is no body's.
#[test]
fn an_error_s_fingerprint_survives_rotation_and_tells_errors_and_bodies_apart() {
    let mut ring = keyring();
    let before = envelope_with(MemoryKeys::new(ring.clone()), NOW);
    ring.rotate(&SequenceRandom::danger_from_bytes(vec![5; 32])).unwrap();
    let after = envelope_with(MemoryKeys::new(ring), NOW);
    let print = |envelope: &Envelope, namespace: &str, queue: &str, error: &[u8]| {
        ready(envelope.error_fingerprint(namespace, queue, error)).unwrap()
    };
    let base = print(&before, "acme", "orders", b"oops");
    assert_eq!(base, print(&after, "acme", "orders", b"oops"));
    assert_ne!(base, print(&before, "acme", "invoices", b"oops"));
    assert_ne!(base, print(&before, "umbrella", "orders", b"oops"));
    assert_ne!(base, print(&before, "acme", "orders", b"oops "));
    assert_ne!(base, ready(before.fingerprint("acme", "orders", "", b"oops")).unwrap());
}

/// Made once with an independent program from the contract's formula.
#[test]
fn the_fingerprint_is_the_published_one() {
    let mut key = [0; 32];
    for (byte, value) in key.iter_mut().zip(0x40..) {
        *byte = value;
    }
    let mut ring = Keyring::empty();
    let root = sealane_envelope::keys::Root::from_key(Key::new(key));
    assert_eq!(root.id().to_string(), "199dac1e1fb5173f0c759edb3e422fcc");
    ring.add(root, sealane_envelope::keys::RootState::Active).unwrap();
    let envelope = envelope_with(MemoryKeys::new(ring), NOW);
    let print = ready(envelope.fingerprint("acme", "orders", "invoice.render", b"hello, queue")).unwrap();
    assert_eq!(data_encoding::HEXLOWER.encode(&print), "b3119812fcd2aa816ba9153fd65723d3");
    let print = ready(envelope.error_fingerprint("acme", "orders", b"hello, error")).unwrap();
    assert_eq!(data_encoding::HEXLOWER.encode(&print), "50ff73e851a1264d7dbfcfa0bdd1f2db");
}

#[test]
fn a_wrapped_key_is_refused_under_another_wrapping_key() {
    use sealane_core::sealed::{Extensions, Flags};
    use sealane_crypto::commit::ContextHash;
    use sealane_envelope::keys::DataKey;
    use sealane_envelope::raw::{self, Draft};

    let random = sealane_crypto::SeededRandom::danger_from_seed(1);
    let data_key = DataKey::from_key(Key::generate(&random).unwrap());
    let wrapped = WrappedKey::wrap(&Key::new([8; 32]), "warehouse", "acme", &random, &data_key).unwrap();
    let bound = [("correlation-id", "c-7"), ("kind", "invoice.render"), ("session-id", "s-42")];
    let draft = Draft {
        data_key: &data_key,
        context: ContextHash::new("acme", "orders", &bound).unwrap(),
        message_id: BODY.job_id,
        created_ms: NOW,
        expires_ms: None,
        salt: [1; 32],
        nonce: [2; 12],
        flags: Flags::default(),
        recipients: &[wrapped.as_recipient()],
        extensions: Extensions::default(),
    };
    let bytes = raw::seal(&draft, &Content::from_body("x")).unwrap();
    let with = |name, key| {
        let keys = MemoryKeys::default().with_wrapping_key(name, Key::new([key; 32]));
        ready(envelope_with(keys, NOW).open_body(&BODY, &bytes))
    };
    assert_eq!(with("warehouse", 8).unwrap().content.body, b"x");
    assert!(matches!(with("warehouse", 9), Err(OpenError::AuthenticationFailed)));
    assert!(matches!(with("shop", 8), Err(OpenError::KeyNotFound { .. })));
}
