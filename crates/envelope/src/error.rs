//! Why sealing or opening failed, for the one who holds the keys. Strangers hear
//! [`OpenError::public_reason`] and nothing else.

use data_encoding::HEXLOWER;
use sealane_core::sealed::SyntaxError;
use sealane_crypto::RandomError;
use thiserror::Error;

use crate::keys::KeyError;

/// Nothing was sealed, and no plaintext has gone anywhere.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SealError {
    /// The body does not fit the format.
    #[error(
        "a body of {bytes} bytes is longer than one envelope holds; store it elsewhere and seal a reference"
    )]
    BodyTooLong {
        /// Its length.
        bytes: usize,
    },
    /// The clock gives a time the format cannot date a key with.
    #[error("the clock says {now_ms} ms since 1970; set it right before sealing")]
    ClockOutOfRange {
        /// What the clock says.
        now_ms: u64,
    },
    /// The job would repeat itself.
    #[error("a job cannot be a clone of itself; give the clone an id of its own")]
    CloneOfItself,
    /// The job would be expired before it exists.
    #[error(
        "the expiry {expires_ms} is not after the present {now_ms}; give the job more time or none to expire"
    )]
    ExpiresBeforeCreated {
        /// The expiry asked for.
        expires_ms: u64,
        /// The present.
        now_ms: u64,
    },
    /// Recipients and extensions do not fit the header.
    #[error("a header of {bytes} bytes is over {max}; use fewer recipients or bound names")]
    HeaderTooLong {
        /// Its length.
        bytes: usize,
        /// The longest there may be.
        max: usize,
    },
    /// Content type and attributes do not fit.
    #[error("content type and attributes take {bytes} bytes, over {max}; move some of them into the body")]
    InnerFieldsTooLong {
        /// Their length as written.
        bytes: usize,
        /// The longest they may be.
        max: usize,
    },
    /// No key to seal with.
    #[error("no key to seal with")]
    Key(#[from] KeyError),
    /// No fresh random bytes.
    #[error("no fresh random bytes to seal with")]
    Random(#[from] RandomError),
    /// More recipients than a header holds.
    #[error("{count} recipients are over 8")]
    TooManyRecipients {
        /// How many were given.
        count: usize,
    },
}

impl From<sealane_crypto::SealError> for SealError {
    fn from(cause: sealane_crypto::SealError) -> Self {
        match cause {
            sealane_crypto::SealError::Random(cause) => Self::Random(cause),
            // The cipher's own bound lies far above the format's, which was checked before.
            _ => Self::BodyTooLong { bytes: usize::MAX },
        }
    }
}

/// Nothing was opened. The distinction is for trusted logs and for the worker's own decision.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum OpenError {
    /// Another key, another place, or changed bytes; which of them is not knowable.
    #[error("the envelope does not open here: another key, another place or changed bytes")]
    AuthenticationFailed,
    /// It opened, and what is inside breaks the format: its sealer is at fault.
    #[error("the envelope is genuine but its content breaks the format; its producer must be mended")]
    Content(#[from] ContentError),
    /// Its time is over.
    #[error("the envelope expired at {expires_ms}, it is {now_ms}; ask its producer to send it again")]
    Expired {
        /// When it expired.
        expires_ms: u64,
        /// The present.
        now_ms: u64,
    },
    /// It claims to be sealed later than now, beyond what clocks may differ.
    #[error(
        "the envelope is dated {created_ms}, it is {now_ms}; compare the clocks of producer and consumer"
    )]
    FromTheFuture {
        /// When it says it was sealed.
        created_ms: u64,
        /// The present.
        now_ms: u64,
    },
    /// It breaks a rule of the format.
    #[error("the envelope breaks a rule of the format")]
    Invalid(#[source] SyntaxError),
    /// The key provider did not answer.
    #[error("the key provider failed")]
    Key(#[from] KeyError),
    /// No key of that id is to be had.
    #[error("no key {} is at hand; add its root to the keyring", HEXLOWER.encode(id))]
    KeyNotFound {
        /// The root's id, or the data key's where no root is named.
        id: [u8; 16],
    },
    /// It must not be handled yet.
    #[error("the envelope is valid from {not_before_ms} on, it is {now_ms}")]
    NotYetValid {
        /// From when on it is valid.
        not_before_ms: u64,
        /// The present.
        now_ms: u64,
    },
    /// The bytes are not sealed at all.
    #[error("the body is not sealed, and only sealed bodies are accepted here")]
    PlaintextRefused,
    /// It needs something this version does not do.
    #[error("the envelope uses {feature}, which this version does not open; use a newer one")]
    Unsupported {
        /// What it needs.
        feature: &'static str,
    },
    /// Another version or suite of the format.
    #[error("the envelope's version or cipher suite is not accepted here")]
    UnsupportedVersion(#[source] SyntaxError),
    /// It belongs to another job.
    #[error("the envelope belongs to {}, not to {}", HEXLOWER.encode(found), HEXLOWER.encode(expected))]
    WrongMessage {
        /// The job it was presented under.
        expected: [u8; 16],
        /// The id it carries.
        found: [u8; 16],
    },
}

impl OpenError {
    /// What may be said to anybody: the same words whatever went wrong.
    #[must_use]
    pub const fn public_reason(&self) -> &'static str {
        "body cannot be opened"
    }
}

impl From<SyntaxError> for OpenError {
    fn from(cause: SyntaxError) -> Self {
        match cause {
            SyntaxError::NotSealed => Self::PlaintextRefused,
            SyntaxError::UnsupportedSuite { .. } | SyntaxError::UnsupportedVersion { .. } => {
                Self::UnsupportedVersion(cause)
            }
            _ => Self::Invalid(cause),
        }
    }
}

/// How authentic content breaks the format.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
#[non_exhaustive]
pub enum ContentError {
    /// Attributes are out of order, repeated, cut off or not text.
    #[error("attributes are unsorted, repeated, cut off or not text")]
    Attributes,
    /// The content type is not text.
    #[error("the content type is not text")]
    ContentType,
    /// An inner field is empty; it should have been left out.
    #[error("inner field {tag} is empty")]
    EmptyField {
        /// The field's tag.
        tag: u8,
    },
    /// An inner field is out of order or repeated.
    #[error("inner field {tag} is repeated or out of order")]
    FieldOrder {
        /// The field's tag.
        tag: u8,
    },
    /// The padding is not exactly the zeros the true length asks for.
    #[error("the padding is not what the true length asks for")]
    Padding,
    /// A length inside reaches past the end.
    #[error("a length inside the content reaches past its end")]
    Truncated,
    /// An inner field that is not known.
    #[error("inner field {tag} is unknown")]
    UnknownField {
        /// The field's tag.
        tag: u8,
    },
}
