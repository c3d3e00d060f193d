//! Owns the fixed part of a sealed body and the order in which its rules are checked.

use super::cursor::Cursor;
use super::error::SyntaxError;
use super::extension::Extensions;
use super::recipient::Recipients;

/// The content type a sealed body is declared with.
pub const CONTENT_TYPE: &str = "application/vnd.sealane.qre2";

/// What a sealed body begins with.
pub const MAGIC: [u8; 4] = *b"QRE2";

/// HKDF-SHA-256 with AES-256-GCM, key-committing: the one suite there is.
pub const SUITE_COMMITTING: u8 = 1;

/// Shortest header: no recipients, no extensions.
pub const HEADER_BYTES_MIN: usize = 91;

/// Longest header.
pub const HEADER_BYTES_MAX: usize = 16_384;

/// Length of the commitment.
pub const COMMITMENT_BYTES: usize = 32;

/// Length of the nonce.
pub const NONCE_BYTES: usize = 12;

/// Length of the tag at the very end.
pub const TAG_BYTES: usize = 16;

/// Bytes around the plaintext when there are neither recipients nor extensions.
pub const OVERHEAD_BYTES: usize = HEADER_BYTES_MIN + COMMITMENT_BYTES + NONCE_BYTES + TAG_BYTES;

/// Length of a key epoch: one day.
pub const MS_PER_EPOCH: u64 = 86_400_000;

/// What is special about the plaintext.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Flags {
    /// Its true length stands in front and zeros follow.
    pub padded: bool,
    /// It carries its producer's signature.
    pub signed: bool,
    /// The body in it is compressed.
    pub compressed: bool,
}

impl Flags {
    const PADDED: u8 = 1;
    const SIGNED: u8 = 1 << 1;
    const COMPRESSED: u8 = 1 << 2;

    /// The byte these flags are written as.
    #[must_use]
    pub const fn byte(self) -> u8 {
        let mut byte = 0;
        if self.padded {
            byte |= Self::PADDED;
        }
        if self.signed {
            byte |= Self::SIGNED;
        }
        if self.compressed {
            byte |= Self::COMPRESSED;
        }
        byte
    }

    const fn from_byte(byte: u8) -> Result<Self, SyntaxError> {
        if byte & !(Self::PADDED | Self::SIGNED | Self::COMPRESSED) != 0 {
            return Err(SyntaxError::ReservedFlag);
        }
        Ok(Self {
            padded: byte & Self::PADDED != 0,
            signed: byte & Self::SIGNED != 0,
            compressed: byte & Self::COMPRESSED != 0,
        })
    }

    /// Plaintext bytes there are at least: the length of the inner fields, and the true length.
    const fn plaintext_bytes_min(self) -> usize {
        if self.padded { 6 } else { 2 }
    }
}

/// A sealed body, read field by field. Nothing in it is authenticated yet.
#[derive(Clone, Copy, Debug)]
pub struct Header<'a> {
    header: &'a [u8],
    flags: Flags,
    message_id: &'a [u8; 16],
    created_ms: u64,
    expires_ms: Option<u64>,
    salt: &'a [u8; 32],
    dek_id: &'a [u8; 16],
    recipients: Recipients<'a>,
    extensions: Extensions<'a>,
    commitment: &'a [u8; COMMITMENT_BYTES],
    nonce: &'a [u8; NONCE_BYTES],
    ciphertext: &'a [u8],
}

impl<'a> Header<'a> {
    /// Reads a whole sealed body. There is one way to write each down, and any other is refused.
    ///
    /// # Errors
    /// The first rule that is broken, in the order the fields stand.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, SyntaxError> {
        let mut fixed = Cursor::new(bytes);
        check_magic(bytes)?;
        fixed.take(MAGIC.len())?;
        let suite = fixed.u8()?;
        if suite != SUITE_COMMITTING {
            return Err(SyntaxError::UnsupportedSuite { suite });
        }
        let flags = Flags::from_byte(fixed.u8()?)?;
        let header_len = usize::from(fixed.u16()?);
        if !(HEADER_BYTES_MIN..=HEADER_BYTES_MAX).contains(&header_len) {
            return Err(SyntaxError::HeaderLength { bytes: header_len });
        }
        let (header, sealed) = bytes.split_at_checked(header_len).ok_or(SyntaxError::Truncated)?;

