//! What shows without a key, and what does not.

use sealane_envelope::{Content, inspect};

use crate::support::{BODY, DAY, NOW, envelope_at, ready, root};

#[test]
fn shows_the_header_and_only_the_magnitude_of_the_body() {
    let sealed = |len: usize| {
        let content = Content::from_body(vec![b'x'; len]);
        ready(envelope_at(NOW).seal_body(&BODY, &content, Some(NOW + DAY))).unwrap()
    };
    let bytes = sealed(1000);
    let seen = inspect(&bytes).unwrap();
    assert_eq!((seen.suite, seen.flags.padded), (1, true));
    assert_eq!(seen.message_id, "11".repeat(16));
    assert_eq!((seen.created_ms, seen.expires_ms), (NOW, Some(NOW + DAY)));
    assert_eq!(seen.root_id, Some(root(1).id().to_string()));
    assert_eq!(seen.epoch, Some(20_454));
    assert_eq!((seen.header_bytes, seen.content_bytes), (114, 4 + 1024));
    assert_eq!(seen.total_bytes, bytes.len());
    assert!(seen.recipients.is_empty() && seen.bound_names.is_empty());
    assert_eq!(seen.content_bytes, inspect(&sealed(1010)).unwrap().content_bytes);
    assert!(inspect(&bytes[..80]).is_err());
    assert!(inspect(b"plain").is_err());
}

#[test]
fn without_padding_the_exact_length_shows() {
    let envelope = envelope_at(NOW).without_padding();
    let bytes = ready(envelope.seal_body(&BODY, &Content::from_body(vec![0; 1000]), None)).unwrap();
    let seen = inspect(&bytes).unwrap();
    assert_eq!((seen.flags.padded, seen.content_bytes), (false, 1002));
    assert_eq!(ready(envelope_at(NOW).open_body(&BODY, &bytes)).unwrap().content.body.len(), 1000);
}
