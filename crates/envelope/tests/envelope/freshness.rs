//! Age alone is no reason to refuse; the sender's own expiry is.

use sealane_envelope::{Content, OpenError, SealError};

use crate::support::{BODY, DAY, NOW, RESULT, envelope_at, ready};

const MINUTE: u64 = 60_000;

fn sealed(expires_ms: Option<u64>) -> Vec<u8> {
    ready(envelope_at(NOW).seal_body(&BODY, &Content::from_body("x"), expires_ms)).unwrap()
}

// covers SEAL-5 (backlog and delay survive)
// attack 17
#[test]
fn an_old_body_opens_until_it_expires() {
    let bytes = sealed(Some(NOW + 14 * DAY));
    for age in [0, 6 * MINUTE, 3 * DAY, 13 * DAY, 14 * DAY - 1] {
        let opened = ready(envelope_at(NOW + age).open_body(&BODY, &bytes)).unwrap();
        assert_eq!((opened.created_ms, opened.expires_ms), (NOW, Some(NOW + 14 * DAY)));
    }
    for age in [14 * DAY, 14 * DAY + 1, u64::MAX - NOW] {
        let refused = ready(envelope_at(NOW + age).open_body(&BODY, &bytes));
        assert!(matches!(refused, Err(OpenError::Expired { .. })), "{refused:?}");
    }
    assert!(ready(envelope_at(NOW + 30 * DAY).open_body(&BODY, &sealed(None))).is_ok());
    assert!(ready(envelope_at(u64::MAX).open_body(&BODY, &sealed(None))).is_ok());
}

// covers SEAL-5 (skew)
// attack 18
#[test]
fn a_body_from_the_future_waits_for_its_clock_to_be_mended() {
    let bytes = sealed(None);
    assert!(ready(envelope_at(NOW - 5 * MINUTE).open_body(&BODY, &bytes)).is_ok());
    for ahead in [5 * MINUTE + 1, 60 * MINUTE, NOW] {
        let refused = ready(envelope_at(NOW - ahead).open_body(&BODY, &bytes));
        assert!(matches!(refused, Err(OpenError::FromTheFuture { created_ms: NOW, .. })), "{refused:?}");
    }
    let part = ready(envelope_at(NOW).seal_part(&RESULT, &Content::from_body("x"))).unwrap();
    assert!(ready(envelope_at(NOW - 5 * MINUTE).open_part(&RESULT, &part)).is_ok());
    assert!(ready(envelope_at(NOW - 60 * MINUTE).open_part(&RESULT, &part)).is_err());
}

// attack 18
#[test]
fn what_would_be_born_expired_is_not_sealed() {
    for expires_ms in [0, 1, NOW - 1, NOW] {
        let refused = ready(envelope_at(NOW).seal_body(&BODY, &Content::default(), Some(expires_ms)));
        assert!(matches!(refused, Err(SealError::ExpiresBeforeCreated { .. })), "{refused:?}");
    }
    assert!(ready(envelope_at(NOW).seal_body(&BODY, &Content::default(), Some(NOW + 1))).is_ok());
}

// attack 18
#[test]
fn an_absurd_clock_seals_nothing_and_breaks_nothing() {
    for now_ms in [1 << 63, u64::MAX] {
        let refused = ready(envelope_at(now_ms).seal_body(&BODY, &Content::default(), None));
        assert!(matches!(refused, Err(SealError::ClockOutOfRange { .. })), "{refused:?}");
    }
    let at_zero = ready(envelope_at(0).seal_body(&BODY, &Content::default(), None)).unwrap();
    assert!(ready(envelope_at(0).open_body(&BODY, &at_zero)).is_ok());
}

// covers JOB-2 (clone)
#[test]
fn what_has_expired_opens_for_whoever_accepts_that_and_for_no_other_reason() {
    let bytes = sealed(Some(NOW + DAY));
    let late = envelope_at(NOW + 2 * DAY);
    assert!(matches!(ready(late.open_body(&BODY, &bytes)), Err(OpenError::Expired { .. })));
    assert_eq!(ready(late.open_expired_body(&BODY, &bytes)).unwrap().content.body, b"x");
    assert_eq!(ready(late.open_expired_body(&BODY, &sealed(None))).unwrap().content.body, b"x");
    let moved = sealane_envelope::BodyContext { queue: "payments", ..BODY };
    assert!(matches!(ready(late.open_expired_body(&moved, &bytes)), Err(OpenError::AuthenticationFailed)));
    let other = sealane_envelope::BodyContext { job_id: [0x12; 16], ..BODY };
    assert!(matches!(ready(late.open_expired_body(&other, &bytes)), Err(OpenError::WrongMessage { .. })));
    let early = envelope_at(NOW - 60 * MINUTE);
    assert!(matches!(ready(early.open_expired_body(&BODY, &bytes)), Err(OpenError::FromTheFuture { .. })));
}

// covers JOB-2 (clone)
#[test]
fn a_clone_names_its_original_and_never_itself() {
    let content = Content::from_body("x");
    let bytes = ready(envelope_at(NOW).seal_clone(&BODY, [7; 16], &content, None)).unwrap();
    assert_eq!(ready(envelope_at(NOW).open_body(&BODY, &bytes)).unwrap().clone_of, Some([7; 16]));
    assert_eq!(ready(envelope_at(NOW).open_body(&BODY, &sealed(None))).unwrap().clone_of, None);
    assert_eq!(sealane_envelope::inspect(&bytes).unwrap().clone_of, Some("07".repeat(16)));
    let refused = ready(envelope_at(NOW).seal_clone(&BODY, BODY.job_id, &content, None));
    assert!(matches!(refused, Err(SealError::CloneOfItself)), "{refused:?}");
}
