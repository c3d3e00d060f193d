//! The server's own keys, at rest in its data directory.
//!
//! ```text
//!   master.key        the master key: text, 0600. Wraps everything below, encrypts no data
//!   keys/registry     the data keys, wrapped. Small, rewritten whole, erasable key by key
//!   journal/…         what the data keys encrypt
//! ```
//!
//! - [`MasterKey`]: the file and its text form.
//! - [`Registry`]: the data keys; what the journal asks for keys.
//! - [`BlindTokens`]: what stands for callers' texts where those are told apart.
//! - [`ServerKeys`]: which of the two files may be made, and when a missing one is a refusal.
//!
//! A copy of the data directory without `master.key` is unreadable; one with it is not protected at
//! all. That is why the registry does not live inside the journal: a backup of the data needs neither.

mod blind_tokens;
mod master;
mod registry;
mod registry_bytes;
mod server_keys;

pub use blind_tokens::{BlindTokens, TokenField};
pub use master::{MasterKey, MasterKeyError};
pub use registry::{Registry, RegistryError};
pub use server_keys::{KeysError, ServerKeys};
