//! Which session a job belongs to, read off the job itself before it is sealed.
//!
//! - here: the rules, and how several values become one text that cannot be mistaken for another.
//! - `github`: the rule for webhook events of GitHub.

mod github;

use std::cell::OnceCell;
use std::fmt::Write as _;

use sealane_core::name::SessionId;
use sealane_crypto::digest::sha256;
use serde_json::Value;

use crate::job::Job;

/// A rule that says which session a job belongs to.
///
/// ```
/// use sealane::{Job, SessionKey};
///
/// let by_order = SessionKey::composite([SessionKey::field("/shop"), SessionKey::field("/order/number")])
///     .or(SessionKey::field("/shop"));
/// let session = |body: &str| by_order.of(&Job::new("order.changed", body));
/// assert_eq!(session(r#"{"shop": "s1", "order": {"number": 7}}"#).as_deref(), Some("s1/7"));
/// assert_eq!(session(r#"{"shop": "s1"}"#).as_deref(), Some("s1"));
/// assert_eq!(session("no JSON at all"), None);
/// ```
///
/// A session's id is readable on the way, unlike the body that it may have been read from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionKey(Rule);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Rule {
    None,
    Text(String),
    Kind,
    Attribute(String),
    Field(String),
    /// The rule, where the body has anything but `null` at this place.
    Where(String, Box<Rule>),
    Composite(Vec<Rule>),
    FirstOf(Vec<Rule>),
}

impl SessionKey {
    /// No session: jobs go side by side.
    pub const NONE: Self = Self(Rule::None);

    /// A value of the body, where that is JSON: `/customer/id` is the `id` in the `customer` (RFC 6901). Text
    /// is taken as it is, whole numbers and `true` or `false` as they are written; anything else, and empty
    /// text, is no value.
    pub fn field(pointer: impl Into<String>) -> Self {
        Self(Rule::Field(pointer.into()))
    }

    /// An attribute of the job, sealed or clear.
    pub fn attribute(name: impl Into<String>) -> Self {
        Self(Rule::Attribute(name.into()))
    }

    /// The kind of job.
    #[must_use]
    pub const fn kind() -> Self {
        Self(Rule::Kind)
    }

    /// Always the same: one line for all, or a word in front of others.
    pub fn text(text: impl Into<String>) -> Self {
        Self(Rule::Text(text.into()))
    }

    /// All of these, joined by `/` so that no two lists of values come to the same: what in a value is
    /// `/`, `%` or a control character is written as `%` and two digits. Where one has no value, there is no
    /// session.
    pub fn composite(parts: impl IntoIterator<Item = Self>) -> Self {
        Self(Rule::Composite(parts.into_iter().map(|part| part.0).collect()))
    }

    /// The other one, where this one has no value.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self(match self.0 {
            Rule::FirstOf(mut rules) => {
                rules.push(other.0);
                Rule::FirstOf(rules)
            }
            rule => Rule::FirstOf(vec![rule, other.0]),
        })
    }

    /// The session of this job; `None` for one that goes by itself.
    ///
    /// What would be too long for a session's id, or has a control character, is replaced by its SHA-256 behind
    /// `sha256:`; and so is what begins with that word itself, so that no value takes another one's name. A number or
    /// truth value of the body is written as in JSON, and is one session with the text that reads the same: `7` and
    /// `"7"` name the same customer.
    #[must_use]
    pub fn of(&self, job: &Job) -> Option<String> {
        let read = Read { job, body: OnceCell::new() };
        let text = self.0.value(&read)?;
        if SessionId::parse(&text).is_ok() && !text.starts_with(DIGEST) {
            return Some(text);
        }
        let mut digest = String::from(DIGEST);
        for byte in sha256(&[text.as_bytes()]) {
            write!(digest, "{byte:02x}").expect("writing into a text cannot fail");
        }
        Some(digest)
    }
}

/// In front of a digest that stands for a value.
const DIGEST: &str = "sha256:";

/// A job, and its body once somebody asked for it.
struct Read<'a> {
    job: &'a Job,
    body: OnceCell<Option<Value>>,
}

impl Read<'_> {
    fn at(&self, pointer: &str) -> Option<&Value> {
        self.body.get_or_init(|| serde_json::from_slice(&self.job.body).ok()).as_ref()?.pointer(pointer)
    }
}

impl Rule {
    fn value(&self, read: &Read<'_>) -> Option<String> {
        let value = match self {
            Self::None => None,
            Self::Text(text) => Some(text.clone()),
            Self::Kind => Some(read.job.kind.clone()),
            Self::Attribute(name) => {
                read.job.attributes.get(name).or_else(|| read.job.clear_attributes.get(name)).cloned()
            }
            Self::Field(pointer) => match read.at(pointer)? {
                Value::String(text) => Some(text.clone()),
                Value::Number(number) if !number.is_f64() => Some(number.to_string()),
                Value::Bool(flag) => Some(flag.to_string()),
                _ => None,
            },
            Self::Where(pointer, rule) => {
                read.at(pointer).filter(|value| !value.is_null()).and_then(|_| rule.value(read))
            }
            Self::Composite(parts) => {
                let parts: Option<Vec<String>> =
                    parts.iter().map(|part| part.value(read).map(|value| escaped(&value))).collect();
                parts.map(|parts| parts.join("/"))
            }
            Self::FirstOf(rules) => rules.iter().find_map(|rule| rule.value(read)),
        };
        value.filter(|value| !value.is_empty())
    }
}

