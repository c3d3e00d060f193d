//! Whatever goes in comes out, and comes out only whole.

use std::collections::BTreeMap;

use proptest::prelude::*;
use sealane_envelope::{BodyContext, Content};

use crate::support::{BODY, NOW, RESULT, envelope_at, ready};

fn contents() -> impl Strategy<Value = Content> {
    let attributes = prop::collection::btree_map(".{0,20}", ".{0,40}", 0..6);
    (prop::collection::vec(any::<u8>(), 0..3000), prop::option::of(".{1,40}"), attributes).prop_map(
        |(body, content_type, attributes): (_, _, BTreeMap<String, String>)| Content {
            body,
            content_type,
            attributes,
        },
    )
}

proptest! {
    #[test]
    fn any_content_comes_back(
        content in contents(),
        kind in ".{0,20}",
        session in prop::option::of(".{0,20}"),
        padded: bool,
    ) {
        let envelope = envelope_at(NOW);
        let sealer = if padded { envelope_at(NOW) } else { envelope_at(NOW).without_padding() };
        let context = BodyContext { kind: &kind, session_id: session.as_deref(), ..BODY };
        let bytes = ready(sealer.seal_body(&context, &content, None)).unwrap();
        prop_assert_eq!(&ready(envelope.open_body(&context, &bytes)).unwrap().content, &content);
        let part = ready(sealer.seal_part(&RESULT, &content)).unwrap();
        prop_assert_eq!(&ready(envelope.open_part(&RESULT, &part)).unwrap().content, &content);
    }

    // attack 1
    #[test]
    fn any_change_is_refused(content in contents(), at: prop::sample::Index, turn in 1_u8..) {
        let envelope = envelope_at(NOW);
        let mut bytes = ready(envelope.seal_body(&BODY, &content, None)).unwrap();
        let at = at.index(bytes.len());
        bytes[at] ^= turn;
        prop_assert!(ready(envelope.open_body(&BODY, &bytes)).is_err());
    }

    // attack 2
    #[test]
    fn any_bytes_are_refused_without_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        prop_assert!(ready(envelope_at(NOW).open_body(&BODY, &bytes)).is_err());
        let dressed = [b"QRE2\x01\x01\x00\x5b".as_slice(), &bytes].concat();
        prop_assert!(ready(envelope_at(NOW).open_body(&BODY, &dressed)).is_err());
    }
}

// attack 23
#[test]
fn an_empty_content_type_counts_as_none() {
    let envelope = envelope_at(NOW);
    let content = Content { content_type: Some(String::new()), ..Content::default() };
    let bytes = ready(envelope.seal_body(&BODY, &content, None)).unwrap();
    assert_eq!(ready(envelope.open_body(&BODY, &bytes)).unwrap().content, Content::default());
}

// attack 23
#[test]
fn a_mebibyte_comes_back() {
    let envelope = envelope_at(NOW);
    let content = Content::from_body(vec![0xa5; 1 << 20]);
    let bytes = ready(envelope.seal_body(&BODY, &content, None)).unwrap();
    assert_eq!(ready(envelope.open_body(&BODY, &bytes)).unwrap().content, content);
}
