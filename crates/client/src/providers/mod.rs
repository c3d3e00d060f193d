//! Who carries jobs: one folder each.

pub mod memory;
pub mod server;
