//! The joint between the library and whatever carries jobs.
//!
//! A provider knows nothing of keys: bodies reach it sealed. It tries once; trying again is the
//! client's business. What it cannot do is in its [`Capabilities`].

mod act;
mod bulk;
mod capabilities;
mod events;
mod joint;

pub use act::JobAct;
pub use bulk::BulkWork;
pub use capabilities::Capabilities;
pub use events::{EventSource, Heard};
pub use joint::Provider;
