//! An envelope opens where it belongs and nowhere else.

use std::sync::Arc;

use sealane_core::sealed::Header;
use sealane_envelope::keys::memory::MemoryKeys;
use sealane_envelope::keys::{Keyring, RootState};
use sealane_envelope::{BodyContext, Content, OpenError, Part, PartContext, SessionContext};

use crate::support::{
    BODY, DAY, NOW, RESULT, envelope_at, envelope_sharing, envelope_with, keyring, ready, root,
};

fn content() -> Content {
    Content::from_body("secret order")
}

// covers SEAL-3 (a body and its place)
// attack 5
// attack 6
#[test]
fn a_body_opens_under_its_own_context_only() {
    let envelope = envelope_at(NOW);
    let bytes = ready(envelope.seal_body(&BODY, &content(), None)).unwrap();
    assert_eq!(ready(envelope.open_body(&BODY, &bytes)).unwrap().content, content());
    for wrong in [
        BodyContext { namespace: "acm", ..BODY },
        BodyContext { namespace: "", ..BODY },
        BodyContext { queue: "invoices", ..BODY },
        BodyContext { queue: "ORDERS", ..BODY },
        BodyContext { namespace: "acmeo", queue: "rders", ..BODY },
        BodyContext { kind: "invoice.pay", ..BODY },
        BodyContext { kind: "", ..BODY },
        BodyContext { session_id: Some("s-43"), ..BODY },
        BodyContext { session_id: None, ..BODY },
        BodyContext { correlation_id: Some("c-8"), ..BODY },
        BodyContext { correlation_id: None, ..BODY },
        BodyContext { session_id: Some("c-7"), correlation_id: Some("s-42"), ..BODY },
    ] {
        let refused = ready(envelope.open_body(&wrong, &bytes));
        assert!(matches!(refused, Err(OpenError::AuthenticationFailed)), "{wrong:?}: {refused:?}");
    }
    let other_job = BodyContext { job_id: [0x12; 16], ..BODY };
    let refused = ready(envelope.open_body(&other_job, &bytes));
    assert!(matches!(refused, Err(OpenError::WrongMessage { found: [0x11, ..], .. })), "{refused:?}");
}

// covers SEAL-13 (the state of a session)
// attack 5
// attack 6
#[test]
fn what_a_session_remembers_opens_as_that_of_this_session_only() {
    const HERE: SessionContext<'_> =
        SessionContext { namespace: "acme", queue: "orders", session_id: "s-42" };
    let envelope = envelope_at(NOW);
    let sealed = ready(envelope.seal_session_state(&HERE, &content())).unwrap();
    assert_eq!(ready(envelope.open_session_state(&HERE, &sealed)).unwrap().content, content());
    let header = Header::parse(&sealed).unwrap();
    assert_eq!(header.expires_ms(), None);
    let job_id = *header.message_id();
    for wrong in [
        SessionContext { session_id: "s-43", ..HERE },
        SessionContext { queue: "invoices", ..HERE },
        SessionContext { namespace: "acm", ..HERE },
        SessionContext { queue: "orderss", session_id: "-42", ..HERE },
    ] {
        let refused = ready(envelope.open_session_state(&wrong, &sealed));
        assert!(matches!(refused, Err(OpenError::WrongMessage { .. })), "{wrong:?}: {refused:?}");
    }
    // Nor is it a part or a body of a job that took its message id, nor is one of these a state.
    for part in [Part::Result, Part::Checkpoint { seq: 0 }] {
        let place = PartContext { part, job_id, ..RESULT };
        assert!(matches!(ready(envelope.open_part(&place, &sealed)), Err(OpenError::AuthenticationFailed)));
        let of_job = ready(envelope.seal_part(&place, &content())).unwrap();
        let refused = ready(envelope.open_session_state(&HERE, &of_job));
        assert!(matches!(refused, Err(OpenError::AuthenticationFailed)), "{refused:?}");
    }
    let body = BodyContext { job_id, ..BODY };
    assert!(matches!(ready(envelope.open_body(&body, &sealed)), Err(OpenError::AuthenticationFailed)));
    let as_body = ready(envelope.seal_body(&body, &content(), Some(NOW + DAY))).unwrap();
    let refused = ready(envelope.open_session_state(&HERE, &as_body));
    assert!(matches!(refused, Err(OpenError::Unsupported { .. })), "a body may expire: {refused:?}");
}

