//! Shapes of single values: bytes, times, string maps.

use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use base64::Engine as _;
use base64::display::Base64Display;
use base64::engine::general_purpose::STANDARD;
use sealane_core::id::JobId;
use sealane_core::time::Time;
use serde::de::{Error as _, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Bytes: in JSON as base64 with padding (RFC 4648, section 4), one spelling only; in CBOR as they are.
///
/// Shared, not copied, when cloned.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Bytes(pub bytes::Bytes);

impl From<Vec<u8>> for Bytes {
    fn from(bytes: Vec<u8>) -> Self {
        Self(bytes.into())
    }
}

impl From<Bytes> for Vec<u8> {
    /// Takes the bytes over where nobody else holds them, else copies them.
    fn from(bytes: Bytes) -> Self {
        bytes.0.into()
    }
}

impl fmt::Debug for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Why: bodies must not come into a log by way of a derived Debug.
        write!(f, "Bytes({})", self.0.len())
    }
}

impl Serialize for Bytes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if !serializer.is_human_readable() {
            return serializer.serialize_bytes(&self.0);
        }
        // Why in pieces: the text need not exist in one place besides where it is written.
        serializer.collect_str(&Base64Display::new(&self.0, &STANDARD))
    }
}

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Base64;
        impl Visitor<'_> for Base64 {
            type Value = Bytes;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("base64 with padding")
            }
            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Bytes, E> {
                // Why no detail: the decoder's words quote the input, and the input is a body.
                STANDARD.decode(text).map(Bytes::from).map_err(|_| E::custom("not base64 with padding"))
            }
        }
        struct AsTheyAre;
        impl Visitor<'_> for AsTheyAre {
            type Value = Bytes;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("bytes")
            }
            fn visit_bytes<E: serde::de::Error>(self, bytes: &[u8]) -> Result<Bytes, E> {
                Ok(Bytes::from(bytes.to_vec()))
            }
            fn visit_byte_buf<E: serde::de::Error>(self, bytes: Vec<u8>) -> Result<Bytes, E> {
                Ok(Bytes::from(bytes))
            }
        }
        if deserializer.is_human_readable() {
            deserializer.deserialize_str(Base64)
        } else {
            deserializer.deserialize_bytes(AsTheyAre)
        }
    }
}

impl utoipa::PartialSchema for Bytes {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
        utoipa::openapi::ObjectBuilder::new()
            .schema_type(utoipa::openapi::schema::Type::String)
            .content_encoding("base64")
            .description(Some("Bytes in base64 with padding."))
            .into()
    }
}

impl utoipa::ToSchema for Bytes {
    fn name() -> std::borrow::Cow<'static, str> {
        "Bytes".into()
    }
}

/// A text that many hold: names go from one job to the next without being copied.
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Text(pub Arc<str>);

impl std::ops::Deref for Text {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl<T> From<T> for Text
where
    Arc<str>: From<T>,
{
    fn from(text: T) -> Self {
        Self(text.into())
    }
}

impl From<Text> for String {
    fn from(text: Text) -> Self {
        text.0.as_ref().to_owned()
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl Serialize for Text {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Shared;
        impl Visitor<'_> for Shared {
            type Value = Text;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }
            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Text, E> {
                Ok(Text(text.into()))
            }
        }
        deserializer.deserialize_str(Shared)
    }
}

impl utoipa::PartialSchema for Text {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
        String::schema()
    }
}

impl utoipa::ToSchema for Text {
    fn name() -> std::borrow::Cow<'static, str> {
        "Text".into()
    }
}

/// A job's id: a UUID in lower case with hyphens.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Id(pub JobId);

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Serialize for Id {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.with_text(|text| serializer.serialize_str(text))
    }
}

impl<'de> Deserialize<'de> for Id {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Uuid;
        impl Visitor<'_> for Uuid {
            type Value = Id;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a UUID")
            }
            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Id, E> {
                JobId::parse(text).map(Id).map_err(E::custom)
            }
        }
        deserializer.deserialize_str(Uuid)
    }
}

impl utoipa::PartialSchema for Id {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
        utoipa::openapi::ObjectBuilder::new()
            .schema_type(utoipa::openapi::schema::Type::String)
            .format(Some(utoipa::openapi::SchemaFormat::Custom("uuid".to_owned())))
            .into()
    }
}

impl utoipa::ToSchema for Id {
    fn name() -> std::borrow::Cow<'static, str> {
        "Id".into()
    }
}

/// Reads a list of at most so many items, and stops at the first one beyond: what is announced, or
/// takes a byte to write and many to keep, must not fill the memory before it is counted.
pub(crate) fn at_most<'de, D, T, const MAX: usize>(deserializer: D) -> Result<Vec<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    struct Items<T, const MAX: usize>(PhantomData<T>);
    impl<'de, T: Deserialize<'de>, const MAX: usize> Visitor<'de> for Items<T, MAX> {
        type Value = Vec<T>;
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a list")
        }
        fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Vec<T>, A::Error> {
            let mut items = Vec::with_capacity(list.size_hint().unwrap_or(0).min(MAX));
            while let Some(item) = list.next_element()? {
                if items.len() >= MAX {
                    return Err(A::Error::custom(format!("a list has more than {MAX} items")));
                }
                items.push(item);
            }
            Ok(items)
        }
    }
    deserializer.deserialize_seq(Items::<T, MAX>(PhantomData))
}

