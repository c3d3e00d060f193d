//! Why a list of rows is not that of a shard.

use std::fmt;

/// A list of rows that no shard has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RowError {
    /// The list does not begin with the shard's own row, or has another one.
    Order,
    /// The same thing stands there twice.
    Twice {
        /// What.
        what: &'static str,
    },
    /// A row refers to something that no row before it is about.
    Unknown {
        /// What.
        what: &'static str,
    },
    /// Rows, or parts of one, do not fit together.
    Contradiction {
        /// What is wrong.
        why: String,
    },
}

impl RowError {
    pub(in crate::queue) fn contradiction(why: impl Into<String>) -> Self {
        Self::Contradiction { why: why.into() }
    }
}

impl fmt::Display for RowError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Order => f.write_str("the rows do not begin with the one that is about all of them"),
            Self::Twice { what } => write!(f, "the same {what} stands there twice"),
            Self::Unknown { what } => write!(f, "a row is about a {what} that is not there"),
            Self::Contradiction { why } => write!(f, "rows contradict each other: {why}"),
        }
    }
}

impl std::error::Error for RowError {}
