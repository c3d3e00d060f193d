//! Where unpredictable bytes come from, and how a broken source is noticed.

mod danger;
mod pool;
mod source;
mod watched;

pub use danger::{SeededRandom, SequenceRandom};
pub use source::{Random, RandomError, SystemRandom};
pub use watched::Watched;
