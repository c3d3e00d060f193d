//! Identifiers. They are made elsewhere (by the client library or from random bytes that are passed
//! in) and only carried, compared and checked here.

use std::fmt;

/// A job's id: a UUIDv7, made by the producer so that repeating a send is harmless.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct JobId([u8; 16]);

/// A schedule's id: a UUID. Made by whoever makes the schedule, since sealed bodies are bound to it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ScheduleId([u8; 16]);

/// One attempt's lease. Random, so that a receipt cannot be guessed and an old one never matches.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LeaseId([u8; 16]);

/// The text is not a UUID.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IdSyntax;

impl fmt::Display for IdSyntax {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("id must be a UUID in lower case with hyphens")
    }
}

impl std::error::Error for IdSyntax {}

impl JobId {
    /// Takes the 16 bytes as they are.
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// Makes a UUIDv7 from a time and random bytes.
    pub fn v7(unix_ms: u64, random: [u8; 10]) -> Self {
        Self(*uuid::Builder::from_unix_timestamp_millis(unix_ms, &random).as_uuid().as_bytes())
    }

    /// Makes a UUIDv8: the bytes as they are, but for the six bits that say so.
    pub fn v8(bytes: [u8; 16]) -> Self {
        Self(*uuid::Builder::from_custom_bytes(bytes).as_uuid().as_bytes())
    }

    /// Reads the canonical text form. One spelling only: another spelling of the same id would
    /// otherwise look like another job to whoever compares texts.
    pub fn parse(text: &str) -> Result<Self, IdSyntax> {
        let uuid = uuid::Uuid::try_parse(text).map_err(|_| IdSyntax)?;
        let mut canonical = uuid::Uuid::encode_buffer();
        if uuid.as_hyphenated().encode_lower(&mut canonical) == text {
            Ok(Self(*uuid.as_bytes()))
        } else {
            Err(IdSyntax)
        }
    }

    /// Shows the canonical text to `look`, without a place on the heap.
    pub fn with_text<T>(&self, look: impl FnOnce(&str) -> T) -> T {
        look(uuid::Uuid::from_bytes(self.0).as_hyphenated().encode_lower(&mut uuid::Uuid::encode_buffer()))
    }

    /// The bytes.
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }

    /// The time inside a UUIDv7, in Unix milliseconds; `None` for every other version. It orders
    /// nothing: it only says how old an id claims to be.
    pub fn unix_ms(&self) -> Option<u64> {
        let uuid = uuid::Uuid::from_bytes(self.0);
        if uuid.get_version_num() != 7 || uuid.get_variant() != uuid::Variant::RFC4122 {
            return None;
        }
        let mut ms = [0u8; 8];
        ms[2..].copy_from_slice(&self.0[..6]);
        Some(u64::from_be_bytes(ms))
    }
}

impl ScheduleId {
    /// Takes the 16 bytes as they are.
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// Reads the canonical text form.
    ///
    /// # Errors
    /// For every other text.
    pub fn parse(text: &str) -> Result<Self, IdSyntax> {
        JobId::parse(text).map(|id| Self(id.0))
    }

    /// The bytes.
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

impl LeaseId {
    /// Takes the 16 bytes as they are.
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// The bytes.
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

impl fmt::Display for JobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        uuid::Uuid::from_bytes(self.0).as_hyphenated().fmt(f)
    }
}

impl fmt::Debug for JobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for ScheduleId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        uuid::Uuid::from_bytes(self.0).as_hyphenated().fmt(f)
    }
}

impl fmt::Debug for ScheduleId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Debug for LeaseId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Why: the lease id is half of what makes a receipt; a log line must not carry it.
        f.write_str("LeaseId(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_v7_id_tells_its_time_and_others_do_not() {
        let id = JobId::v7(1_767_225_600_123, [7; 10]);
        assert_eq!(id.unix_ms(), Some(1_767_225_600_123));
        assert_eq!(JobId::parse(&id.to_string()), Ok(id));
        assert_eq!(JobId::from_bytes([0x11; 16]).unix_ms(), None);
    }

    #[test]
    fn only_the_canonical_spelling_is_an_id() {
        let id = JobId::v7(1_767_225_600_123, [7; 10]).to_string();
        for other in [
            id.to_uppercase(),
            id.replace('-', ""),
            format!("{{{id}}}"),
            format!("urn:uuid:{id}"),
            format!("{id} "),
        ] {
            assert_eq!(JobId::parse(&other), Err(IdSyntax), "{other}");
        }
    }
}
