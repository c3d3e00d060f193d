//! The first vector of the contract, to the byte, and everything one can do to damage it.

use data_encoding::HEXLOWER;
use sealane_core::sealed::{Extensions, Flags, Header};
use sealane_crypto::Key;
use sealane_crypto::commit::ContextHash;
use sealane_crypto::digest::sha256;
use sealane_envelope::keys::DataKey;
use sealane_envelope::raw::{self, Draft};
use sealane_envelope::{Content, OpenError};

fn data_key() -> DataKey {
    let mut key = [0; 32];
    for (byte, value) in key.iter_mut().zip(0..) {
        *byte = value;
    }
    DataKey::from_key(Key::new(key))
}

fn context() -> ContextHash {
    ContextHash::new("acme", "orders", &[("job-type", "invoice.render"), ("session-id", "s-42")]).unwrap()
}

fn sealed() -> Vec<u8> {
    let draft = Draft {
        data_key: &data_key(),
        context: context(),
        message_id: [0x11; 16],
        created_ms: 1_767_225_600_000,
        expires_ms: Some(1_767_312_000_000),
        salt: [0x22; 32],
        nonce: [0x33; 12],
        flags: Flags { padded: true, ..Flags::default() },
        recipients: &[],
        extensions: Extensions::default(),
    };
    raw::seal(&draft, &Content::from_body("hello, queue")).unwrap()
}

fn open(bytes: &[u8]) -> Result<Content, OpenError> {
    raw::open(&Header::parse(bytes)?, &data_key(), &context())
}

// covers SEAL-2 (the published bytes)
#[test]
fn comes_out_byte_for_byte() {
    let bytes = sealed();
    assert_eq!(HEXLOWER.encode(data_key().id()), "cac437d00b1775caededb82ae0152b0f");
    assert_eq!(
        HEXLOWER.encode(context().as_bytes()),
        "7e97a5c74bc495626a8f6c371717eb7fb06999ce7222fe58947ea6ff89c61c61"
    );
    assert_eq!(
        HEXLOWER.encode(&bytes[91..123]),
        "b4653ac199ebf3fdc956e865949aab71d6ada62010a32c3975f225001bb03e57"
    );
    assert_eq!(bytes.len(), 169);
    assert_eq!(
        HEXLOWER.encode(&sha256(&[&bytes])),
        "34e3bc4a1032e5e9d09604b5bd75608c4e510e126d0fc1b8e7ecc052c4e2abb7"
    );
    assert_eq!(open(&bytes).unwrap(), Content::from_body("hello, queue"));
}

// covers SEAL-2 (every bit counts)
// attack 1
#[test]
fn every_turned_bit_is_refused() {
    let good = sealed();
    for bit in 0..1352 {
        let mut bad = good.clone();
        bad[bit / 8] ^= 1 << (bit % 8);
        assert!(open(&bad).is_err(), "bit {bit}");
    }
    assert_eq!(good.len() * 8, 1352);
}

// attack 2
#[test]
fn every_cut_and_every_appendix_is_refused() {
    let good = sealed();
    for len in 0..169 {
        assert!(open(&good[..len]).is_err(), "cut at {len}");
    }
    for extra in 1..40 {
        for byte in [0, 0xff] {
            let longer = [good.as_slice(), &vec![byte; extra]].concat();
            assert!(matches!(open(&longer), Err(OpenError::AuthenticationFailed)), "{extra} bytes more");
        }
    }
    let twice = [good.as_slice(), &good].concat();
    assert!(open(&twice).is_err());
}

/// A wrong key under the right name: what a commitment is for.
// attack 8
#[test]
fn another_key_is_refused() {
    let bytes = sealed();
    let header = Header::parse(&bytes).unwrap();
    for byte in [0, 1, 0xff] {
        let other = DataKey::from_key(Key::new([byte; 32]));
        assert!(matches!(raw::open(&header, &other, &context()), Err(OpenError::AuthenticationFailed)));
    }
}
