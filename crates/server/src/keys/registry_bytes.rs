//! The registry's bytes. All numbers are big-endian.
//!
//! | offset | length | field |
//! |---|---|---|
//! | 0 | 8 | `SEALKEYS` |
//! | 8 | 2 | format version, 1 |
//! | 10 | 2 | zero |
//! | 12 | 4 | n, number of entries |
//! | 16 | 8 | version counter: one more with every rewrite |
//! | 24 | 16 | id of the master key |
//! | 40 | … | the entries, key refs ascending |
//! | … | 8 | checksum: beginning of SHA-256 over all before |
//! | … | 32 | MAC over all before the checksum, under a key derived from the master key |
//!
//! An entry:
//!
//! | length | field |
//! |---|---|
//! | 4 | key ref |
//! | 1 | purpose: 1 journal, 2 queue |
//! | 1 | state: 1 live, 2 destroyed |
//! | 2 + m | namespace, empty for the journal's key |
//! | 4 | queue number, 0 for the journal's key |
//! | 16 | id of the key |
//! | 124 | the wrapped key; zeros once destroyed |
//!
//! The checksum tells what the disk did, the MAC what somebody did.

use sealane_core::name::Namespace;
use sealane_crypto::wrap::WRAPPED_BYTES;
use sealane_crypto::{Key, digest, kdf, token};

const MAGIC: &[u8; 8] = b"SEALKEYS";
const FORMAT_VERSION: u16 = 1;
const HEADER_BYTES: usize = 40;
const CHECKSUM_BYTES: usize = 8;
const MAC_BYTES: usize = 32;

/// What a key is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    Journal,
    Queue { namespace: Namespace, queue: u32 },
}

/// One key, wrapped or gone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) key_ref: u32,
    pub(super) purpose: Purpose,
    pub(super) key_id: [u8; 16],
    /// `None` once destroyed.
    pub(super) wrapped: Option<[u8; WRAPPED_BYTES]>,
}

/// All of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct RegistryBytes {
    pub(super) version: u64,
    pub(super) entries: Vec<Entry>,
}

/// Why bytes are not a registry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RegistryBytesError {
    Damaged,
    Tampered,
    UnknownFormat(u16),
    WrongMasterKey,
}

impl RegistryBytes {
    pub(super) fn encode(&self, master: &Key, master_id: &[u8; 16]) -> Vec<u8> {
        let count = u32::try_from(self.entries.len()).expect("each entry has its own 32-bit ref");
        let mut out = Vec::new();
        out.extend_from_slice(MAGIC);
        out.extend_from_slice(&FORMAT_VERSION.to_be_bytes());
        out.extend_from_slice(&[0; 2]);
        out.extend_from_slice(&count.to_be_bytes());
        out.extend_from_slice(&self.version.to_be_bytes());
        out.extend_from_slice(master_id);
        for entry in &self.entries {
            entry.encode(&mut out);
        }
        let mac = mac(master, &out);
        let checksum = checksum(&out);
        out.extend_from_slice(&checksum);
        out.extend_from_slice(&mac);
        out
    }

    pub(super) fn decode(
        bytes: &[u8],
        master: &Key,
        master_id: &[u8; 16],
    ) -> Result<Self, RegistryBytesError> {
        let damaged = RegistryBytesError::Damaged;
        let (rest, stored_mac) = bytes.split_last_chunk::<MAC_BYTES>().ok_or(damaged)?;
        let (body, stored_checksum) = rest.split_last_chunk::<CHECKSUM_BYTES>().ok_or(damaged)?;
        if *stored_checksum != checksum(body) || body.len() < HEADER_BYTES || &body[..8] != MAGIC {
            return Err(damaged);
        }
        let mut fields = Cursor(&body[8..]);
        let version = u16::from_be_bytes(fields.array()?);
        if version != FORMAT_VERSION {
            return Err(RegistryBytesError::UnknownFormat(version));
        }
        fields.array::<2>()?;
        let count = u32::from_be_bytes(fields.array()?);
        let counter = u64::from_be_bytes(fields.array()?);
        if fields.array::<16>()? != *master_id {
            return Err(RegistryBytesError::WrongMasterKey);
        }
        if !token::equal(stored_mac, &mac(master, body)) {
            return Err(RegistryBytesError::Tampered);
        }
        // Not reserved ahead: `count` is only what the file says.
        let mut entries: Vec<Entry> = Vec::new();
        for _ in 0..count {
            let entry = Entry::decode(&mut fields)?;
            if entries.last().is_some_and(|last| last.key_ref >= entry.key_ref) {
                return Err(damaged);
            }
            entries.push(entry);
        }
        if fields.0.is_empty() { Ok(Self { version: counter, entries }) } else { Err(damaged) }
    }
}

