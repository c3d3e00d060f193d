//! The syntax of a sealed body, rule by rule: for each yes a no beside it.

#![allow(clippy::unwrap_used, reason = "a setup that fails is a test that fails")]

use sealane_core::sealed::{BoundNames, Header, RecipientKind, SyntaxError};

/// A sealed body with every field within reach; `bytes` writes it down.
#[derive(Clone)]
struct Draft {
    magic: [u8; 4],
    suite: u8,
    flags: u8,
    header_len: Option<u16>,
    created: u64,
    expires: u64,
    count: Option<u8>,
    recipients: Vec<(u8, usize)>,
    extensions: Vec<u8>,
    extensions_len: Option<u16>,
    ciphertext: usize,
}

impl Draft {
    fn new() -> Self {
        Self {
            magic: *b"QRE2",
            suite: 1,
            flags: 1,
            header_len: None,
            created: 1_767_225_600_000,
            expires: 1_767_312_000_000,
            count: None,
            recipients: vec![],
            extensions: vec![],
            extensions_len: None,
            ciphertext: 34,
        }
    }

    fn extension(mut self, tag: u8, value: &[u8]) -> Self {
        self.extensions.push(tag);
        self.extensions.extend(u16::try_from(value.len()).unwrap().to_be_bytes());
        self.extensions.extend(value);
        self
    }

    fn bytes(&self) -> Vec<u8> {
        let mut rest = vec![];
        rest.extend([0x11; 16]);
        rest.extend(self.created.to_be_bytes());
        rest.extend(self.expires.to_be_bytes());
        rest.extend([0x22; 32]);
        rest.extend([0x33; 16]);
        rest.push(self.count.unwrap_or(u8::try_from(self.recipients.len()).unwrap()));
        for (kind, len) in &self.recipients {
            rest.push(*kind);
            rest.extend([0x44; 16]);
            rest.extend(u16::try_from(*len).unwrap().to_be_bytes());
            rest.extend(vec![0x55; *len]);
        }
        let extensions_len = u16::try_from(self.extensions.len()).unwrap();
        rest.extend(self.extensions_len.unwrap_or(extensions_len).to_be_bytes());
        rest.extend(&self.extensions);
        let header_len = self.header_len.unwrap_or(u16::try_from(rest.len() + 8).unwrap());
        let mut bytes = self.magic.to_vec();
        bytes.extend([self.suite, self.flags]);
        bytes.extend(header_len.to_be_bytes());
        bytes.extend(rest);
        bytes.extend([0x66; 32]);
        bytes.extend([0x77; 12]);
        bytes.extend(vec![0x88; self.ciphertext]);
        bytes
    }

    fn error(&self) -> SyntaxError {
        Header::parse(&self.bytes()).expect_err("this draft breaks a rule")
    }

    fn is_accepted(&self) -> bool {
        Header::parse(&self.bytes()).is_ok()
    }
}

fn names(names: &[&str]) -> Vec<u8> {
    let prefixed =
        |name: &&str| [&u32::try_from(name.len()).unwrap().to_be_bytes(), name.as_bytes()].concat();
    names.iter().flat_map(prefixed).collect()
}

#[test]
fn every_field_is_read_where_it_stands() {
    let draft = Draft { recipients: vec![(1, 124), (2, 3)], ..Draft::new() }
        .extension(1, &9_u64.to_be_bytes())
        .extension(2, &[[7; 16].as_slice(), &5_u64.to_be_bytes()].concat())
        .extension(3, &[8; 16])
        .extension(4, &names(&["region", "tenant"]))
        .extension(6, &[&20_454_u32.to_be_bytes(), [9; 16].as_slice()].concat())
        .extension(0x80, b"whatever");
    let bytes = draft.bytes();
    let header = Header::parse(&bytes).unwrap();
    assert_eq!(header.bytes(), &bytes[..bytes.len() - 32 - 12 - 34]);
    assert_eq!(header.suite(), 1);
    assert!(header.flags().padded && !header.flags().signed && !header.flags().compressed);
    assert_eq!(header.message_id(), &[0x11; 16]);
    assert_eq!((header.created_ms(), header.expires_ms()), (1_767_225_600_000, Some(1_767_312_000_000)));
    assert_eq!((header.salt(), header.dek_id()), (&[0x22; 32], &[0x33; 16]));
    assert_eq!((header.commitment(), header.nonce()), (&[0x66; 32], &[0x77; 12]));
    assert_eq!(header.ciphertext(), [0x88; 34]);
    let recipients: Vec<_> = header.recipients().iter().map(|r| (r.kind, *r.id, r.blob.len())).collect();
    assert_eq!(recipients, [(RecipientKind::KeyWrap, [0x44; 16], 124), (RecipientKind::Kms, [0x44; 16], 3)]);
    let extensions = header.extensions();
    assert_eq!(extensions.not_before_ms, Some(9));
    let producer = extensions.producer.unwrap();
    assert_eq!((producer.id, producer.sequence), ([7; 16], 5));
    assert_eq!(extensions.clone_of, Some([8; 16]));
    assert_eq!(extensions.bound_names.unwrap().iter().collect::<Vec<_>>(), ["region", "tenant"]);
    assert_eq!(extensions.template, None);
    let epoch = extensions.epoch.unwrap();
    assert_eq!((epoch.number, epoch.root_id), (20_454, [9; 16]));
}

