//! The contract between the server and everybody who talks to it.
//!
//! - [`operation`]: the list of everything that can be asked. Routes, the OpenAPI document, audit
//!   names and the permission matrix derive from it.
//! - [`permission`]: what a role must hold to ask it.
//! - [`problem`]: what an error looks like, and the table of codes.
//! - [`v1`]: the shapes of requests and answers, one file per noun.
//! - [`mod@format`]: how they are written; [`json`] and [`cbor`] read a request strictly.
//! - [`openapi`]: the document.

// First: the macro that hands out the operation list is known below it only.
#[macro_use]
pub mod operation;

pub mod cbor;
pub mod format;
pub mod json;
pub mod openapi;
pub mod permission;
pub mod problem;
pub mod v1;
pub mod wire;
