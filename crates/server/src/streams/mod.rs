//! Streams of events to those who listen, as server-sent events (WHATWG HTML, section 9.2).
//!
//! ```text
//!  events ──read──▶ driver (a task) ──one piece of text──▶ body ──▶ connection
//!    ▲                 │ sees, wants?                                   ▲
//!    │                 └── key ended, draining, reader stalled ──cut────┘
//!  engine
//! ```
//! - [`EventStream`]: what one reader gets, and when that is over.
//! - [`Streams`]: how many there may be.
//! - `sight`: whether the one job that a stream is about is still to be seen.
//! - `body`: the way of a text into a connection. `text`: how events are written.

mod body;
mod driver;
mod places;
mod sight;
#[cfg(test)]
mod tests;
mod text;

pub use body::{StreamBody, outlet};
pub use driver::{EventStream, Over};
pub use places::{StreamPlace, Streams};
