//! The history: what was taken is found, by what it is, as long as it is kept, and nothing else is, whatever
//! is merged, dropped, cut off, damaged or lost meanwhile.

#![allow(clippy::unwrap_used, reason = "in a test a panic is the report")]

mod ageing;
mod damage;
mod finding;
mod format;
mod naive;
mod power;
mod support;
