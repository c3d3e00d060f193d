//! What makes two requests the same job: a digest over owner, queue and everything supplied, kept
//! with the job, so that a repeat is told from another job under the same id.

use sealane_api::v1::JobParts;
use sealane_core::name::{Principal, QueueName};
use sealane_core::queue::{JobOptions, Lifetime, Start};
use sealane_crypto::digest::Sha256;
use sealane_crypto::mark::MarkKey;
use sealane_crypto::secret::Key;

/// Makes the digests. The key is derived from the journal's, so a repeat is known after a restart.
#[derive(Debug)]
pub struct JobDigests {
    bodies: MarkKey,
}

impl JobDigests {
    /// With the key that bodies are marked under.
    pub fn new(key: &Key) -> Self {
        Self { bodies: MarkKey::new(key) }
    }

    /// The digest of one job.
    pub fn of(&self, queue: &QueueName, owner: &Principal, parts: &JobParts) -> [u8; 16] {
        let mut digest = Sha256::new();
        let input = &parts.input;
        let number = |number: Option<u64>| number.map_or([0xff; 8], u64::to_be_bytes);
        let text = |digest: &mut Sha256, text: Option<&str>| {
            digest.update_prefixed(text.unwrap_or("").as_bytes());
        };
        digest.update_prefixed(b"sealane job v3");
        digest.update_prefixed(queue.as_str().as_bytes());
        digest.update_prefixed(owner.as_str().as_bytes());
        digest.update_prefixed(input.kind.as_str().as_bytes());
        // Why not the body itself: hashing it costs more than everything else here, and a mark inside
        // of a hash is never seen.
        digest.update(&self.bodies.of(&input.body));
        text(&mut digest, input.content_type.as_ref().map(|name| name.as_str()));
        text(&mut digest, input.session_id.as_ref().map(|id| id.as_str()));
        text(&mut digest, input.correlation_id.as_ref().map(|id| id.as_str()));
        text(&mut digest, input.subject.as_ref().map(|subject| subject.as_str()));
        for (name, value) in &input.attributes {
            digest.update_prefixed(name.as_str().as_bytes());
            digest.update_prefixed(value.as_bytes());
        }
        // Why counted: an attribute must not be able to look like two tags.
        digest.update(&count(input.tags.len()));
        for tag in &input.tags {
            digest.update_prefixed(tag.as_str().as_bytes());
        }
        digest.update(&[parts.priority.code()]);
        let (mark, start) = match parts.start {
            Start::After(delay) => (0, delay.get()),
            Start::At(time) => (1, time.unix_ms()),
        };
        digest.update(&[mark]);
        digest.update(&start.to_be_bytes());
        let ttl = match parts.ttl {
            Some(Lifetime::For(ttl)) => Some(ttl.get()),
            None | Some(Lifetime::Until(_)) => None,
        };
        digest.update(&number(ttl));
        digest.update(&number(parts.max_attempts.map(u64::from)));
        // Why nothing for what is absent: whatever is added here later leaves the digests of jobs without it.
        // Its session's name was counted above.
        let JobOptions {
            backoff,
            session: _,
            fair_key: _,
            firing: _,
            idempotency: _,
            unique: _,
            links,
            clone_of,
        } = &parts.options;
        if let Some(Lifetime::Until(end)) = parts.ttl {
            digest.update_prefixed(b"expires at");
            digest.update(&end.unix_ms().to_be_bytes());
        }
        if let Some(backoff) = backoff {
            digest.update(&[backoff.shape.code(), backoff.jitter_percent]);
            digest.update(&backoff.base.get().to_be_bytes());
            digest.update(&backoff.cap.get().to_be_bytes());
        }
        if let Some(key) = &parts.fair_key {
            digest.update_prefixed(b"fair key");
            digest.update_prefixed(key.as_str().as_bytes());
        }
        if let Some(sent) = &parts.idempotency {
            digest.update_prefixed(b"idempotency key");
            digest.update_prefixed(sent.key.as_str().as_bytes());
            digest.update_prefixed(sent.fingerprint.as_ref().map_or(&[][..], |bytes| &bytes[..]));
        }
        if let Some(sent) = &parts.unique {
            digest.update_prefixed(b"unique key");
            digest.update_prefixed(sent.key.as_str().as_bytes());
            digest.update(&[sent.on_conflict.code()]);
        }
        if let Some(links) = links {
            digest.update_prefixed(b"links");
            digest.update_prefixed(links.flow().as_ref().map_or(&[][..], |flow| flow.as_bytes()));
            digest.update(&[links.on_failure().code()]);
            for jobs in [links.all(), links.any()] {
                digest.update(&count(jobs.len()));
                jobs.iter().for_each(|job| digest.update(job.as_bytes()));
            }
        }
        if let Some(original) = clone_of {
            digest.update_prefixed(b"clone of");
            digest.update(original.as_bytes());
        }
        let mut first_half = [0; 16];
        first_half.copy_from_slice(&digest.finish()[..16]);
        first_half
    }
}