fn escaped(value: &str) -> String {
    let mut escaped = String::with_capacity(value.len());
    for letter in value.chars() {
        // Why through bytes: a control character beyond ASCII has two.
        if matches!(letter, '/' | '%') || letter.is_control() {
            for byte in letter.encode_utf8(&mut [0; 4]).bytes() {
                write!(escaped, "%{byte:02X}").expect("writing into a text cannot fail");
            }
        } else {
            escaped.push(letter);
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(key: &SessionKey, body: &str) -> Option<String> {
        key.of(&Job::new("order.changed", body).attribute("tenant", "t1").clear_attribute("zone", "z1"))
    }

    // covers JOB-13 (session keys: single field, fallback, none)
    #[test]
    fn a_key_is_read_off_the_job_or_there_is_none() {
        let field = SessionKey::field("/customer/id");
        for (body, expected) in [
            (r#"{"customer": {"id": "a/b %"}}"#, Some("a/b %")),
            (r#"{"customer": {"id": 7}}"#, Some("7")),
            (r#"{"customer": {"id": -18446744073709551615}}"#, None),
            (r#"{"customer": {"id": 18446744073709551615}}"#, Some("18446744073709551615")),
            (r#"{"customer": {"id": false}}"#, Some("false")),
            (r#"{"customer": {"id": 7.0}}"#, None),
            (r#"{"customer": {"id": ""}}"#, None),
            (r#"{"customer": {"id": null}}"#, None),
            (r#"{"customer": {"id": ["a"]}}"#, None),
            (r#"{"customer": "a"}"#, None),
            ("a", None),
            ("", None),
        ] {
            assert_eq!(of(&field, body).as_deref(), expected, "{body}");
        }
        let told = |key: SessionKey| of(&key, "{}");
        assert_eq!(told(SessionKey::attribute("tenant")).as_deref(), Some("t1"));
        assert_eq!(told(SessionKey::attribute("zone")).as_deref(), Some("z1"));
        assert_eq!(told(SessionKey::attribute("none")), None);
        assert_eq!(told(SessionKey::kind()).as_deref(), Some("order.changed"));
        assert_eq!(told(SessionKey::NONE), None);
        assert_eq!(
            told(SessionKey::NONE.or(field.clone()).or(SessionKey::text("all"))).as_deref(),
            Some("all")
        );
        let first = field.or(SessionKey::text("all"));
        assert_eq!(of(&first, r#"{"customer": {"id": "c"}}"#).as_deref(), Some("c"));
    }

    // covers JOB-13 (session keys: composite, unambiguous)
    #[test]
    fn no_two_lists_of_values_come_to_one_session() {
        let two = SessionKey::composite([SessionKey::field("/0"), SessionKey::field("/1")]);
        let values =
            ["a", "b", "ab", "bc", "c", "/", "a/", "/b", "%", "%2F", "a%2Fb", "\u{7f}", "\u{85}", "2F"];
        let mut seen = std::collections::BTreeMap::new();
        for one in values {
            for other in values {
                let body = serde_json::to_string(&[one, other]).unwrap();
                let session = of(&two, &body).unwrap();
                assert_eq!(session.matches('/').count(), 1, "{session}");
                assert!(SessionId::parse(&session).is_ok(), "{session}");
                assert_eq!(seen.insert(session.clone(), (one, other)), None, "{session}");
            }
        }
        assert_eq!(of(&two, r#"["a", "bc"]"#).as_deref(), Some("a/bc"));
        assert_eq!(of(&two, r#"["ab", "c"]"#).as_deref(), Some("ab/c"));
        assert_eq!(of(&two, r#"["ab"]"#), None, "one without a value is none at all");
        assert_eq!(of(&two, r#"["ab", ""]"#), None);
        let nested = SessionKey::composite([two, SessionKey::text("c")]);
        assert_eq!(of(&nested, r#"["a", "b"]"#).as_deref(), Some("a%2Fb/c"), "one value of the outer");
    }

    #[test]
    fn what_no_session_may_be_called_is_called_by_its_digest() {
        let field = SessionKey::field("/0");
        let at = |text: &str| of(&field, &serde_json::to_string(&[text]).unwrap()).unwrap();
        let most = "x".repeat(sealane_core::limits::SESSION_ID_BYTES_MAX);
        assert_eq!(at(&most), most);
        let longer = at(&format!("{most}x"));
        assert!(longer.starts_with("sha256:") && longer.len() == 7 + 64, "{longer}");
        assert_ne!(at(&format!("{most}y")), longer);
        let taken = at(&longer);
        assert!(
            taken != longer && taken.starts_with("sha256:"),
            "a value that reads like a digest is none: {taken}"
        );
        assert_eq!(at("sha256"), "sha256");
        assert_eq!(of(&field, "[7]"), of(&field, r#"["7"]"#), "one customer, however it is written");
        assert_eq!(of(&field, "[true]"), of(&field, r#"["true"]"#));
        // Computed by another program.
        assert_eq!(at("a\nb"), "sha256:7e18f737311b2dc3b2f269dd78396b0351f14fb66efa879f768cb23181883c78");
    }
}
