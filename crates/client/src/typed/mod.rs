//! Jobs whose bodies and results are values of the program instead of bytes.

mod failure;
mod job;
mod json;

pub use failure::Failure;
pub use job::TypedJob;

pub(crate) use job::run;
pub(crate) use json::{CONTENT_TYPE, read_body, read_result, write};
