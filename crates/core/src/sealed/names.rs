//! The names of further bound attributes, as extension 4 lists them.

use super::cursor::Cursor;
use super::error::SyntaxError;

/// Names a caller cannot list: they are bound by the format itself. Names that begin with `$`
/// are reserved as well.
pub const RESERVED_NAMES: [&str; 3] = ["correlation-id", "kind", "session-id"];

/// A list of names, already checked: text, not empty, ascending, none reserved.
#[derive(Clone, Copy, Debug)]
pub struct BoundNames<'a> {
    bytes: &'a [u8],
}

impl<'a> BoundNames<'a> {
    /// Whether a caller may bind an attribute of this name.
    #[must_use]
    pub fn allows(name: &str) -> bool {
        !name.is_empty() && !name.starts_with('$') && !RESERVED_NAMES.contains(&name)
    }

    /// Reads a list. An empty one is refused: it is written by leaving the extension out.
    pub(super) fn parse(bytes: &'a [u8]) -> Result<Self, SyntaxError> {
        if bytes.is_empty() {
            return Err(SyntaxError::BoundNames);
        }
        let mut cursor = Cursor::new(bytes);
        let mut previous = "";
        while !cursor.is_empty() {
            let name = read(&mut cursor)?;
            // Why `<=`: this refuses an unsorted name, a repeated one and an empty one at once.
            if name <= previous || !Self::allows(name) {
                return Err(SyntaxError::BoundNames);
            }
            previous = name;
        }
        Ok(Self { bytes })
    }

    /// Each name, ascending.
    pub fn iter(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        let mut cursor = Cursor::new(self.bytes);
        std::iter::from_fn(move || {
            (!cursor.is_empty()).then(|| read(&mut cursor).expect("parse read these very bytes before"))
        })
    }
}

fn read<'a>(cursor: &mut Cursor<'a>) -> Result<&'a str, SyntaxError> {
    let len = usize::try_from(cursor.u32()?).map_err(|_| SyntaxError::Truncated)?;
    std::str::from_utf8(cursor.take(len)?).map_err(|_| SyntaxError::BoundNames)
}
