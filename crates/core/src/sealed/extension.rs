//! The extensions of a header.
//!
//! | tag | value |
//! |---|---|
//! | 1 | not before, u64 ms |
//! | 2 | producer id 16, sequence u64 |
//! | 3 | id 16 of the job this one is a clone of; not its own |
//! | 4 | names of further bound attributes: u32 length and name each, ascending |
//! | 5 | schedule id 16, for a template |
//! | 6 | epoch u32, root id 16 |
//!
//! A tag below 0x80 that is not in the table is refused; one from 0x80 on is passed over.

use super::cursor::Cursor;
use super::error::SyntaxError;
use super::names::BoundNames;

const FIRST_IGNORABLE: u8 = 0x80;

/// Which derived key sealed the body: a root, and the day its key is for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Epoch {
    /// Days since 1970.
    pub number: u32,
    /// The root the day's key is derived from.
    pub root_id: [u8; 16],
}

/// The producer's own count of what it sent.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Producer {
    /// Who counts.
    pub id: [u8; 16],
    /// The count.
    pub sequence: u64,
}

/// The extensions a header carries; an absent one is `None`.
#[derive(Clone, Copy, Debug, Default)]
pub struct Extensions<'a> {
    /// The job must not be handled before this time.
    pub not_before_ms: Option<u64>,
    /// Who sealed it, and which of its messages this is.
    pub producer: Option<Producer>,
    /// The finished job this one repeats.
    pub clone_of: Option<[u8; 16]>,
    /// Names of attributes bound besides the fixed ones.
    pub bound_names: Option<BoundNames<'a>>,
    /// The schedule this body is a template for.
    pub template: Option<[u8; 16]>,
    /// The root and day of the sealing key.
    pub epoch: Option<Epoch>,
}

impl<'a> Extensions<'a> {
    /// Reads the length and that many bytes of extensions.
    pub(super) fn parse(cursor: &mut Cursor<'a>) -> Result<Self, SyntaxError> {
        let len = usize::from(cursor.u16()?);
        let mut list = Cursor::new(cursor.take(len)?);
        let mut found = Self::default();
        let mut previous: Option<u8> = None;
        while !list.is_empty() {
            let tag = list.u8()?;
            let len = usize::from(list.u16()?);
            let value = list.take(len)?;
            if previous.is_some_and(|previous| previous >= tag) {
                return Err(SyntaxError::ExtensionOrder { tag });
            }
            previous = Some(tag);
            found.read(tag, value)?;
        }
        Ok(found)
    }

    fn read(&mut self, tag: u8, value: &'a [u8]) -> Result<(), SyntaxError> {
        let wrong_length = SyntaxError::ExtensionLength { tag };
        let mut fields = Cursor::new(value);
        match tag {
            1 => self.not_before_ms = Some(fields.u64().map_err(|_| wrong_length)?),
            2 => {
                let id = *fields.array().map_err(|_| wrong_length)?;
                let sequence = fields.u64().map_err(|_| wrong_length)?;
                self.producer = Some(Producer { id, sequence });
            }
            3 => self.clone_of = Some(*fields.array().map_err(|_| wrong_length)?),
            4 => {
                self.bound_names = Some(BoundNames::parse(value)?);
                return Ok(());
            }
            5 => self.template = Some(*fields.array().map_err(|_| wrong_length)?),
            6 => {
                let number = fields.u32().map_err(|_| wrong_length)?;
                let root_id = *fields.array().map_err(|_| wrong_length)?;
                self.epoch = Some(Epoch { number, root_id });
            }
            FIRST_IGNORABLE.. => return Ok(()),
            _ => return Err(SyntaxError::UnknownCriticalExtension { tag }),
        }
        if fields.is_empty() { Ok(()) } else { Err(wrong_length) }
    }
}
