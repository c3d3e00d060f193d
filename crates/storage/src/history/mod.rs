//! What is known of jobs that have ended, on disk, found without looking at all of them.
//!
//! Derived from the journal and made again from it: nothing here is the only place of anything. What
//! it costs to find a job, or to write one more, does not depend on how many there are.
//!
//! | module | what it answers |
//! |---|---|
//! | `set` | which runs there are: taking new rows, what must be made again, views |
//! | `duties` | what is done in the background: merging by age, dropping what is over |
//! | `query` | jobs by what they are, newest first, page by page |
//! | `row` | what is kept of one job, and the keys that it stands under |
//! | `run`, `writer`, `merge` | one file: reading, writing, and one made of several |
//! | `section`, `postings`, `filter`, `page`, `header`, `summary` | the parts of a file (bytes: `FORMAT.md`) |
//! | `catalogue` | the file that names the runs |
//! | `keys` | what all of it is encrypted and searched under |
//! | `cache` | pages read a moment ago |
//!
//! A run is never changed once it is written: every change makes a file and then a catalogue that
//! names it, so there is no moment at which a lost power supply finds half of one.

mod cache;
mod catalogue;
mod duties;
mod error;
mod filter;
mod header;
mod keys;
mod merge;
mod page;
mod postings;
mod query;
mod row;
mod run;
mod section;
mod set;
mod summary;
mod writer;

pub use duties::Work;
pub use error::{Flaw, HistoryError};
pub use keys::{BlindToken, HistoryKeys};
pub use query::{HistoryPage, Query, Spot};
pub use row::{Ended, EndedJob, Row};
pub use set::{History, HistorySettings, HistoryView, OpenedHistory, Stretch};