// attack 4
#[test]
fn version_and_suite_are_not_negotiable() {
    let magic = |magic: &[u8; 4]| Draft { magic: *magic, ..Draft::new() }.error();
    assert_eq!(magic(b"QRE1"), SyntaxError::UnsupportedVersion { version: b'1' });
    assert_eq!(magic(b"QRE3"), SyntaxError::UnsupportedVersion { version: b'3' });
    assert_eq!(magic(b"qre2"), SyntaxError::NotSealed);
    for suite in [0, 2, 3, 255] {
        assert_eq!(Draft { suite, ..Draft::new() }.error(), SyntaxError::UnsupportedSuite { suite });
    }
}

// attack 11
#[test]
fn reserved_flags_are_refused_and_the_others_are_not() {
    for flags in 0..=7 {
        assert!(Draft { flags, ..Draft::new() }.is_accepted());
    }
    for bit in 3..8 {
        assert_eq!(Draft { flags: 1 << bit, ..Draft::new() }.error(), SyntaxError::ReservedFlag);
    }
}

// attack 10
#[test]
fn lengths_are_checked_before_anything_is_read_by_them() {
    for len in [0, 90, 16_385, 65_535] {
        let draft = Draft { header_len: Some(len), ..Draft::new() };
        assert_eq!(draft.error(), SyntaxError::HeaderLength { bytes: usize::from(len) });
    }
    let draft = |header_len| Draft { header_len: Some(header_len), ..Draft::new() };
    assert_eq!(draft(92).error(), SyntaxError::HeaderEnd);
    assert_eq!(draft(16_384).error(), SyntaxError::Truncated);
    let count = |count| Draft { count: Some(count), ..Draft::new() }.error();
    assert_eq!(count(255), SyntaxError::TooManyRecipients { count: 255 });
    assert_eq!(count(9), SyntaxError::TooManyRecipients { count: 9 });
    assert_eq!(count(8), SyntaxError::UnknownRecipient { kind: 0 });
    let extensions = |len| Draft { extensions_len: Some(len), ..Draft::new() }.error();
    assert_eq!(extensions(1), SyntaxError::Truncated);
    assert_eq!(extensions(65_535), SyntaxError::Truncated);
}

#[test]
fn a_header_may_be_16384_bytes_long_and_no_longer() {
    let filled = |len: usize| Draft::new().extension(0x80, &vec![0; len - 91 - 3]);
    assert!(filled(16_384).is_accepted());
    assert_eq!(filled(16_385).error(), SyntaxError::HeaderLength { bytes: 16_385 });
}

// attack 2
#[test]
fn every_cut_is_refused() {
    let bytes = Draft::new().bytes();
    // The last cut that leaves room for a tag behind the least plaintext is a whole body again.
    let least = bytes.len() - 34 + 16 + 6;
    for len in 0..least {
        assert!(Header::parse(&bytes[..len]).is_err(), "cut at {len}");
    }
    assert!(Header::parse(&bytes[..least]).is_ok());
    assert_eq!(Header::parse(b"").unwrap_err(), SyntaxError::NotSealed);
    assert_eq!(Header::parse(b"QRE").unwrap_err(), SyntaxError::NotSealed);
    assert!(Draft { flags: 0, ciphertext: 18, ..Draft::new() }.is_accepted());
    assert_eq!(Draft { flags: 0, ciphertext: 17, ..Draft::new() }.error(), SyntaxError::Truncated);
}

#[test]
fn a_recipient_has_the_length_of_its_type() {
    for (kind, good) in [(1, 124), (2, 1), (2, 1024), (3, 80), (4, 113), (5, 145), (6, 1168)] {
        let draft = |len| Draft { recipients: vec![(kind, len)], ..Draft::new() };
        assert!(draft(good).is_accepted(), "type {kind}");
    }
    for (kind, bad) in [(1, 123), (1, 125), (2, 0), (2, 1025), (3, 81), (4, 80), (5, 113), (6, 80)] {
        let draft = Draft { recipients: vec![(kind, bad)], ..Draft::new() };
        assert_eq!(draft.error(), SyntaxError::RecipientLength { kind });
    }
    for kind in [0, 7, 8, 255] {
        let draft = Draft { recipients: vec![(kind, 80)], ..Draft::new() };
        assert_eq!(draft.error(), SyntaxError::UnknownRecipient { kind });
    }
    let eight = Draft { recipients: vec![(6, 1168); 8], ..Draft::new() };
    assert!(eight.is_accepted());
    assert_eq!(Header::parse(&eight.bytes()).unwrap().recipients().count(), 8);
}

