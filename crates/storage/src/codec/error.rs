//! Why stored bytes are not a record.

use std::fmt;

/// The bytes are not a record of any layout known here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DecodeError {
    /// A field's value is not allowed.
    Field {
        /// Which field.
        field: &'static str,
    },
    /// Bytes are left over.
    Trailing {
        /// How many.
        bytes: usize,
    },
    /// The bytes end too early.
    Truncated {
        /// In which field.
        field: &'static str,
    },
    /// No record has this tag and version.
    UnknownTag {
        /// The tag.
        tag: u8,
        /// The version.
        version: u8,
    },
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Field { field } => write!(f, "the field {field} holds a value that is not allowed"),
            Self::Trailing { bytes } => write!(f, "{bytes} bytes follow the end of the record"),
            Self::Truncated { field } => write!(f, "the record ends inside the field {field}"),
            Self::UnknownTag { tag, version } => write!(f, "tag {tag} version {version} is not known"),
        }
    }
}

impl std::error::Error for DecodeError {}
