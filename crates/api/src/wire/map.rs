//! Maps of strings in which no name stands twice.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{Error as _, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A map of strings in which no name stands twice.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct StringMap(pub BTreeMap<String, String>);

impl fmt::Debug for StringMap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StringMap({})", self.0.len())
    }
}

impl StringMap {
    /// Whether nothing is in it.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_attribute_named_twice_is_refused() {
        assert!(serde_json::from_str::<StringMap>(r#"{"a":"1","b":"2"}"#).is_ok());
        assert!(serde_json::from_str::<StringMap>(r#"{"a":"1","a":"1"}"#).is_err());
    }
}
