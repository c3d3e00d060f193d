//! The floor below [`Envelope`](crate::Envelope): every input explicit, nothing looked up and no
//! clock read. It is here for test vectors and for tests of the format. Products seal with
//! `Envelope`, which cannot be handed a salt twice.

use sealane_core::sealed::{
    COMMITMENT_BYTES, Extensions, Flags, Header, NONCE_BYTES, Recipient, SUITE_COMMITTING, TAG_BYTES,
};
use sealane_crypto::commit::{self, ContextHash, Derived};
use sealane_crypto::digest::sha256;

use crate::content::Content;
use crate::error::{OpenError, SealError};
use crate::format::{HeaderDraft, InnerDraft, read_content};
use crate::keys::DataKey;

/// Everything an envelope is made of except what is inside.
#[derive(Clone, Debug)]
pub struct Draft<'a> {
    /// The key to seal under.
    pub data_key: &'a DataKey,
    /// What the envelope is bound to.
    pub context: ContextHash,
    /// The job's id.
    pub message_id: [u8; 16],
    /// When it is sealed.
    pub created_ms: u64,
    /// When it stops being valid.
    pub expires_ms: Option<u64>,
    /// Random, and never used for a second envelope.
    pub salt: [u8; 32],
    /// Random.
    pub nonce: [u8; NONCE_BYTES],
    /// Flags to write. [`seal`] pads accordingly.
    pub flags: Flags,
    /// For whom the data key travels along.
    pub recipients: &'a [Recipient<'a>],
    /// Extensions to write.
    pub extensions: Extensions<'a>,
}

/// Seals content.
///
/// # Errors
/// When content or header do not fit the format.
pub fn seal(draft: &Draft<'_>, content: &Content) -> Result<Vec<u8>, SealError> {
    let inner = InnerDraft::new(content, draft.flags.padded)?;
    assemble(draft, inner.len(), |out| inner.write(out))
}

/// Seals bytes as the whole plaintext, whatever they are. Openers may well refuse them: that is
/// what this is for.
///
/// # Errors
/// When the header does not fit the format.
pub fn danger_seal_plaintext(draft: &Draft<'_>, plaintext: &[u8]) -> Result<Vec<u8>, SealError> {
    assemble(draft, plaintext.len(), |out| out.extend_from_slice(plaintext))
}

fn assemble(
    draft: &Draft<'_>,
    plaintext_len: usize,
    write_plaintext: impl FnOnce(&mut Vec<u8>),
) -> Result<Vec<u8>, SealError> {
    let header = HeaderDraft {
        flags: draft.flags,
        message_id: &draft.message_id,
        created_ms: draft.created_ms,
        expires_ms: draft.expires_ms,
        salt: &draft.salt,
        dek_id: draft.data_key.id(),
        recipients: draft.recipients,
        extensions: &draft.extensions,
    };
    let header_len = header.len();
    let start = header_len + COMMITMENT_BYTES + NONCE_BYTES;
    // Why exact: a growing vector would leave plaintext in the allocation it grew out of.
    let mut out = Vec::with_capacity(start + plaintext_len + TAG_BYTES);
    header.write(&mut out)?;
    debug_assert_eq!(out.len(), header_len, "the length promised is the length written");
    let derived = derive(draft.data_key, &draft.salt, &out, &draft.context);
    out.extend_from_slice(derived.commitment());
    out.extend_from_slice(&draft.nonce);
    write_plaintext(&mut out);
    match derived.seal_in_place(&draft.nonce, &mut out[start..]) {
        Ok(tag) => out.extend_from_slice(&tag),
        Err(cause) => {
            out[start..].fill(0);
            return Err(cause.into());
        }
    }
    Ok(out)
}

/// Opens what stands behind a header: key id, commitment, tag, padding, inner fields, in this
/// order. Message id and times are the caller's to check.
///
/// # Errors
/// [`OpenError::AuthenticationFailed`] unless key, context and every byte are the sealer's; after
/// that, what is wrong inside.
pub fn open(header: &Header<'_>, data_key: &DataKey, context: &ContextHash) -> Result<Content, OpenError> {
    let derived = derive(data_key, header.salt(), header.bytes(), context);
    let opened = derived.open(header.commitment(), header.nonce(), header.ciphertext());
    // Why after opening: a key under a wrong name is refused as late as a wrong tag.
    if data_key.id() != header.dek_id() {
        return Err(OpenError::AuthenticationFailed);
    }
    let plaintext = opened.map_err(|_| OpenError::AuthenticationFailed)?;
    if header.flags().compressed {
        return Err(OpenError::Unsupported { feature: "compression" });
    }
    read_content(plaintext.into_inner(), header.flags())
}

/// Costs what [`open`] costs and opens nothing: for an envelope whose key is not known, so that
/// the answer comes as late as for one that was tampered with.
pub(crate) fn pretend(header: &Header<'_>, decoy: &DataKey, context: &ContextHash) {
    let derived = derive(decoy, header.salt(), header.bytes(), context);
    // Whatever comes out is dropped and wiped: nobody was to open this envelope.
    let _ = derived.open(header.commitment(), header.nonce(), header.ciphertext());
}

fn derive(data_key: &DataKey, salt: &[u8; 32], header: &[u8], context: &ContextHash) -> Derived {
    commit::derive(data_key.key(), salt, SUITE_COMMITTING, &sha256(&[header]), context)
}
