//! Walks `spec/vectors/qre2`: every file there is a claim any implementation must agree with.
//! The form of the files is described in `SPEC.md`.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use data_encoding::HEXLOWER;
use sealane_core::id::ScheduleId;
use sealane_core::queue::Firing;
use sealane_core::sealed::{Extensions, Flags, Header};
use sealane_core::time::Time;
use sealane_crypto::commit::ContextHash;
use sealane_crypto::{Key, SequenceRandom};
use sealane_envelope::keys::memory::MemoryKeys;
use sealane_envelope::keys::{DataKey, Keyring, Root, RootState};
use sealane_envelope::raw::{self, Draft};
use sealane_envelope::{
    BodyContext, Content, Envelope, OpenError, Part, PartContext, SyntaxError, TemplateContext,
};

use crate::support::{FixedClock, ready};

struct Vector {
    name: String,
    expect: String,
    fields: BTreeMap<String, String>,
}

impl Vector {
    fn read(path: &Path) -> Self {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let text = fs::read_to_string(path).unwrap();
        let mut lines = text.lines();
        let expect = lines.next().and_then(|line| line.strip_prefix("expect: ")).expect(&name).to_owned();
        let mut fields = BTreeMap::new();
        for line in lines {
            let (key, value) = line.split_once(": ").unwrap_or_else(|| (line.trim_end_matches(':'), ""));
            assert_eq!(fields.insert(key.to_owned(), value.to_owned()), None, "{name}: {key} twice");
        }
        Self { name, expect, fields }
    }

    fn text(&self, key: &str) -> Option<&str> {
        let value = self.fields.get(key)?;
        Some(value.strip_prefix('"').and_then(|value| value.strip_suffix('"')).expect(&self.name))
    }

    fn number(&self, key: &str) -> Option<u64> {
        self.fields.get(key).map(|value| value.parse().expect(&self.name))
    }

    fn bytes(&self, key: &str) -> Option<Vec<u8>> {
        self.fields.get(key).map(|value| HEXLOWER.decode(value.as_bytes()).expect(&self.name))
    }

    fn array<const N: usize>(&self, key: &str) -> Option<[u8; N]> {
        self.bytes(key).map(|bytes| bytes.try_into().expect(&self.name))
    }

    fn key(&self, key: &str) -> Option<Key> {
        self.array(key).map(Key::new)
    }

    fn group(&self, prefix: &str) -> BTreeMap<String, String> {
        let own = |key: &String| key.strip_prefix(prefix).map(str::to_owned);
        self.fields.keys().filter_map(|key| Some((own(key)?, self.text(key)?.to_owned()))).collect()
    }

    fn envelope_bytes(&self) -> Vec<u8> {
        self.bytes("envelope").expect(&self.name)
    }

    fn content(&self) -> Content {
        Content {
            body: self.bytes("body").expect(&self.name),
            content_type: self.text("content-type").map(str::to_owned),
            attributes: self.group("attribute."),
        }
    }

    fn expires_ms(&self) -> Option<u64> {
        self.number("expires-ms").filter(|&expires_ms| expires_ms != 0)
    }

    fn namespace(&self) -> &str {
        self.text("namespace").expect(&self.name)
    }

    fn queue(&self) -> &str {
        self.text("queue").expect(&self.name)
    }

    fn raw_context(&self) -> ContextHash {
        let bound = self.group("bound.");
        let bound: Vec<(&str, &str)> = bound.iter().map(|(name, value)| (&**name, &**value)).collect();
        ContextHash::new(self.namespace(), self.queue(), &bound).unwrap()
    }

