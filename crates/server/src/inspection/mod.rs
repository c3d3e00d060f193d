//! Looking at a data directory without serving from it: whether a server would start on it, and whether
//! what is in it is whole. Changes nothing but the lock, which it holds meanwhile.
//!
//! | file | what it answers |
//! |---|---|
//! | `journal` | is every record there and does it open |
//! | `checks` | what would keep a server from starting, or from going on for long |

mod checks;
mod journal;

pub use checks::{Check, Verdict, inspect};
pub use journal::{JournalReport, verify_journal};
