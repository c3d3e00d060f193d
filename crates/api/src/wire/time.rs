//! Points in time, typed until they are written.

use std::fmt;

use sealane_core::time::Time;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A time: in JSON as RFC 3339 in UTC with milliseconds, in CBOR as a whole number, the milliseconds
/// since 1970 in UTC.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Timestamp(pub Time);

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&rfc3339(self.0))
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl From<Time> for Timestamp {
    fn from(time: Time) -> Self {
        Self(time)
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            serializer.serialize_str(&rfc3339(self.0))
        } else {
            serializer.serialize_u64(self.0.unix_ms())
        }
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if !deserializer.is_human_readable() {
            return u64::deserialize(deserializer).map(|ms| Self(Time::from_unix_ms(ms)));
        }
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        from_rfc3339(&text)
            .map(Self)
            .ok_or_else(|| D::Error::custom("must be a time as in 2026-01-31T09:30:00Z"))
    }
}

impl utoipa::PartialSchema for Timestamp {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
        utoipa::openapi::ObjectBuilder::new()
            .schema_type(utoipa::openapi::schema::Type::String)
            .format(Some(utoipa::openapi::SchemaFormat::KnownFormat(utoipa::openapi::KnownFormat::DateTime)))
            .description(Some("RFC 3339 in UTC; in CBOR milliseconds since 1970."))
            .into()
    }
}

impl utoipa::ToSchema for Timestamp {
    fn name() -> std::borrow::Cow<'static, str> {
        "Timestamp".into()
    }
}

/// A time as RFC 3339 in UTC with milliseconds.
pub fn rfc3339(time: Time) -> String {
    let ms = i64::try_from(time.unix_ms()).unwrap_or(i64::MAX);
    let stamp = jiff::Timestamp::from_millisecond(ms).unwrap_or(jiff::Timestamp::MAX);
    format!("{stamp:.3}")
}

/// Reads a time as RFC 3339.
pub fn from_rfc3339(text: &str) -> Option<Time> {
    let stamp: jiff::Timestamp = text.parse().ok()?;
    u64::try_from(stamp.as_millisecond()).ok().map(Time::from_unix_ms)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_utc_with_milliseconds() {
        assert_eq!(rfc3339(Time::from_unix_ms(1_767_225_600_120)), "2026-01-01T00:00:00.120Z");
        assert_eq!(from_rfc3339("2026-01-01T00:00:00.120Z"), Some(Time::from_unix_ms(1_767_225_600_120)));
        assert!(rfc3339(Time::from_unix_ms(u64::MAX)).starts_with("9999-12-3"));
    }

    #[test]
    fn a_time_is_a_text_in_json_and_a_number_in_cbor() {
        let time = Timestamp(Time::from_unix_ms(1_767_225_600_120));
        assert_eq!(serde_json::to_string(&time).unwrap(), "\"2026-01-01T00:00:00.120Z\"");
        assert_eq!(crate::cbor::write(&time, 16), *b"\x1b\0\0\x01\x9b\x76\xda\xa8\x78");
        for format in crate::format::Format::ALL {
            assert_eq!(format.read::<Timestamp>(&format.write(&time, 16)).unwrap(), time);
        }
        for bad in [r#""yesterday""#, r#""2026-01-01""#, "1767225600120", r#""1960-01-01T00:00:00Z""#] {
            assert!(serde_json::from_str::<Timestamp>(bad).is_err(), "{bad}");
        }
    }
}