    fn body_context(&self) -> BodyContext<'_> {
        BodyContext {
            namespace: self.namespace(),
            queue: self.queue(),
            job_id: self.array("job-id").unwrap(),
            kind: self.text("kind").unwrap_or(""),
            session_id: self.text("session-id"),
            correlation_id: self.text("correlation-id"),
        }
    }

    fn firing(&self) -> Firing {
        let schedule = ScheduleId::from_bytes(self.array("schedule").unwrap());
        Firing { schedule, due: Time::from_unix_ms(self.number("due-ms").unwrap()) }
    }

    fn template_context(&self) -> TemplateContext<'_> {
        TemplateContext {
            namespace: self.namespace(),
            queue: self.queue(),
            schedule: self.firing().schedule,
            kind: self.text("kind").unwrap_or(""),
            session_id: self.text("session-id"),
            correlation_id: self.text("correlation-id"),
        }
    }

    fn seq(&self) -> u32 {
        u32::try_from(self.number("seq").expect(&self.name)).expect(&self.name)
    }

    fn part_context(&self) -> PartContext<'_> {
        PartContext {
            namespace: self.namespace(),
            queue: self.queue(),
            job_id: self.array("job-id").unwrap(),
            part: match self.text("part") {
                Some("result") => Part::Result,
                Some("error") => Part::Error,
                Some("checkpoint") => Part::Checkpoint { seq: self.seq() },
                Some("log") => Part::Log { seq: self.seq() },
                Some("progress") => Part::Progress { seq: self.seq() },
                other => panic!("{}: part {other:?}", self.name),
            },
            attempt: u32::try_from(self.number("attempt").unwrap()).unwrap(),
        }
    }

    fn envelope_at(&self, now_ms: u64) -> Envelope {
        let mut keyring = Keyring::empty();
        if let Some(key) = self.key("root") {
            keyring.add(Root::from_key(key), RootState::Active).unwrap();
        }
        let mut keys = MemoryKeys::new(keyring);
        if let Some(key) = self.key("dek") {
            keys = keys.with_data_key(DataKey::from_key(key));
        }
        if let Some(key) = self.key("kek") {
            keys = keys.with_wrapping_key(self.text("kek-name").unwrap(), key);
        }
        let random = [self.bytes("salt").unwrap_or_default(), self.bytes("nonce").unwrap_or_default()];
        let random = SequenceRandom::danger_from_bytes(random.concat());
        Envelope::new(Arc::new(keys), Arc::new(random), Arc::new(FixedClock(now_ms)))
    }

    fn open(&self) -> Result<Content, OpenError> {
        let bytes = self.envelope_bytes();
        if self.text("mode") == Some("raw") {
            let key = DataKey::from_key(self.key("dek").unwrap());
            return raw::open(&Header::parse(&bytes)?, &key, &self.raw_context());
        }
        let envelope = self.envelope_at(self.number("now-ms").unwrap());
        let opened = match self.text("mode") {
            Some("body") => ready(envelope.open_body(&self.body_context(), &bytes)),
            Some("firing") => ready(envelope.open_firing(&self.body_context(), &self.firing(), &bytes)),
            Some("part") => ready(envelope.open_part(&self.part_context(), &bytes)),
            other => panic!("{}: mode {other:?}", self.name),
        }?;
        assert_eq!(Some(opened.created_ms), self.number("created-ms"), "{}", self.name);
        assert_eq!(opened.expires_ms, self.expires_ms(), "{}", self.name);
        if let Some(original) = self.array("clone-of") {
            assert_eq!(opened.clone_of, Some(original), "{}", self.name);
        }
        Ok(opened.content)
    }

    /// Seals the same content with the same salt and nonce.
    fn seal(&self) -> Vec<u8> {
        let (content, created_ms) = (self.content(), self.number("created-ms").unwrap());
        match self.text("mode") {
            Some("raw") => {
                let draft = Draft {
                    data_key: &DataKey::from_key(self.key("dek").unwrap()),
                    context: self.raw_context(),
                    message_id: self.array("job-id").unwrap(),
                    created_ms,
                    expires_ms: self.expires_ms(),
                    salt: self.array("salt").unwrap(),
                    nonce: self.array("nonce").unwrap(),
                    flags: Flags { padded: self.number("padded") == Some(1), ..Flags::default() },
                    recipients: &[],
                    extensions: Extensions::default(),
                };
                raw::seal(&draft, &content).unwrap()
            }
            Some("body") => {
                let envelope = self.envelope_at(created_ms);
                let (context, expires_ms) = (self.body_context(), self.expires_ms());
                match self.array("clone-of") {
                    Some(original) => ready(envelope.seal_clone(&context, original, &content, expires_ms)),
                    None => ready(envelope.seal_body(&context, &content, expires_ms)),
                }
                .unwrap()
            }
            Some("firing") => {
                let envelope = self.envelope_at(created_ms);
                ready(envelope.seal_template(&self.template_context(), &content)).unwrap()
            }
            _ => ready(self.envelope_at(created_ms).seal_part(&self.part_context(), &content)).unwrap(),
        }
    }
}

