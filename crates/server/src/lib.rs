//! The server: one door, one engine, one journal. It stores sealed bodies and cannot open them.
//!
//! | module | what it owns |
//! |---|---|
//! | [`server`] | one server from start to stop |
//! | [`service`] | the same without its port: keys, journal, engine, door |
//! | [`boundary`] | the one door: the walk that every request takes |
//! | [`authn`], [`authz`], [`audit`] | who, may they, what was done |
//! | [`operations`] | what is done, one file per noun |
//! | [`runtime`] | the engine thread that owns queues and journal |
//! | [`keys`] | the master key and the registry of data keys |
//! | [`streams`] | events to those who listen |
//! | [`transport`] | TLS, connections |
//! | [`data_dir`], [`config`], [`context_file`] | files |

pub mod audit;
pub mod authn;
pub mod authz;
pub mod boundary;
pub mod clock;
pub mod config;
pub mod context_file;
pub mod data_dir;
pub mod inspection;
pub mod keys;
mod labelling;
mod metrics;
pub mod operations;
pub mod receipt;
pub mod runtime;
pub mod server;
pub mod service;
pub mod streams;
pub mod transport;

pub use config::{Config, ConfigError};
pub use server::{Options, Server, StartError, StopError, Surroundings};
