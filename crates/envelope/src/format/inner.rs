//! What stands inside the ciphertext.
//!
//! ```text
//! [u32 true length, if padded] ‖ u16 length of fields ‖ fields ‖ body ‖ zeros
//! field = u8 tag ‖ u16 length ‖ value            tags ascending, none repeated, none empty
//! ```
//!
//! | tag | value |
//! |---|---|
//! | 1 | content type, text |
//! | 2 | attributes: length and name, length and value, names ascending; lengths u32 |
//! | 3 | signature |
//! | 4 | recipient for replies |

use std::collections::BTreeMap;

use sealane_core::sealed::Flags;
use sealane_crypto::prefix;

use super::padding::padded_len;
use crate::content::Content;
use crate::error::{ContentError, OpenError, SealError};

const CONTENT_TYPE: u8 = 1;
const ATTRIBUTES: u8 = 2;
const SIGNATURE: u8 = 3;
const REPLY_RECIPIENT: u8 = 4;

const FIELDS_BYTES_MAX: usize = 65_535;

/// Content about to be written, with its lengths known to fit.
pub(crate) struct InnerDraft<'a> {
    content: &'a Content,
    padded: bool,
    fields_len: u16,
    attributes_len: usize,
    true_len: u32,
    padded_len: usize,
}

impl<'a> InnerDraft<'a> {
    pub(crate) fn new(content: &'a Content, padded: bool) -> Result<Self, SealError> {
        let attributes_len = content.attributes.iter().map(|(n, v)| 8 + n.len() + v.len()).sum::<usize>();
        let type_len = content_type(content).len();
        let with_head = |len: usize| if len == 0 { 0 } else { 3 + len };
        let fields = with_head(type_len) + with_head(attributes_len);
        let fields_len = u16::try_from(fields)
            .map_err(|_| SealError::InnerFieldsTooLong { bytes: fields, max: FIELDS_BYTES_MAX })?;
        let body = content.body.len();
        let too_long = |_| SealError::BodyTooLong { bytes: body };
        let true_len = u32::try_from(2 + fields + body).map_err(too_long)?;
        let padded_len = if padded { padded_len(u64::from(true_len)) } else { u64::from(true_len) };
        let padded_len = usize::try_from(padded_len).map_err(too_long)?;
        Ok(Self { content, padded, fields_len, attributes_len, true_len, padded_len })
    }

    pub(crate) fn len(&self) -> usize {
        self.padded_len + if self.padded { 4 } else { 0 }
    }

    /// Appends exactly [`InnerDraft::len`] bytes to `out`.
    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        let end = out.len() + self.len();
        if self.padded {
            out.extend_from_slice(&self.true_len.to_be_bytes());
        }
        out.extend_from_slice(&self.fields_len.to_be_bytes());
        let content_type = content_type(self.content);
        if !content_type.is_empty() {
            write_head(CONTENT_TYPE, content_type.len(), out);
            out.extend_from_slice(content_type.as_bytes());
        }
        if self.attributes_len > 0 {
            write_head(ATTRIBUTES, self.attributes_len, out);
            for text in self.content.attributes.iter().flat_map(|(name, value)| [name, value]) {
                out.extend_from_slice(&prefix::length(text.as_bytes()));
                out.extend_from_slice(text.as_bytes());
            }
        }
        out.extend_from_slice(&self.content.body);
        out.resize(end, 0);
    }
}

fn content_type(content: &Content) -> &str {
    content.content_type.as_deref().unwrap_or("")
}

fn write_head(tag: u8, len: usize, out: &mut Vec<u8>) {
    let len = u16::try_from(len).expect("all inner fields together fit 16 bits, checked in new");
    out.push(tag);
    out.extend_from_slice(&len.to_be_bytes());
}

