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
