//! Writes a header. The byte table is the one of `sealane_core::sealed`, which reads it.

use sealane_core::sealed::{
    Extensions, Flags, HEADER_BYTES_MAX, HEADER_BYTES_MIN, MAGIC, RECIPIENTS_MAX, Recipient, SUITE_COMMITTING,
};
use sealane_crypto::prefix;

use crate::error::SealError;

pub(crate) struct HeaderDraft<'a> {
    pub(crate) flags: Flags,
    pub(crate) message_id: &'a [u8; 16],
    pub(crate) created_ms: u64,
    pub(crate) expires_ms: Option<u64>,
    pub(crate) salt: &'a [u8; 32],
    pub(crate) dek_id: &'a [u8; 16],
    pub(crate) recipients: &'a [Recipient<'a>],
    pub(crate) extensions: &'a Extensions<'a>,
}

impl HeaderDraft<'_> {
    /// How long the header will be, so that the whole envelope is allocated once.
    pub(crate) fn len(&self) -> usize {
        let recipients: usize = self.recipients.iter().map(|r| 1 + 16 + 2 + r.blob.len()).sum();
        HEADER_BYTES_MIN + recipients + extensions_len(self.extensions)
    }

    /// Appends the header to `out`, which is empty.
    pub(crate) fn write(&self, out: &mut Vec<u8>) -> Result<(), SealError> {
        let len = self.len();
        let too_long = SealError::HeaderTooLong { bytes: len, max: HEADER_BYTES_MAX };
        if len > HEADER_BYTES_MAX {
            return Err(too_long);
        }
        let Ok(header_len) = u16::try_from(len) else { return Err(too_long) };
        let count = self.recipients.len();
        let Some(recipients) = u8::try_from(count).ok().filter(|&n| n <= RECIPIENTS_MAX) else {
            return Err(SealError::TooManyRecipients { count });
        };
        let expires_ms = match self.expires_ms {
            None => 0,
            Some(expires_ms) if expires_ms > self.created_ms => expires_ms,
            Some(expires_ms) => {
                return Err(SealError::ExpiresBeforeCreated { expires_ms, now_ms: self.created_ms });
            }
        };
        out.extend_from_slice(&MAGIC);
        out.extend_from_slice(&[SUITE_COMMITTING, self.flags.byte()]);
        out.extend_from_slice(&header_len.to_be_bytes());
        out.extend_from_slice(self.message_id);
        out.extend_from_slice(&self.created_ms.to_be_bytes());
        out.extend_from_slice(&expires_ms.to_be_bytes());
        out.extend_from_slice(self.salt);
        out.extend_from_slice(self.dek_id);
        out.push(recipients);
        for recipient in self.recipients {
            out.push(recipient.kind.byte());
            out.extend_from_slice(recipient.id);
            out.extend_from_slice(&u16_len(recipient.blob.len()));
            out.extend_from_slice(recipient.blob);
        }
        out.extend_from_slice(&u16_len(extensions_len(self.extensions)));
        write_extensions(self.extensions, out);
        Ok(())
    }
}

fn extensions_len(extensions: &Extensions<'_>) -> usize {
    let fixed = [
        (extensions.not_before_ms.is_some(), 8),
        (extensions.producer.is_some(), 24),
        (extensions.clone_of.is_some(), 16),
        (extensions.template.is_some(), 16),
        (extensions.epoch.is_some(), 20),
    ];
    let fixed: usize = fixed.iter().filter(|(present, _)| *present).map(|(_, len)| 3 + len).sum();
    fixed
        + extensions.bound_names.map_or(0, |names| 3 + names.iter().map(|name| 4 + name.len()).sum::<usize>())
}

/// Invariant: tags are written ascending.
fn write_extensions(extensions: &Extensions<'_>, out: &mut Vec<u8>) {
    let mut field = |tag: u8, parts: &[&[u8]]| {
        out.push(tag);
        out.extend_from_slice(&u16_len(parts.iter().map(|part| part.len()).sum()));
        for part in parts {
            out.extend_from_slice(part);
        }
    };
    if let Some(not_before_ms) = extensions.not_before_ms {
        field(1, &[&not_before_ms.to_be_bytes()]);
    }
    if let Some(producer) = extensions.producer {
        field(2, &[&producer.id, &producer.sequence.to_be_bytes()]);
    }
    if let Some(id) = extensions.clone_of {
        field(3, &[&id]);
    }
    if let Some(names) = extensions.bound_names {
        let names: Vec<&[u8]> = names.iter().map(str::as_bytes).collect();
        field(4, &[&prefix::join(&names)]);
    }
    if let Some(schedule_id) = extensions.template {
        field(5, &[&schedule_id]);
    }
    if let Some(epoch) = extensions.epoch {
        field(6, &[&epoch.number.to_be_bytes(), &epoch.root_id]);
    }
}

fn u16_len(len: usize) -> [u8; 2] {
    u16::try_from(len).expect("the whole header is at most 16384 bytes, checked before writing").to_be_bytes()
}
