//! The oracle can see: for each promise a story in which it is broken, and beside it the same story as it
//! should go. Told in the bytes that would travel, or in the journal's events.
//!
//! - [`answers`]: what clients see of jobs.
//! - [`themes`]: what they see of sessions, limits, keys, batches and flows.
//! - [`recorded`]: what the journal says.

mod answers;
mod recorded;
mod story;
mod themes;
