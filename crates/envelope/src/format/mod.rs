//! The bytes an envelope is made of: writing the header, and both ways for what is inside.
//! Reading the header is `sealane_core::sealed`.

mod header;
mod inner;
mod padding;

pub(crate) use header::HeaderDraft;
pub(crate) use inner::{InnerDraft, read_content};
