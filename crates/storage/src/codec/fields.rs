//! The few shapes all records are made of. Numbers are big-endian; a text or byte string stands
//! behind its length, whose width is part of the layout; an optional field stands behind 0 or 1.

use sealane_core::time::{Millis, Time};

use super::error::DecodeError;

/// Collects fields.
pub(crate) struct Fields<'a>(pub(crate) &'a mut Vec<u8>);

impl Fields<'_> {
    pub(crate) fn u8(&mut self, value: u8) {
        self.0.push(value);
    }

    pub(crate) fn flag(&mut self, value: bool) {
        self.u8(u8::from(value));
    }

    pub(crate) fn u32(&mut self, value: u32) {
        self.0.extend_from_slice(&value.to_be_bytes());
    }

    pub(crate) fn u64(&mut self, value: u64) {
        self.0.extend_from_slice(&value.to_be_bytes());
    }

    pub(crate) fn time(&mut self, value: Time) {
        self.u64(value.unix_ms());
    }

    pub(crate) fn millis(&mut self, value: Millis) {
        self.u64(value.get());
    }

    pub(crate) fn fixed(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    /// A text of at most 65 535 bytes.
    pub(crate) fn text(&mut self, text: &str) {
        let len = u16::try_from(text.len()).expect("names and attribute values are limited far below 64 KiB");
        self.0.extend_from_slice(&len.to_be_bytes());
        self.0.extend_from_slice(text.as_bytes());
    }

    pub(crate) fn bytes(&mut self, bytes: &[u8]) {
        self.u32(u32::try_from(bytes.len()).expect("bodies and outcomes are limited far below 4 GiB"));
        self.0.extend_from_slice(bytes);
    }

    pub(crate) fn count(&mut self, count: usize) {
        let count = u16::try_from(count).expect("tags, attributes and patterns are limited far below 65 535");
        self.0.extend_from_slice(&count.to_be_bytes());
    }

    /// A field that stands behind its tag and its length, so that a list of such can end anywhere.
    pub(crate) fn tagged(&mut self, tag: u8, put: impl FnOnce(&mut Fields<'_>)) {
        let mut bytes = Vec::new();
        put(&mut Fields(&mut bytes));
        self.u8(tag);
        self.bytes(&bytes);
    }

    pub(crate) fn option<T>(&mut self, value: Option<T>, put: impl FnOnce(&mut Self, T)) {
        match value {
            None => self.u8(0),
            Some(value) => {
                self.u8(1);
                put(self, value);
            }
        }
    }
}

/// Takes fields off the front.
pub(crate) struct Cursor<'a>(&'a [u8]);

impl<'a> Cursor<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// Refuses what is left over.
    pub(crate) fn end(self) -> Result<(), DecodeError> {
        if self.0.is_empty() { Ok(()) } else { Err(DecodeError::Trailing { bytes: self.0.len() }) }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn take(&mut self, len: usize, field: &'static str) -> Result<&'a [u8], DecodeError> {
        let (taken, rest) = self.0.split_at_checked(len).ok_or(DecodeError::Truncated { field })?;
        self.0 = rest;
        Ok(taken)
    }

    pub(crate) fn fixed<const N: usize>(&mut self, field: &'static str) -> Result<[u8; N], DecodeError> {
        let (taken, rest) = self.0.split_first_chunk().ok_or(DecodeError::Truncated { field })?;
        self.0 = rest;
        Ok(*taken)
    }

    pub(crate) fn u8(&mut self, field: &'static str) -> Result<u8, DecodeError> {
        self.fixed(field).map(u8::from_be_bytes)
    }

    pub(crate) fn flag(&mut self, field: &'static str) -> Result<bool, DecodeError> {
        self.code(field, |code| match code {
            0 => Some(false),
            1 => Some(true),
            _ => None,
        })
    }

    pub(crate) fn u16(&mut self, field: &'static str) -> Result<u16, DecodeError> {
        self.fixed(field).map(u16::from_be_bytes)
    }

    pub(crate) fn u32(&mut self, field: &'static str) -> Result<u32, DecodeError> {
        self.fixed(field).map(u32::from_be_bytes)
    }

    pub(crate) fn u64(&mut self, field: &'static str) -> Result<u64, DecodeError> {
        self.fixed(field).map(u64::from_be_bytes)
    }

    pub(crate) fn time(&mut self, field: &'static str) -> Result<Time, DecodeError> {
        self.u64(field).map(Time::from_unix_ms)
    }

    pub(crate) fn millis(&mut self, field: &'static str) -> Result<Millis, DecodeError> {
        self.u64(field).map(Millis::new)
    }

    /// A text, read by the rule of its type.
    pub(crate) fn text<T, E>(
        &mut self,
        field: &'static str,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Result<T, DecodeError> {
        let len = self.u16(field)?;
        let bytes = self.take(usize::from(len), field)?;
        let text = std::str::from_utf8(bytes).map_err(|_| DecodeError::Field { field })?;
        parse(text).map_err(|_| DecodeError::Field { field })
    }

    pub(crate) fn bytes(&mut self, field: &'static str) -> Result<&'a [u8], DecodeError> {
        let len = usize::try_from(self.u32(field)?).map_err(|_| DecodeError::Truncated { field })?;
        self.take(len, field)
    }

    /// Tagged fields up to the end, tags ascending; each is read to its own end.
    pub(crate) fn tagged(
        &mut self,
        field: &'static str,
        mut take: impl FnMut(u8, &mut Cursor<'_>) -> Result<(), DecodeError>,
    ) -> Result<(), DecodeError> {
        let mut last = 0;
        while !self.0.is_empty() {
            let tag = self.u8(field)?;
            if tag <= last {
                return Err(DecodeError::Field { field });
            }
            last = tag;
            let mut own = Cursor::new(self.bytes(field)?);
            take(tag, &mut own)?;
            own.end()?;
        }
        Ok(())
    }

    /// A byte that stands for one of a few values.
    pub(crate) fn code<T>(
        &mut self,
        field: &'static str,
        from_code: impl FnOnce(u8) -> Option<T>,
    ) -> Result<T, DecodeError> {
        from_code(self.u8(field)?).ok_or(DecodeError::Field { field })
    }

    pub(crate) fn option<T>(
        &mut self,
        field: &'static str,
        take: impl FnOnce(&mut Self) -> Result<T, DecodeError>,
    ) -> Result<Option<T>, DecodeError> {
        match self.u8(field)? {
            0 => Ok(None),
            1 => take(self).map(Some),
            _ => Err(DecodeError::Field { field }),
        }
    }
}
