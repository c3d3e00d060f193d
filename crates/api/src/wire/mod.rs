//! Shapes of single values, as JSON and as CBOR: the same but for [`Bytes`] and [`Timestamp`].

mod bytes;
mod id;
mod list;
mod map;
mod map_only;
mod text;
mod time;

pub use bytes::Bytes;
pub use id::Id;
pub(crate) use list::{at_most, some_at_most};
pub use map::StringMap;
pub(crate) use map_only::{MapOnly, some_map_only};
pub use text::Text;
pub use time::{Timestamp, from_rfc3339, rfc3339};
