//! The second machine: who may come in. It knows access keys and nothing of jobs.
//!
//! - [`AccessKey`] and its [`Role`]: who a key stands for and what it opens.
//! - [`QueuePattern`]: which queues it opens.
//! - [`Control`]: commands judged, events applied.

mod access_key;
mod machine;
mod pattern;

pub use access_key::{AccessKey, Role};
pub use machine::{Control, ControlEvent, ControlRefusal};
pub use pattern::{PatternError, QueuePattern};
