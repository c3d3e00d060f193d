//! Names and short texts with rules. A value that exists is valid: there is no other way to make one
//! than `parse`.

use std::fmt;
use std::sync::Arc;

use crate::limits;

/// A text broke the rule of its type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NameError {
    /// What was being read, for example `queue name`.
    pub what: &'static str,
    /// The rule that it broke.
    pub rule: &'static str,
}

impl fmt::Display for NameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} must be {}", self.what, self.rule)
    }
}

impl std::error::Error for NameError {}

macro_rules! text_type {
    ($(#[$doc:meta])* $name:ident, $what:literal, $rule:expr, $valid:expr) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Arc<str>);

        impl $name {
            /// The rule, in words.
            pub const RULE: &'static str = $rule;

            /// Reads a text; refuses one that breaks the rule.
            pub fn parse(text: &str) -> Result<Self, NameError> {
                Self::check(text).map(|()| Self(Arc::from(text)))
            }

            /// The same for a text that can be kept as it is.
            pub fn take(text: Arc<str>) -> Result<Self, NameError> {
                Self::check(&text).map(|()| Self(text))
            }

            fn check(text: &str) -> Result<(), NameError> {
                let valid: fn(&str) -> bool = $valid;
                if valid(text) { Ok(()) } else { Err(NameError { what: $what, rule: $rule }) }
            }

            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl From<&$name> for Arc<str> {
            fn from(name: &$name) -> Self {
                Self::clone(&name.0)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&self.0, f)
            }
        }
    };
}

text_type!(
    /// A tenant boundary.
    Namespace, "namespace",
    "1 to 64 of a-z, 0-9, '-', '_' and '.', beginning and ending with a letter or digit, without '..'",
    |text| dotted(text, limits::NAMESPACE_BYTES_MAX)
);

text_type!(
    /// A queue's name.
    QueueName, "queue name",
    "1 to 128 of a-z, 0-9, '-', '_' and '.', beginning and ending with a letter or digit, without '..'",
    |text| dotted(text, limits::QUEUE_NAME_BYTES_MAX)
);

text_type!(
    /// Who acts: a person, a service, a machine.
    Principal, "principal",
    "1 to 128 of a-z, 0-9, '-', '_' and '.', beginning and ending with a letter or digit, without '..'",
    |text| dotted(text, limits::PRINCIPAL_BYTES_MAX)
);

text_type!(
    /// What sort of job it is; workers choose handlers by it.
    Kind, "kind",
    "1 to 128 visible ASCII characters without spaces",
    |text| !text.is_empty() && text.len() <= limits::KIND_BYTES_MAX && text.bytes().all(|byte| byte.is_ascii_graphic())
);

text_type!(
    /// The ordering key of a job.
    SessionId, "session_id",
    "1 to 256 bytes of text without control characters",
    |text| label(text, limits::SESSION_ID_BYTES_MAX)
);

text_type!(
    /// What jobs take turns under, as a tenant.
    FairKey, "fair_key",
    "1 to 256 bytes of text without control characters",
    |text| label(text, limits::FAIR_KEY_BYTES_MAX)
);

text_type!(
    /// Ties jobs of one business event together.
    CorrelationId, "correlation_id",
    "1 to 256 bytes of text without control characters",
    |text| label(text, limits::CORRELATION_ID_BYTES_MAX)
);

text_type!(
    /// Whose data the job carries. Opaque.
    Subject, "subject",
    "1 to 256 bytes of text without control characters",
    |text| label(text, limits::SUBJECT_BYTES_MAX)
);

text_type!(
    /// A search word on a job.
    Tag, "tag",
    "1 to 64 bytes of text without control characters",
    |text| label(text, limits::TAG_BYTES_MAX)
);

text_type!(
    /// What a sender tells a repeated request by.
    IdempotencyKeyText, "idempotency_key",
    "1 to 256 bytes of text without control characters",
    |text| label(text, limits::IDEMPOTENCY_KEY_BYTES_MAX)
);

text_type!(
    /// What a job is the only one with.
    UniqueKeyText, "unique key",
    "1 to 256 bytes of text without control characters",
    |text| label(text, limits::UNIQUE_KEY_BYTES_MAX)
);

text_type!(
    /// What a worker calls an error, in the clear: for counting, never for what went wrong in detail.
    ErrorCode, "code",
    "1 to 64 visible ASCII characters without spaces",
    |text| !text.is_empty() && text.len() <= limits::ERROR_CODE_BYTES_MAX && text.bytes().all(|byte| byte.is_ascii_graphic())
);

text_type!(
    /// Which of its principal's workers one is, as it calls itself, in the clear.
    InstanceName, "instance",
    "1 to 64 visible ASCII characters without spaces",
    |text| !text.is_empty() && text.len() <= limits::INSTANCE_BYTES_MAX && text.bytes().all(|byte| byte.is_ascii_graphic())
);

text_type!(
    /// Which version of its code a worker runs, as it says itself, in the clear.
    CodeVersion, "code_version",
    "1 to 64 visible ASCII characters without spaces",
    |text| !text.is_empty() && text.len() <= limits::CODE_VERSION_BYTES_MAX && text.bytes().all(|byte| byte.is_ascii_graphic())
);

text_type!(
    /// The media type of a body.
    ContentType, "content_type",
    "1 to 128 visible ASCII characters and spaces",
    |text| !text.is_empty()
        && text.len() <= limits::CONTENT_TYPE_BYTES_MAX
        && text.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ')
);

text_type!(
    /// The name of an attribute.
    AttributeName, "attribute name",
    "1 to 128 visible ASCII characters, not beginning with '$'",
    |text| !text.is_empty()
        && text.len() <= limits::ATTRIBUTE_NAME_BYTES_MAX
        && !text.starts_with('$')
        && text.bytes().all(|byte| byte.is_ascii_graphic())
);

text_type!(
    /// A schedule's name.
    ScheduleName, "schedule name",
    "1 to 128 of a-z, 0-9, '-', '_' and '.', beginning and ending with a letter or digit, without '..'",
    |text| dotted(text, limits::SCHEDULE_NAME_BYTES_MAX)
);

text_type!(
    /// A cron pattern, not looked into yet.
    CronPattern, "cron",
    "1 to 256 printable ASCII characters",
    |text| printable(text, limits::CRON_PATTERN_BYTES_MAX)
);

text_type!(
    /// A time zone's name, not looked up yet.
    ZoneName, "time_zone",
    "1 to 64 printable ASCII characters",
    |text| printable(text, limits::ZONE_NAME_BYTES_MAX)
);

text_type!(
    /// The public part of an access key.
    KeyId, "key id",
    "16 of a-z and 2-7",
    |text| text.len() == 16 && text.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'2'..=b'7'))
);