        let mut fields = Cursor::new(&header[8..]);
        let message_id = fields.array()?;
        let created_ms = fields.u64()?;
        let expires_ms = match fields.u64()? {
            0 => None,
            expires_ms if expires_ms > created_ms => Some(expires_ms),
            _ => return Err(SyntaxError::ExpiresBeforeCreated),
        };
        let salt = fields.array()?;
        let dek_id = fields.array()?;
        let recipients = Recipients::parse(&mut fields)?;
        let extensions = Extensions::parse(&mut fields)?;
        if !fields.is_empty() {
            return Err(SyntaxError::HeaderEnd);
        }
        check_extensions(&extensions, message_id, created_ms, expires_ms)?;

        let mut rest = Cursor::new(sealed);
        let commitment = rest.array()?;
        let nonce = rest.array()?;
        let ciphertext = rest.rest();
        if ciphertext.len() < flags.plaintext_bytes_min() + TAG_BYTES {
            return Err(SyntaxError::Truncated);
        }
        Ok(Self {
            header,
            flags,
            message_id,
            created_ms,
            expires_ms,
            salt,
            dek_id,
            recipients,
            extensions,
            commitment,
            nonce,
            ciphertext,
        })
    }

    /// The header as written, up to the commitment: what its hash is taken of.
    #[must_use]
    pub const fn bytes(&self) -> &'a [u8] {
        self.header
    }

    /// The cipher suite.
    #[must_use]
    pub const fn suite(&self) -> u8 {
        SUITE_COMMITTING
    }

    /// What is special about the plaintext.
    #[must_use]
    pub const fn flags(&self) -> Flags {
        self.flags
    }

    /// The job this body claims to belong to.
    #[must_use]
    pub const fn message_id(&self) -> &'a [u8; 16] {
        self.message_id
    }

    /// When it was sealed, by the sealer's clock, in milliseconds since 1970.
    #[must_use]
    pub const fn created_ms(&self) -> u64 {
        self.created_ms
    }

    /// From when on it must not be handled; `None` for never.
    #[must_use]
    pub const fn expires_ms(&self) -> Option<u64> {
        self.expires_ms
    }

    /// The salt of its single-use key.
    #[must_use]
    pub const fn salt(&self) -> &'a [u8; 32] {
        self.salt
    }

    /// Which data key it was sealed under.
    #[must_use]
    pub const fn dek_id(&self) -> &'a [u8; 16] {
        self.dek_id
    }

    /// Who can unwrap the data key.
    #[must_use]
    pub const fn recipients(&self) -> Recipients<'a> {
        self.recipients
    }

    /// The extensions.
    #[must_use]
    pub const fn extensions(&self) -> &Extensions<'a> {
        &self.extensions
    }

    /// The commitment to the key.
    #[must_use]
    pub const fn commitment(&self) -> &'a [u8; COMMITMENT_BYTES] {
        self.commitment
    }

    /// The nonce.
    #[must_use]
    pub const fn nonce(&self) -> &'a [u8; NONCE_BYTES] {
        self.nonce
    }

    /// The ciphertext with its tag.
    #[must_use]
    pub const fn ciphertext(&self) -> &'a [u8] {
        self.ciphertext
    }
}

fn check_magic(bytes: &[u8]) -> Result<(), SyntaxError> {
    match bytes.first_chunk::<4>() {
        Some(&MAGIC) => Ok(()),
        Some(&[b'Q', b'R', b'E', version]) => Err(SyntaxError::UnsupportedVersion { version }),
        _ => Err(SyntaxError::NotSealed),
    }
}

fn check_extensions(
    extensions: &Extensions<'_>,
    message_id: &[u8; 16],
    created_ms: u64,
    expires_ms: Option<u64>,
) -> Result<(), SyntaxError> {
    if let Some(schedule_id) = extensions.template
        && (schedule_id != *message_id || expires_ms.is_some())
    {
        return Err(SyntaxError::Template);
    }
    if extensions.clone_of == Some(*message_id) {
        return Err(SyntaxError::CloneOfItself);
    }
    if let Some(epoch) = extensions.epoch
        && u64::from(epoch.number).abs_diff(created_ms / MS_PER_EPOCH) > 1
    {
        return Err(SyntaxError::EpochFarFromCreation);
    }
    Ok(())
}
