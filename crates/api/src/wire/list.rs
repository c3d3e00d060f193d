//! Lists of a bounded length, counted while they are read.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{Error as _, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

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

#[cfg(test)]
mod tests {
    use crate::format::Format;
    use crate::v1::{AccessKeyIn, Complete, JobBatchIn, JobIn};

    // attack 23
    #[test]
    fn a_list_is_counted_while_it_is_read() {
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
}
