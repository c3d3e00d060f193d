//! The syntax of a sealed body: what can be checked without any key.
//!
//! A server uses it to refuse what is not a sealed body, and an opener to read the fields it
//! then authenticates. It knows no cipher, keeps no copy and allocates nothing: every value is
//! a view into the bytes it was parsed from, and a value that exists obeys every rule below.
//!
//! | offset | length | field | rule |
//! |---|---|---|---|
//! | 0 | 4 | magic | `QRE2` |
//! | 4 | 1 | suite | 1 |
//! | 5 | 1 | flags | bit 0 padded, bit 1 signed, bit 2 compressed, the others zero |
//! | 6 | 2 | header length | 91 to 16 384; exactly where the extensions end |
//! | 8 | 16 | message id | |
//! | 24 | 8 | created, ms | |
//! | 32 | 8 | expires, ms | 0 for never, else later than created |
//! | 40 | 32 | salt | |
//! | 72 | 16 | data key id | |
//! | 88 | 1 | n | recipients, 0 to 8 |
//! | 89 | 1+16+2+L each | recipients | type, id, length, blob of a length the type allows |
//! | … | 2+E | extensions | length, then tag u8, length u16, value; tags ascending |
//! | header length | 32 | commitment | |
//! | +32 | 12 | nonce | |
//! | +44 | rest | ciphertext, tag | the tag is the last 16 bytes |

mod cursor;
mod error;
mod extension;
mod header;
mod names;
mod recipient;

pub use error::SyntaxError;
pub use extension::{Epoch, Extensions, Producer};
pub use header::{
    COMMITMENT_BYTES, CONTENT_TYPE, Flags, HEADER_BYTES_MAX, HEADER_BYTES_MIN, Header, MAGIC, MS_PER_EPOCH,
    NONCE_BYTES, OVERHEAD_BYTES, SUITE_COMMITTING, TAG_BYTES,
};
pub use names::{BoundNames, RESERVED_NAMES};
pub use recipient::{RECIPIENTS_MAX, Recipient, RecipientKind, Recipients};
