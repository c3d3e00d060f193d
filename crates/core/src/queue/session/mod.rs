//! Sessions: the jobs of one session are handed out one behind the other, in the order they came, to one
//! worker at a time. `docs/sessions.md` has the rules in words.
//!
//! - `settings`: what a queue says about its sessions.
//! - `index`: every session's jobs in line, and who holds it. Knows tokens, never names.
//! - `circle`: who may not come in behind those who wait for it.
//! - `decide` and `evolve`: what is asked of sessions, and what becomes of it.
//! - `view`: sessions as they stand, for whoever looks.

mod circle;
mod command;
mod decide;
mod evolve;
mod index;
pub(super) mod invariants;
mod settings;
mod view;

pub use command::{AcceptSession, LeaseSession, SessionCommand, SessionReceipt};
pub(super) use index::{Lock, Session, Sessions};
pub use settings::{SessionMode, SessionSettings};
pub use view::{SessionCounts, SessionName, SessionView};

use crate::job::words;

words! {
    /// What ended the hold of a session.
    SessionEnd {
        /// Its holder gave it back.
        Closed = "closed" / 1,
        /// A person took it away.
        Broken = "broken" / 2,
        /// It was held for as long as wished, or as a session may be.
        Over = "over" / 3,
        /// Its holder had no job of it and said nothing.
        Idle = "idle" / 4,
    }
}