// covers SEAL-3 (a part, its job and its attempt)
// covers SEAL-13 (results, errors, progress, logs and checkpoints)
// attack 6
#[test]
fn a_part_is_neither_a_body_nor_another_part() {
    let envelope = envelope_at(NOW);
    let part = ready(envelope.seal_part(&RESULT, &content())).unwrap();
    assert_eq!(ready(envelope.open_part(&RESULT, &part)).unwrap().content, content());
    for wrong in [
        PartContext { part: Part::Error, ..RESULT },
        PartContext { attempt: 2, ..RESULT },
        PartContext { attempt: 11, ..RESULT },
        PartContext { queue: "invoices", ..RESULT },
        PartContext { namespace: "acm", ..RESULT },
    ] {
        let refused = ready(envelope.open_part(&wrong, &part));
        assert!(matches!(refused, Err(OpenError::AuthenticationFailed)), "{wrong:?}: {refused:?}");
    }
    let report = |attempt, part| PartContext { part, attempt, ..RESULT };
    let log = report(1, Part::Log { seq: 3 });
    let sealed = ready(envelope.seal_part(&log, &content())).unwrap();
    assert_eq!(ready(envelope.open_part(&log, &sealed)).unwrap().content, content());
    for wrong in [
        report(1, Part::Log { seq: 4 }),
        report(2, Part::Log { seq: 3 }),
        report(1, Part::Progress { seq: 3 }),
        report(1, Part::Checkpoint { seq: 3 }),
        RESULT,
    ] {
        let refused = ready(envelope.open_part(&wrong, &sealed));
        assert!(matches!(refused, Err(OpenError::AuthenticationFailed)), "{wrong:?}: {refused:?}");
    }
    let other_job = PartContext { job_id: [0x12; 16], ..RESULT };
    assert!(matches!(ready(envelope.open_part(&other_job, &part)), Err(OpenError::WrongMessage { .. })));

    let bare = BodyContext { kind: "", session_id: None, correlation_id: None, ..BODY };
    for context in [BODY, bare] {
        let refused = ready(envelope.open_body(&context, &part));
        assert!(matches!(refused, Err(OpenError::AuthenticationFailed)), "{refused:?}");
        let body = ready(envelope.seal_body(&context, &content(), None)).unwrap();
        let refused = ready(envelope.open_part(&RESULT, &body));
        assert!(matches!(refused, Err(OpenError::AuthenticationFailed)), "{refused:?}");
    }
    // Two bodies of one queue do not change places either, though one key sealed both.
    let mine = ready(envelope.seal_body(&BODY, &content(), None)).unwrap();
    let mut relabelled = ready(envelope.seal_body(&other(BODY), &content(), None)).unwrap();
    relabelled[8..24].copy_from_slice(&mine[8..24]);
    assert!(matches!(ready(envelope.open_body(&BODY, &relabelled)), Err(OpenError::AuthenticationFailed)));
}

