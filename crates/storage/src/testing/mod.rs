//! What the tests of this crate, and of those above it, run on. Nothing here guards anything: the keys
//! are known and the disk loses data on purpose.
//!
//! - [`conformance`]: what every journal must pass.
//! - [`home`]: where a journal lives between two openings.
//! - [`keys`]: data keys without a registry.
//! - [`lossy_disk`]: a disk in memory that keeps only what was synced.
//! - [`samples`]: facts to store. [`state_samples`]: rows.

pub mod conformance;
pub mod home;
pub mod keys;
pub mod lossy_disk;
mod lossy_file;
pub mod samples;
pub mod schedule_samples;
pub mod state_samples;