fn class(error: &OpenError) -> &'static str {
    match error {
        OpenError::AuthenticationFailed => "authentication-failed",
        OpenError::Content(_) => "content",
        OpenError::Expired { .. } => "expired",
        OpenError::FromTheFuture { .. } => "from-the-future",
        OpenError::Invalid(_) => "invalid",
        OpenError::KeyNotFound { .. } => "key-not-found",
        OpenError::NotYetValid { .. } => "not-yet-valid",
        OpenError::PlaintextRefused => "plaintext-refused",
        OpenError::Unsupported { .. } => "unsupported",
        OpenError::UnsupportedVersion(
            SyntaxError::UnsupportedSuite { .. } | SyntaxError::UnsupportedVersion { .. },
        ) => "unsupported-version",
        OpenError::WrongMessage { .. } => "wrong-message",
        other => panic!("no class for {other:?}"),
    }
}

// covers SEAL-2 (vectors)
// covers SEAL-3 (vectors)
// covers SEAL-7 (classes)
// attack 3
// attack 4
// attack 10
// attack 11
// attack 13
#[test]
fn every_vector_gives_the_expected_result() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../spec/vectors/qre2");
    let mut classes: BTreeMap<String, u32> = BTreeMap::new();
    let mut resealed = 0;
    for entry in fs::read_dir(&folder).unwrap() {
        let vector = Vector::read(&entry.unwrap().path());
        let result = match vector.open() {
            Ok(content) => {
                assert_eq!(vector.expect, "opens", "{} opened", vector.name);
                assert_eq!(content, vector.content(), "{}", vector.name);
                "opens"
            }
            Err(error) => class(&error),
        };
        assert_eq!(result, vector.expect, "{}", vector.name);
        if vector.fields.contains_key("salt") {
            assert_eq!(vector.seal(), vector.envelope_bytes(), "{}: sealing again", vector.name);
            resealed += 1;
        }
        *classes.entry(vector.expect).or_default() += 1;
    }
    // A directory that lost its files, or a class nobody tries any more, must not pass.
    assert_eq!(classes.len(), 12, "{classes:?}");
    assert!(classes.values().sum::<u32>() >= 100, "{classes:?}");
    assert!(resealed >= 9, "only {resealed} vectors were sealed again");
}

/// The writer of headers and their reader are two pieces of code; this holds them together.
#[test]
fn every_header_that_is_read_is_written_back_the_same() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../spec/vectors/qre2");
    let data_key = DataKey::from_key(Key::new([0; 32]));
    let mut compared = 0;
    for entry in fs::read_dir(&folder).unwrap() {
        let vector = Vector::read(&entry.unwrap().path());
        let bytes = vector.envelope_bytes();
        // Ignorable extensions are not kept by a reader, so they cannot be written back.
        let Ok(header) = Header::parse(&bytes) else { continue };
        if vector.name == "body-ignorable-extension.txt" {
            continue;
        }
        let recipients: Vec<_> = header.recipients().iter().collect();
        let draft = Draft {
            data_key: &data_key,
            context: ContextHash::new("", "", &[]).unwrap(),
            message_id: *header.message_id(),
            created_ms: header.created_ms(),
            expires_ms: header.expires_ms(),
            salt: *header.salt(),
            nonce: *header.nonce(),
            flags: header.flags(),
            recipients: &recipients,
            extensions: *header.extensions(),
        };
        let mut written = raw::danger_seal_plaintext(&draft, &[]).unwrap();
        written[72..88].copy_from_slice(header.dek_id());
        assert_eq!(&written[..header.bytes().len()], header.bytes(), "{}", vector.name);
        compared += 1;
    }
    assert!(compared >= 60, "only {compared} headers were compared");
}
