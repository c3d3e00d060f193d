//! Who is calling? The first room behind the door.
//!
//! - [`AccessKeyText`]: the key as people and programs carry it.
//! - [`AccessKeys`]: the keys the server knows, and the one way to check one.

mod access_key_text;
mod access_keys;

pub use access_key_text::{AccessKeyText, Environment, MalformedKey};
pub use access_keys::{AccessKeys, Caller};