fn count(items: usize) -> [u8; 8] {
    u64::try_from(items).expect("a length in memory fits 64 bits").to_be_bytes()
}

#[cfg(test)]
mod tests {
    use sealane_api::v1::JobIn;
    use serde_json::{Value, json};

    use super::*;

    fn digest(key: u8, queue: &str, owner: &str, job: &Value) -> [u8; 16] {
        let job: JobIn = serde_json::from_value(job.clone()).unwrap();
        let (queue, owner) = (QueueName::parse(queue).unwrap(), Principal::parse(owner).unwrap());
        JobDigests::new(&Key::new([key; 32])).of(&queue, &owner, &JobParts::try_from(job).unwrap())
    }

    // covers JOB-7 (a repeat is the same in everything that was supplied)
    #[test]
    fn whatever_was_supplied_makes_another_job() {
        let job = json!({
            "kind": "k", "body": "AAEC", "content_type": "t", "attributes": {"a": "1"}, "session_id": "s",
            "correlation_id": "c", "subject": "u", "tags": ["x", "y"], "priority": "low", "delay_ms": 5,
            "ttl_ms": 50_000, "max_attempts": 3, "retry": {"backoff": "constant"},
        });
        let first = digest(1, "q", "o", &job);
        assert_eq!(digest(1, "q", "o", &job), first, "a new start gives the same");
        let mut seen =
            vec![first, digest(2, "q", "o", &job), digest(1, "r", "o", &job), digest(1, "q", "p", &job)];
        for (name, other) in [
            ("kind", json!("l")),
            ("body", json!("AAED")),
            ("body", json!("AAECAA==")),
            ("content_type", json!("tt")),
            ("attributes", json!({"a": "2"})),
            ("attributes", json!({})),
            ("session_id", Value::Null),
            ("correlation_id", json!("s")),
            ("subject", json!("v")),
            ("tags", json!(["xy"])),
            ("tags", json!(["y", "x"])),
            ("tags", json!(["x", "y", "tags"])),
            ("priority", json!("bulk")),
            ("delay_ms", json!(6)),
            ("ttl_ms", Value::Null),
            ("expires_at", json!("2030-01-01T00:00:00Z")),
            ("expires_at", json!("2030-01-01T00:00:01Z")),
            ("max_attempts", json!(4)),
            ("retry", json!({"backoff": "linear"})),
            ("retry", json!({"backoff": "constant", "base_ms": 7})),
            ("retry", Value::Null),
            ("idempotency_key", json!("a")),
            ("idempotency_key", json!("b")),
            ("unique", json!({"key": "a"})),
            ("unique", json!({"key": "b"})),
            ("unique", json!({"key": "a", "on_conflict": "merge"})),
            ("after", json!(["019b76da-a800-7000-8000-000000000001"])),
            ("after", json!(["019b76da-a800-7000-8000-000000000002"])),
            ("after_any", json!(["019b76da-a800-7000-8000-000000000001"])),
            ("clone_of", json!("019b76da-a800-7000-8000-000000000001")),
            ("clone_of", json!("019b76da-a800-7000-8000-000000000002")),
        ] {
            let mut changed = job.clone();
            changed[name] = other;
            if name == "expires_at" {
                changed.as_object_mut().unwrap().remove("ttl_ms");
            }
            if changed[name].is_null() {
                changed.as_object_mut().unwrap().remove(name);
            }
            let digest = digest(1, "q", "o", &changed);
            assert!(!seen.contains(&digest), "{changed}");
            seen.push(digest);
        }
    }

    // covers JOB-7 (a repeat is the same in everything that was supplied)
    #[test]
    fn an_attribute_is_not_two_tags_whatever_its_name() {
        let of = |attributes: Value, tags: Value| {
            digest(1, "q", "o", &json!({"kind": "k", "body": "", "attributes": attributes, "tags": tags}))
        };
        assert_ne!(of(json!({"a": "1"}), json!(["x"])), of(json!({}), json!(["a", "1", "x"])));
        for tags in [["x", "tags"], ["tags", "x"]] {
            assert_ne!(of(json!({"tags": "x"}), json!([])), of(json!({}), json!(tags)));
        }
    }
}
