//! The recipients of a header: who can get at the data key without knowing it already. Here
//! they are shapes; opening one is the envelope's business.

use super::cursor::Cursor;
use super::error::SyntaxError;

/// Most recipients a header may hold.
pub const RECIPIENTS_MAX: u8 = 8;

const KMS_BYTES_MAX: usize = 1024;

/// How a recipient gets at the data key.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum RecipientKind {
    /// HPKE with P-256.
    HpkeP256,
    /// HPKE with P-384.
    HpkeP384,
    /// HPKE with X25519.
    HpkeX25519,
    /// The data key under a symmetric wrapping key.
    KeyWrap,
    /// A blob only a key management service can open.
    Kms,
    /// X-Wing, the hybrid of ML-KEM-768 and X25519.
    XWing,
}

impl RecipientKind {
    /// The kind behind a type byte. Type 7 is reserved and refused like any unknown one.
    ///
    /// # Errors
    /// When the type is not one of 1 to 6.
    pub const fn from_byte(kind: u8) -> Result<Self, SyntaxError> {
        Ok(match kind {
            1 => Self::KeyWrap,
            2 => Self::Kms,
            3 => Self::HpkeX25519,
            4 => Self::HpkeP256,
            5 => Self::HpkeP384,
            6 => Self::XWing,
            _ => return Err(SyntaxError::UnknownRecipient { kind }),
        })
    }

    /// The type byte.
    #[must_use]
    pub const fn byte(self) -> u8 {
        match self {
            Self::KeyWrap => 1,
            Self::Kms => 2,
            Self::HpkeX25519 => 3,
            Self::HpkeP256 => 4,
            Self::HpkeP384 => 5,
            Self::XWing => 6,
        }
    }

    /// Whether a blob of this kind can have this length: encapsulated key and wrapped data key.
    const fn allows(self, len: usize) -> bool {
        match self {
            Self::KeyWrap => len == 124,
            Self::Kms => len >= 1 && len <= KMS_BYTES_MAX,
            Self::HpkeX25519 => len == 32 + 48,
            Self::HpkeP256 => len == 65 + 48,
            Self::HpkeP384 => len == 97 + 48,
            Self::XWing => len == 1120 + 48,
        }
    }

    const fn is_classical_public_key(self) -> bool {
        matches!(self, Self::HpkeP256 | Self::HpkeP384 | Self::HpkeX25519)
    }
}

/// One recipient.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Recipient<'a> {
    /// How it gets at the data key.
    pub kind: RecipientKind,
    /// Who it is.
    pub id: &'a [u8; 16],
    /// The wrapped data key.
    pub blob: &'a [u8],
}

/// The recipients of one header, already checked.
#[derive(Clone, Copy, Debug)]
pub struct Recipients<'a> {
    count: u8,
    bytes: &'a [u8],
}

impl<'a> Recipients<'a> {
    /// Reads and checks the count and that many recipients, leaving the cursor behind them.
    pub(super) fn parse(cursor: &mut Cursor<'a>) -> Result<Self, SyntaxError> {
        let count = cursor.u8()?;
        if count > RECIPIENTS_MAX {
            return Err(SyntaxError::TooManyRecipients { count });
        }
        let bytes = cursor.rest();
        let (mut classical, mut post_quantum) = (false, false);
        for _ in 0..count {
            let recipient = read(cursor)?;
            classical |= recipient.kind.is_classical_public_key();
            post_quantum |= recipient.kind == RecipientKind::XWing;
        }
        if classical && post_quantum {
            return Err(SyntaxError::MixedRecipients);
        }
        let bytes = &bytes[..bytes.len() - cursor.rest().len()];
        Ok(Self { count, bytes })
    }

    /// How many there are.
    #[must_use]
    pub const fn count(&self) -> u8 {
        self.count
    }

    /// Each recipient, as written.
    pub fn iter(&self) -> impl Iterator<Item = Recipient<'a>> + use<'a> {
        let mut cursor = Cursor::new(self.bytes);
        std::iter::from_fn(move || {
            (!cursor.is_empty()).then(|| read(&mut cursor).expect("parse read these very bytes before"))
        })
    }
}

fn read<'a>(cursor: &mut Cursor<'a>) -> Result<Recipient<'a>, SyntaxError> {
    let byte = cursor.u8()?;
    let kind = RecipientKind::from_byte(byte)?;
    let id = cursor.array()?;
    let len = usize::from(cursor.u16()?);
    if !kind.allows(len) {
        return Err(SyntaxError::RecipientLength { kind: byte });
    }
    Ok(Recipient { kind, id, blob: cursor.take(len)? })
}
