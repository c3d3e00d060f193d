//! Ciphers, key derivation, secrets and randomness: the only crate that names a cipher library.
//!
//! Everything above this floor asks for a purpose ("seal this record", "tag these parts") and
//! never for an algorithm, so the day an algorithm is replaced it is replaced here. This crate
//! knows no file, no clock and no network; the one thing it takes from the world is random
//! bytes, and only through [`Random`], which the caller hands in.
//!
//! | module | what it answers |
//! |---|---|
//! | [`aead`] | AES-256-GCM under a key that is used once |
//! | [`at_rest`] | one encrypted record of the server's journal |
//! | [`commit`] | the committing derivation of a sealed body |
//! | [`digest`] | SHA-256 |
//! | [`kdf`] | HKDF-SHA-256 and labelled child keys |
//! | [`mark`] | keyed marks that tell long bytes apart |
//! | [`prefix`] | lengths before parts, so that no two lists of parts read alike |
//! | [`random`] | where unpredictable bytes come from |
//! | [`secret`] | values that cannot be printed and are wiped |
//! | [`token`] | keyed tags and comparison in constant time |
//! | [`wrap`] | a key sealed under another key |

pub mod aead;
pub mod at_rest;
pub mod commit;
pub mod digest;
mod error;
pub mod kdf;
mod mac;
pub mod mark;
pub mod prefix;
pub mod random;
pub mod secret;
pub mod token;
pub mod wrap;

pub use error::{OpenError, SealError};
pub use random::{Random, RandomError, SeededRandom, SequenceRandom, SystemRandom, Watched};
pub use secret::{Key, Secret};
pub use zeroize::Zeroize;
