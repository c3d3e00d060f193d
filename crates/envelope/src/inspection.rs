//! What anybody can read off a sealed body without a key. Nothing of it is authenticated.

use data_encoding::HEXLOWER;
use sealane_core::sealed::{Flags, Header, RecipientKind, SyntaxError, TAG_BYTES};

/// The readable side of a sealed body; ids in hexadecimal, times in milliseconds since 1970.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Inspection {
    /// The cipher suite.
    pub suite: u8,
    /// What is special about the plaintext.
    pub flags: Flags,
    /// The job it claims to belong to.
    pub message_id: String,
    /// When it claims to have been sealed.
    pub created_ms: u64,
    /// When it stops being valid; `None` for never.
    pub expires_ms: Option<u64>,
    /// From when on it is valid.
    pub not_before_ms: Option<u64>,
    /// The data key it names.
    pub dek_id: String,
    /// The root it names.
    pub root_id: Option<String>,
    /// The day its key is for, counted from 1970.
    pub epoch: Option<u32>,
    /// The producer that counted it, and its number there.
    pub producer: Option<(String, u64)>,
    /// The finished job it repeats.
    pub clone_of: Option<String>,
    /// Names of further bound attributes.
    pub bound_names: Vec<String>,
    /// The schedule it is a template for.
    pub template: Option<String>,
    /// For whom its data key travels along.
    pub recipients: Vec<InspectedRecipient>,
    /// Length of the header.
    pub header_bytes: usize,
    /// Length of the encrypted content without its tag: all that shows of the body's length.
    pub content_bytes: usize,
    /// Length of everything.
    pub total_bytes: usize,
}

/// One recipient of an inspected body.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct InspectedRecipient {
    /// How it gets at the data key.
    pub kind: RecipientKind,
    /// Who it is, in hexadecimal.
    pub id: String,
}

/// Reads what can be read without a key.
///
/// # Errors
/// When the bytes are not a sealed body of the canonical form.
pub fn inspect(bytes: &[u8]) -> Result<Inspection, SyntaxError> {
    let header = Header::parse(bytes)?;
    let extensions = header.extensions();
    let hex = |id: &[u8; 16]| HEXLOWER.encode(id);
    let recipient = |entry: sealane_core::sealed::Recipient<'_>| InspectedRecipient {
        kind: entry.kind,
        id: hex(entry.id),
    };
    Ok(Inspection {
        suite: header.suite(),
        flags: header.flags(),
        message_id: hex(header.message_id()),
        created_ms: header.created_ms(),
        expires_ms: header.expires_ms(),
        not_before_ms: extensions.not_before_ms,
        dek_id: hex(header.dek_id()),
        root_id: extensions.epoch.map(|epoch| hex(&epoch.root_id)),
        epoch: extensions.epoch.map(|epoch| epoch.number),
        producer: extensions.producer.map(|producer| (hex(&producer.id), producer.sequence)),
        clone_of: extensions.clone_of.map(|id| hex(&id)),
        bound_names: extensions
            .bound_names
            .map_or_else(Vec::new, |names| names.iter().map(str::to_owned).collect()),
        template: extensions.template.map(|id| hex(&id)),
        recipients: header.recipients().iter().map(recipient).collect(),
        header_bytes: header.bytes().len(),
        content_bytes: header.ciphertext().len() - TAG_BYTES,
        total_bytes: bytes.len(),
    })
}