fn other(context: BodyContext<'_>) -> BodyContext<'_> {
    BodyContext { job_id: [0x12; 16], ..context }
}

// attack 7
#[test]
fn the_key_ids_cannot_be_exchanged() {
    let mut keyring = keyring();
    keyring.add(root(2), RootState::PreActive).unwrap();
    let envelope = envelope_with(MemoryKeys::new(keyring), NOW);
    let good = ready(envelope.seal_body(&BODY, &content(), None)).unwrap();
    let epoch = u32::try_from(NOW / DAY).unwrap();
    let root_id_at = Header::parse(&good).unwrap().bytes().len() - 16;

    let mut dek_swapped = good.clone();
    dek_swapped[72..88].copy_from_slice(root(2).data_key("acme", "orders", epoch).id());
    let mut root_swapped = good.clone();
    root_swapped[root_id_at..root_id_at + 16].copy_from_slice(root(2).id().as_bytes());
    let mut both_swapped = dek_swapped.clone();
    both_swapped[root_id_at..root_id_at + 16].copy_from_slice(root(2).id().as_bytes());
    let mut epoch_moved = good.clone();
    epoch_moved[root_id_at - 1] ^= 1;
    for bad in [dek_swapped, root_swapped, both_swapped, epoch_moved] {
        let refused = ready(envelope.open_body(&BODY, &bad));
        assert!(matches!(refused, Err(OpenError::AuthenticationFailed)), "{refused:?}");
    }

    let mut unknown = good;
    unknown[root_id_at..root_id_at + 16].fill(0xee);
    let refused = ready(envelope.open_body(&BODY, &unknown)).unwrap_err();
    assert!(matches!(refused, OpenError::KeyNotFound { id: [0xee, ..] }), "{refused:?}");
    assert_eq!(refused.public_reason(), OpenError::AuthenticationFailed.public_reason());
}

/// Keys once used are remembered as derivations, never as permissions.
// covers SEAL-8 (a disabled root stops opening at once)
// attack 9
#[test]
fn what_opened_before_does_not_open_after_its_root_is_disabled() {
    let keys = Arc::new(MemoryKeys::new(keyring()));
    let envelope = envelope_sharing(Arc::clone(&keys), NOW);
    let bytes = ready(envelope.seal_body(&BODY, &content(), None)).unwrap();
    assert!(ready(envelope.open_body(&BODY, &bytes)).is_ok());
    let elsewhere = BodyContext { queue: "invoices", ..BODY };
    assert!(ready(envelope.open_body(&elsewhere, &bytes)).is_err());

    let mut strict = keyring();
    let id = root(1).id();
    for (state, opens) in
        [(RootState::DecryptOnly, true), (RootState::Disabled, false), (RootState::Destroyed, false)]
    {
        strict.set_state(id, state).unwrap();
        keys.replace(strict.clone());
        let answer = ready(envelope.open_body(&BODY, &bytes));
        assert_eq!(answer.is_ok(), opens, "{state:?}");
        assert!(opens || matches!(answer, Err(OpenError::KeyNotFound { .. })));
        assert!(ready(envelope.seal_body(&BODY, &content(), None)).is_err(), "{state:?} seals nothing");
    }
    keys.replace(Keyring::empty());
    assert!(ready(envelope.open_body(&BODY, &bytes)).is_err());
}

// covers SEAL-8 (rotation with a backlog)
// attack 19
#[test]
fn a_rotation_loses_no_backlog() {
    let random = sealane_crypto::SeededRandom::danger_from_seed(9);
    let mut ring = keyring();
    let keys = Arc::new(MemoryKeys::new(ring.clone()));
    let envelope = envelope_sharing(Arc::clone(&keys), NOW);
    let mut backlog = vec![];
    for _ in 0..5 {
        let bytes = ready(envelope.seal_body(&BODY, &content(), None)).unwrap();
        backlog.push(bytes);
        ring.rotate(&random).unwrap();
        keys.replace(ring.clone());
    }
    let roots: std::collections::BTreeSet<_> =
        backlog.iter().map(|bytes| ready(envelope.open_body(&BODY, bytes)).unwrap().root_id).collect();
    assert_eq!(roots.len(), 5, "each was sealed below another root, and each opens");
}

// covers SEAL-8 (a consumer that already has the next root)
#[test]
fn a_pre_active_root_opens_what_an_earlier_producer_sealed() {
    let mut ahead = Keyring::empty();
    ahead.add(root(2), RootState::Active).unwrap();
    let bytes = ready(envelope_with(MemoryKeys::new(ahead), NOW).seal_body(&BODY, &content(), None)).unwrap();
    let mut behind = keyring();
    behind.add(root(2), RootState::PreActive).unwrap();
    let envelope = envelope_with(MemoryKeys::new(behind), NOW);
    assert!(ready(envelope.open_body(&BODY, &bytes)).is_ok());
    let own = ready(envelope.seal_body(&BODY, &content(), None)).unwrap();
    assert_eq!(ready(envelope.open_body(&BODY, &own)).unwrap().root_id, Some(root(1).id()));
}
