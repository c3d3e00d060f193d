//! `sealane job enqueue --batch`: a job for each line of a file, and an answer for each line.

mod line;
mod reader;
mod send;

pub(super) use line::Fields;
pub(super) use send::{Batch, run};
