//! A planted secret must not show in the text form of anything that holds it.

use sealane_crypto::Key;
use sealane_envelope::keys::file::{self, KeyFileError};
use sealane_envelope::keys::memory::MemoryKeys;
use sealane_envelope::keys::{DataKey, Keyring, Root, RootState};
use sealane_envelope::recipient::WrappedKey;
use sealane_envelope::{Content, Opened};

use crate::support::{BODY, NOW, envelope_with, ready};

/// 32 readable bytes, so that every usual way to print them is easy to look for.
const CANARY: [u8; 32] = *b"canary-canary-canary-canary-key!";

fn assert_silent(what: &str, text: &str) {
    let lists: Vec<String> = vec![
        String::from_utf8_lossy(&CANARY).into_owned(),
        "canary".to_owned(),
        data_encoding::HEXLOWER.encode(&CANARY[..6]),
        data_encoding::HEXUPPER.encode(&CANARY[..6]),
        data_encoding::BASE64.encode(&CANARY[..6]),
        format!("{:?}", &CANARY[..6]).trim_matches(['[', ']']).to_owned(),
        format!("{:#?}", &CANARY[..2]).trim_matches(['[', ']']).trim().to_owned(),
    ];
    for needle in lists {
        assert!(!text.contains(&needle), "{what} shows {needle:?}: {text}");
    }
}

// covers SEAL-9 (nothing secret in Debug)
// attack 26
// attack 27
#[test]
fn no_debug_form_shows_a_key_or_a_body() {
    let mut keyring = Keyring::empty();
    keyring.add(Root::from_key(Key::new(CANARY)), RootState::Active).unwrap();
    let data_key = DataKey::from_key(Key::new(CANARY));
    let random = sealane_crypto::SequenceRandom::danger_from_bytes([CANARY, CANARY].concat());
    let wrapped = WrappedKey::wrap(&Key::new(CANARY), "name", "acme", &random, &data_key).unwrap();
    let content = Content {
        body: CANARY.to_vec(),
        content_type: Some("canary/type".to_owned()),
        attributes: [("canary-name".to_owned(), "canary-value".to_owned())].into(),
    };
    let keys = MemoryKeys::new(keyring.clone())
        .with_data_key(DataKey::from_key(Key::new(CANARY)))
        .with_wrapping_key("name", Key::new(CANARY));
    let keys_text = format!("{keys:?} {keys:#?}");
    let envelope = envelope_with(keys, NOW);
    let bytes = ready(envelope.seal_body(&BODY, &content, None)).unwrap();
    let opened: Opened = ready(envelope.open_body(&BODY, &bytes)).unwrap();
    assert_eq!(opened.content, content);

    let root = Root::from_key(Key::new(CANARY));
    for (what, text) in [
        ("Root", format!("{root:?} {root:#?}")),
        ("DataKey", format!("{data_key:?} {data_key:#?}")),
        ("Keyring", format!("{keyring:?} {keyring:#?}")),
        ("MemoryKeys", keys_text),
        ("WrappedKey", format!("{wrapped:?} {wrapped:#?}")),
        ("Content", format!("{content:?} {content:#?}")),
        ("Opened", format!("{opened:?} {opened:#?}")),
        ("Envelope", format!("{envelope:?} {envelope:#?}")),
        ("bytes on the wire", String::from_utf8_lossy(&bytes).into_owned()),
    ] {
        assert_silent(what, &text);
        assert!(!text.is_empty());
    }
}

// covers SEAL-9 (nothing secret in errors)
// attack 26
#[test]
fn a_broken_keyring_file_is_described_without_its_secrets() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ring");
    let mut keyring = Keyring::empty();
    keyring.add(Root::from_key(Key::new(CANARY)), RootState::Active).unwrap();
    file::create(&path, &keyring).unwrap();
    let good = std::fs::read_to_string(&path).unwrap();
    let secret = data_encoding::HEXLOWER.encode(&CANARY);
    assert!(good.contains(&secret), "the secret is in the file, else this test shows nothing");
    for bad in [
        good.replace("root active", "root aktiv"),
        good.replace(&secret, &secret.to_uppercase()),
        good.replace(&secret, &secret[2..]),
        good.replace(&secret, &secret.replace('3', "4")),
        good.replace(&secret, &format!("{secret} {secret}")),
    ] {
        assert_ne!(bad, good);
        std::fs::write(&path, bad).unwrap();
        let error = file::load(&path).unwrap_err();
        assert!(matches!(error, KeyFileError::Line { line: 3, .. }), "{error}");
        assert_silent("the error", &format!("{error} {error:?} {error:#?}"));
    }
}