/// Lower case only: two names that differ by case would be two queues to us and one to a reader.
fn dotted(text: &str, max: usize) -> bool {
    let edge = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let bytes = text.as_bytes();
    let (Some(first), Some(last)) = (bytes.first(), bytes.last()) else { return false };
    bytes.len() <= max
        && edge(*first)
        && edge(*last)
        && bytes.iter().all(|byte| edge(*byte) || matches!(byte, b'.' | b'_' | b'-'))
        && !text.contains("..")
}

fn printable(text: &str, max: usize) -> bool {
    !text.is_empty() && text.len() <= max && text.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ')
}

fn label(text: &str, max: usize) -> bool {
    !text.is_empty() && text.len() <= max && !text.chars().any(char::is_control)
}

#[cfg(test)]
mod tests {
    use super::*;

    // attack 56
    #[test]
    fn only_the_documented_set_is_a_queue_name() {
        for good in ["orders", "a", "orders.eu-1", "con", "0", "a_b"] {
            assert!(QueueName::parse(good).is_ok(), "{good}");
        }
        let long = "a".repeat(10 * 1024);
        for bad in [
            "",
            ".",
            "..",
            "a..b",
            "a/../b",
            "/",
            "a\0b",
            "a\r\nb",
            long.as_str(),
            "оrders",
            "or\u{200b}ders",
            "\u{202e}sredro",
            "Orders",
            "orders.",
            "-a",
            " a",
            "a b",
            "orders%2Ea",
            "*",
            "a:b",
        ] {
            let error = QueueName::parse(bad).expect_err(bad);
            assert_eq!(error.what, "queue name");
        }
    }

    #[test]
    fn attribute_names_leave_the_dollar_to_the_envelope() {
        assert!(AttributeName::parse("tenant").is_ok());
        assert!(AttributeName::parse("$part").is_err());
        assert!(AttributeName::parse("a b").is_err());
    }
}