/// Takes authentic plaintext apart. The body keeps the plaintext's own buffer, so that no second
/// copy of it has to be made and forgotten.
pub(crate) fn read_content(mut plaintext: Vec<u8>, flags: Flags) -> Result<Content, OpenError> {
    let bounds = if flags.padded { unpad(&plaintext)? } else { 0..plaintext.len() };
    let (fields_len, rest) =
        plaintext[bounds.clone()].split_first_chunk::<2>().ok_or(ContentError::Truncated)?;
    let fields_len = usize::from(u16::from_be_bytes(*fields_len));
    let fields = rest.get(..fields_len).ok_or(ContentError::Truncated)?;
    let (content_type, attributes) = read_fields(fields, flags)?;

    plaintext.truncate(bounds.end);
    plaintext.drain(..bounds.start + 2 + fields_len);
    Ok(Content { body: plaintext, content_type, attributes })
}

fn unpad(plaintext: &[u8]) -> Result<std::ops::Range<usize>, ContentError> {
    let (true_len, rest) = plaintext.split_first_chunk::<4>().ok_or(ContentError::Truncated)?;
    let true_len = u32::from_be_bytes(*true_len);
    let whole = u64::try_from(rest.len()).map_err(|_| ContentError::Padding)?;
    if padded_len(u64::from(true_len)) != whole {
        return Err(ContentError::Padding);
    }
    let true_len = usize::try_from(true_len).map_err(|_| ContentError::Padding)?;
    // Why not `[..]`: a true length above what is there gives a padded length above it as well,
    // yet a wrong formula must end in a refusal and not in a panic.
    let zeros = rest.get(true_len..).ok_or(ContentError::Padding)?;
    if zeros.iter().any(|&byte| byte != 0) {
        return Err(ContentError::Padding);
    }
    Ok(4..4 + true_len)
}

type Fields = (Option<String>, BTreeMap<String, String>);

fn read_fields(mut rest: &[u8], flags: Flags) -> Result<Fields, OpenError> {
    let mut content_type = None;
    let mut attributes = BTreeMap::new();
    let mut signed = false;
    let mut previous = 0;
    while let Some((&tag, after)) = rest.split_first() {
        let (len, after) = after.split_first_chunk::<2>().ok_or(ContentError::Truncated)?;
        let (value, after) =
            after.split_at_checked(usize::from(u16::from_be_bytes(*len))).ok_or(ContentError::Truncated)?;
        if value.is_empty() {
            return Err(ContentError::EmptyField { tag }.into());
        }
        // Why zero as start: no field has tag 0, so the first one is always above it.
        if tag <= previous {
            return Err(ContentError::FieldOrder { tag }.into());
        }
        match tag {
            CONTENT_TYPE => content_type = Some(text(value).ok_or(ContentError::ContentType)?.to_owned()),
            ATTRIBUTES => attributes = read_attributes(value).ok_or(ContentError::Attributes)?,
            SIGNATURE => signed = true,
            REPLY_RECIPIENT => return Err(OpenError::Unsupported { feature: "a recipient for replies" }),
            _ => return Err(ContentError::UnknownField { tag }.into()),
        }
        previous = tag;
        rest = after;
    }
    // A signature nobody checks must not look like one that was checked.
    if signed || flags.signed {
        return Err(OpenError::Unsupported { feature: "a producer signature" });
    }
    Ok((content_type, attributes))
}

fn read_attributes(mut rest: &[u8]) -> Option<BTreeMap<String, String>> {
    let mut attributes = BTreeMap::new();
    let mut previous: Option<&str> = None;
    while !rest.is_empty() {
        let name = read_prefixed(&mut rest)?;
        let value = read_prefixed(&mut rest)?;
        if previous.is_some_and(|previous| previous >= name) {
            return None;
        }
        previous = Some(name);
        attributes.insert(name.to_owned(), value.to_owned());
    }
    Some(attributes)
}

fn read_prefixed<'a>(rest: &mut &'a [u8]) -> Option<&'a str> {
    let (len, after) = rest.split_first_chunk::<4>()?;
    let (value, after) = after.split_at_checked(usize::try_from(u32::from_be_bytes(*len)).ok()?)?;
    *rest = after;
    text(value)
}

fn text(bytes: &[u8]) -> Option<&str> {
    std::str::from_utf8(bytes).ok()
}