/// The same where the list may be absent or null.
pub(crate) fn some_at_most<'de, D, T, const MAX: usize>(deserializer: D) -> Result<Option<Vec<T>>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    struct Listed<T, const MAX: usize>(PhantomData<T>);
    impl<'de, T: Deserialize<'de>, const MAX: usize> Visitor<'de> for Listed<T, MAX> {
        type Value = Option<Vec<T>>;
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a list or nothing")
        }
        fn visit_none<E>(self) -> Result<Self::Value, E> {
            Ok(None)
        }
        fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
            at_most::<D, T, MAX>(deserializer).map(Some)
        }
    }
    deserializer.deserialize_option(Listed::<T, MAX>(PhantomData))
}

/// A map of strings in which no name stands twice.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct StringMap(pub BTreeMap<String, String>);

impl fmt::Debug for StringMap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StringMap({})", self.0.len())
    }
}

impl Serialize for StringMap {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(&self.0)
    }
}

impl<'de> Deserialize<'de> for StringMap {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Unique;
        impl<'de> Visitor<'de> for Unique {
            type Value = StringMap;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object of strings")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<StringMap, A::Error> {
                let mut map = BTreeMap::new();
                while let Some((name, value)) = entries.next_entry::<String, String>()? {
                    // Why a bound here: the next check is behind the whole object, and the object may be huge.
                    if map.len() >= sealane_core::limits::ATTRIBUTES_MAX {
                        return Err(A::Error::custom(format!(
                            "at most {} attributes",
                            sealane_core::limits::ATTRIBUTES_MAX
                        )));
                    }
                    if map.insert(name, value).is_some() {
                        return Err(A::Error::custom("an attribute is named twice"));
                    }
                }
                Ok(StringMap(map))
            }
        }
        deserializer.deserialize_map(Unique)
    }
}

impl utoipa::PartialSchema for StringMap {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
        let text = utoipa::openapi::ObjectBuilder::new().schema_type(utoipa::openapi::schema::Type::String);
        utoipa::openapi::ObjectBuilder::new()
            .schema_type(utoipa::openapi::schema::Type::Object)
            .additional_properties(Some(utoipa::openapi::schema::Schema::Object(text.build())))
            .into()
    }
}

impl utoipa::ToSchema for StringMap {
    fn name() -> std::borrow::Cow<'static, str> {
        "StringMap".into()
    }
}

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

    #[test]
    fn bytes_have_one_spelling() {
        for bad in [r#""aGk""#, r#""aGk=\n""#, r#""aG k=""#, r#""aGl=""#, "[1]", "5"] {
            assert!(serde_json::from_str::<Bytes>(bad).is_err(), "{bad}");
        }
        assert_eq!(serde_json::from_str::<Bytes>(r#""aGk=""#).unwrap(), Bytes::from(b"hi".to_vec()));
    }

    // attack 23
    #[test]
    fn a_list_is_counted_while_it_is_read() {
        use crate::format::Format;
        use crate::v1::{AccessKeyIn, Complete, JobBatchIn, JobIn};
        let texts = |count: usize| serde_json::to_value(vec![""; count]).unwrap();
        let job = |tags| serde_json::json!({"kind": "k", "body": "", "tags": texts(tags)});
        assert!(serde_json::from_value::<JobIn>(job(16)).is_ok());
        assert!(serde_json::from_value::<JobIn>(job(17)).unwrap_err().to_string().contains("more than 16"));
        let key = |queues| serde_json::json!({"principal": "p", "role": "worker", "queues": texts(queues)});
        assert!(serde_json::from_value::<AccessKeyIn>(key(64)).is_ok());
        assert!(serde_json::from_value::<AccessKeyIn>(key(65)).is_err());
        // A million empty items, and the reader stops at the first one too many: what follows them is
        // no JSON and no CBOR, and is never looked at.
        let jobs = [&br#"{"jobs":["#[..], &br#"{"kind":"k","body":""},"#.repeat(1_001), b"!"].concat();
        assert!(Format::Json.read::<JobBatchIn>(&jobs).unwrap_err().detail.contains("more than 1000"));
        let item = b"\xa1\x67receipt\x60";
        let items = [&b"\xa1\x65items\x9f"[..], &item.repeat(1_001), b"\xfe"].concat();
        assert!(Format::Cbor.read::<Complete>(&items).unwrap_err().detail.contains("more than 1000"));
    }

    #[test]
    fn an_attribute_named_twice_is_refused() {
        assert!(serde_json::from_str::<StringMap>(r#"{"a":"1","b":"2"}"#).is_ok());
        assert!(serde_json::from_str::<StringMap>(r#"{"a":"1","a":"1"}"#).is_err());
    }
}
