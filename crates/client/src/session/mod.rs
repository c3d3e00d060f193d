//! A session in this process's hands.
//!
//! ```text
//! accept ──▶ held ── renewed by itself ──▶ closed: free for the next one, jobs that are out go back
//!             │
//!             └─ lost: another one may hold it. Every call says so, and so does each of its handlers' context
//! ```
//! - `request`: asking for one, by name or the next that is free.
//! - `held`: what its holder can do.
//! - `keep`: renewing it, and noticing that it is lost.
//! - `state`: what it remembers, sealed.

mod held;
mod keep;
mod request;
mod state;

pub use held::Session;
pub(crate) use keep::Lost;
pub use request::SessionRequest;
