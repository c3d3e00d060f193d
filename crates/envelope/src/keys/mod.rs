//! Where sealing keys live and how an envelope asks for them.
//!
//! A *root* is 32 random bytes that producers and consumers share. Each day, namespace and queue
//! has a data key of its own, derived from the root, so both sides agree on it without talking.
//! [`Keyring`] is the list of roots and their states, [`memory`] serves one to an envelope,
//! [`mod@file`] keeps one on disk. Other homes of keys implement [`KeyProvider`].

pub mod file;
mod keyring;
pub mod memory;
mod provider;
mod root;

pub use keyring::{Keyring, KeyringError, RootEntry, RootState};
pub use provider::{KeyError, KeyProvider};
pub use root::{DataKey, Root, RootId};