// attack 13
#[test]
fn post_quantum_and_classical_do_not_mix() {
    for classical in [(3, 80), (4, 113), (5, 145)] {
        let draft = Draft { recipients: vec![(6, 1168), classical], ..Draft::new() };
        assert_eq!(draft.error(), SyntaxError::MixedRecipients);
    }
    assert!(Draft { recipients: vec![(6, 1168), (1, 124)], ..Draft::new() }.is_accepted());
}

// attack 11
#[test]
fn extensions_are_known_sorted_and_single() {
    let eight = 9_u64.to_be_bytes();
    assert_eq!(
        Draft::new().extension(1, &eight).extension(1, &eight).error(),
        SyntaxError::ExtensionOrder { tag: 1 }
    );
    assert_eq!(
        Draft::new().extension(3, &[0; 16]).extension(1, &eight).error(),
        SyntaxError::ExtensionOrder { tag: 1 }
    );
    assert_eq!(
        Draft::new().extension(0x81, b"").extension(0x80, b"").error(),
        SyntaxError::ExtensionOrder { tag: 0x80 }
    );
    for tag in [0, 7, 0x7f] {
        assert_eq!(Draft::new().extension(tag, b"").error(), SyntaxError::UnknownCriticalExtension { tag });
    }
    assert!(Draft::new().extension(0x80, b"").extension(0xff, b"x").is_accepted());
    for (tag, len) in [(1, 8), (2, 24), (3, 16)] {
        assert!(Draft::new().extension(tag, &vec![0; len]).is_accepted());
        for wrong in [0, len - 1, len + 1] {
            let draft = Draft::new().extension(tag, &vec![0; wrong]);
            assert_eq!(draft.error(), SyntaxError::ExtensionLength { tag }, "tag {tag}, {wrong} bytes");
        }
    }
    let cut = Draft { extensions: vec![1, 0, 8, 0], ..Draft::new() };
    assert_eq!(cut.error(), SyntaxError::Truncated);
}

#[test]
fn bound_names_have_one_form() {
    let draft = |list: &[u8]| Draft::new().extension(4, list);
    assert!(draft(&names(&["a", "b"])).is_accepted());
    for bad in [&["b", "a"][..], &["a", "a"], &[""], &["a", ""], &["kind"], &["session-id"], &["$part"]] {
        assert_eq!(draft(&names(bad)).error(), SyntaxError::BoundNames, "{bad:?}");
    }
    assert_eq!(draft(b"").error(), SyntaxError::BoundNames);
    assert_eq!(draft(&[0, 0, 0, 1, 0xff]).error(), SyntaxError::BoundNames);
    assert_eq!(draft(&[0xff, 0xff, 0xff, 0xff, b'a']).error(), SyntaxError::Truncated);
    assert!(BoundNames::allows("region") && !BoundNames::allows("correlation-id"));
}

// attack 18
#[test]
fn times_have_an_order() {
    let draft = |created, expires| Draft { created, expires, ..Draft::new() };
    assert!(draft(5, 6).is_accepted());
    assert!(draft(5, 0).is_accepted());
    assert!(draft(u64::MAX, 0).is_accepted());
    for (created, expires) in [(5, 5), (5, 4), (u64::MAX, 1 << 63)] {
        assert_eq!(draft(created, expires).error(), SyntaxError::ExpiresBeforeCreated);
    }
}

#[test]
fn an_epoch_is_the_day_of_creation_give_or_take_one() {
    let epoch =
        |number: u32| Draft::new().extension(6, &[&number.to_be_bytes(), [9; 16].as_slice()].concat());
    for number in [20_453, 20_454, 20_455] {
        assert!(epoch(number).is_accepted());
    }
    for number in [0, 20_452, 20_456, u32::MAX] {
        assert_eq!(epoch(number).error(), SyntaxError::EpochFarFromCreation);
    }
    let far = Draft { created: u64::MAX, expires: 0, ..epoch(u32::MAX) };
    assert_eq!(far.error(), SyntaxError::EpochFarFromCreation);
}

// covers JOB-2 (clone)
#[test]
fn a_job_is_not_a_clone_of_itself() {
    let clone = |id: u8| Draft::new().extension(3, &[id; 16]);
    assert!(clone(8).is_accepted());
    assert_eq!(clone(0x11).error(), SyntaxError::CloneOfItself);
}

#[test]
fn a_template_is_its_schedule_and_never_expires() {
    let template = |id: u8, expires| Draft { expires, ..Draft::new() }.extension(5, &[id; 16]);
    assert!(template(0x11, 0).is_accepted());
    assert_eq!(template(0x12, 0).error(), SyntaxError::Template);
    assert_eq!(template(0x11, 1_767_312_000_000).error(), SyntaxError::Template);
}
