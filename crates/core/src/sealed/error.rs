//! One variant per rule of the syntax. They are for trusted logs and for producers under test;
//! a stranger is told no more than that the body is not a valid sealed body.

use std::error::Error;
use std::fmt;

/// The first rule a sealed body breaks.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum SyntaxError {
    /// The names listed as bound are not text, empty, reserved, repeated or out of order.
    BoundNames,
    /// It says that it repeats itself.
    CloneOfItself,
    /// The epoch lies more than a day from the creation time.
    EpochFarFromCreation,
    /// Expiry is not later than creation.
    ExpiresBeforeCreated,
    /// An extension has a length its tag does not allow.
    ExtensionLength {
        /// The extension's tag.
        tag: u8,
    },
    /// Extensions are out of order or repeated.
    ExtensionOrder {
        /// The tag that came too late.
        tag: u8,
    },
    /// Recipients and extensions do not end where the header says it ends.
    HeaderEnd,
    /// The header length is outside its bounds.
    HeaderLength {
        /// The length the header claims.
        bytes: usize,
    },
    /// Post-quantum and classical recipients side by side: the weaker one would decide.
    MixedRecipients,
    /// The bytes do not begin like a sealed body.
    NotSealed,
    /// A recipient has a length its type does not allow.
    RecipientLength {
        /// The recipient's type.
        kind: u8,
    },
    /// A flag is set that has no meaning.
    ReservedFlag,
    /// A template that expires, or whose message id is not the schedule's.
    Template,
    /// More recipients than a header may hold.
    TooManyRecipients {
        /// The count the header claims.
        count: u8,
    },
    /// The bytes end inside a field.
    Truncated,
    /// An extension that must be understood and is not.
    UnknownCriticalExtension {
        /// The extension's tag.
        tag: u8,
    },
    /// A recipient type that is not defined or only reserved.
    UnknownRecipient {
        /// The recipient's type.
        kind: u8,
    },
    /// A cipher suite this version does not accept.
    UnsupportedSuite {
        /// The suite's number.
        suite: u8,
    },
    /// Another version of the format.
    UnsupportedVersion {
        /// The version's character, as it stands after `QRE`.
        version: u8,
    },
}

impl fmt::Display for SyntaxError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BoundNames => f.write_str(
                "bound attribute names must be non-empty text, sorted, named once and not reserved",
            ),
            Self::CloneOfItself => f.write_str("a job cannot be a clone of itself"),
            Self::EpochFarFromCreation => {
                f.write_str("the key epoch is more than one day away from the creation time")
            }
            Self::ExpiresBeforeCreated => f.write_str("the expiry is not later than the creation time"),
            Self::ExtensionLength { tag } => write!(f, "extension {tag} has a length it cannot have"),
            Self::ExtensionOrder { tag } => write!(f, "extension {tag} is repeated or out of order"),
            Self::HeaderEnd => f.write_str("the header does not end where its length says"),
            Self::HeaderLength { bytes } => {
                write!(f, "a header of {bytes} bytes is outside 91 to 16384")
            }
            Self::MixedRecipients => {
                f.write_str("post-quantum and classical recipients must not share an envelope")
            }
            Self::NotSealed => f.write_str("the bytes are not a sealed body"),
            Self::RecipientLength { kind } => {
                write!(f, "a recipient of type {kind} has a length it cannot have")
            }
            Self::ReservedFlag => f.write_str("a reserved flag is set"),
            Self::Template => {
                f.write_str("a schedule template must carry the schedule's id and never expire")
            }
            Self::TooManyRecipients { count } => write!(f, "{count} recipients are more than 8"),
            Self::Truncated => f.write_str("the sealed body ends inside a field"),
            Self::UnknownCriticalExtension { tag } => {
                write!(f, "extension {tag} must be understood and is not; a newer reader may")
            }
            Self::UnknownRecipient { kind } => write!(f, "recipient type {kind} is not accepted"),
            Self::UnsupportedSuite { suite } => write!(f, "cipher suite {suite} is not accepted"),
            Self::UnsupportedVersion { version } => {
                write!(f, "version {} of the sealed format is not accepted", version.escape_ascii())
            }
        }
    }
}

impl Error for SyntaxError {}