impl Entry {
    fn encode(&self, out: &mut Vec<u8>) {
        let (purpose, namespace, queue) = match &self.purpose {
            Purpose::Journal => (1, "", 0),
            Purpose::Queue { namespace, queue } => (2, namespace.as_str(), *queue),
        };
        let namespace_len = u16::try_from(namespace.len()).expect("a namespace is at most 64 bytes");
        out.extend_from_slice(&self.key_ref.to_be_bytes());
        out.extend_from_slice(&[purpose, if self.wrapped.is_some() { 1 } else { 2 }]);
        out.extend_from_slice(&namespace_len.to_be_bytes());
        out.extend_from_slice(namespace.as_bytes());
        out.extend_from_slice(&queue.to_be_bytes());
        out.extend_from_slice(&self.key_id);
        out.extend_from_slice(self.wrapped.as_ref().unwrap_or(&[0; WRAPPED_BYTES]));
    }

    fn decode(fields: &mut Cursor<'_>) -> Result<Self, RegistryBytesError> {
        let damaged = RegistryBytesError::Damaged;
        let key_ref = u32::from_be_bytes(fields.array()?);
        let [purpose, state] = fields.array()?;
        let namespace_len = u16::from_be_bytes(fields.array()?);
        let namespace = fields.take(usize::from(namespace_len))?;
        let queue = u32::from_be_bytes(fields.array()?);
        let key_id = fields.array()?;
        let wrapped = fields.array()?;
        let purpose = match (purpose, namespace.is_empty()) {
            (1, true) if queue == 0 => Purpose::Journal,
            (2, false) => {
                let text = std::str::from_utf8(namespace).map_err(|_| damaged)?;
                Purpose::Queue { namespace: Namespace::parse(text).map_err(|_| damaged)?, queue }
            }
            _ => return Err(damaged),
        };
        let wrapped = match state {
            1 => Some(wrapped),
            2 if wrapped == [0; WRAPPED_BYTES] => None,
            _ => return Err(damaged),
        };
        Ok(Self { key_ref, purpose, key_id, wrapped })
    }
}

struct Cursor<'a>(&'a [u8]);

impl<'a> Cursor<'a> {
    fn array<const N: usize>(&mut self) -> Result<[u8; N], RegistryBytesError> {
        let (taken, rest) = self.0.split_first_chunk().ok_or(RegistryBytesError::Damaged)?;
        self.0 = rest;
        Ok(*taken)
    }

    fn take(&mut self, len: usize) -> Result<&'a [u8], RegistryBytesError> {
        let (taken, rest) = self.0.split_at_checked(len).ok_or(RegistryBytesError::Damaged)?;
        self.0 = rest;
        Ok(taken)
    }
}

fn checksum(bytes: &[u8]) -> [u8; CHECKSUM_BYTES] {
    let digest = digest::sha256(&[bytes]);
    let mut out = [0; CHECKSUM_BYTES];
    out.copy_from_slice(&digest[..CHECKSUM_BYTES]);
    out
}

fn mac(master: &Key, bytes: &[u8]) -> [u8; MAC_BYTES] {
    token::tag(&kdf::derive(master, "key registry v1", &[]), [bytes])
}
