//! Jobs over a Sealane server: CBOR over HTTP over TLS 1.3.
//!
//! Only the authority named in the context is trusted, whatever the machine trusts; no proxy is
//! taken from the environment and no redirect is followed, so the access key goes to the server
//! that the context names and nowhere else.

mod access;
mod answer;
mod event_text;
mod events;
mod exchange;
mod operations;
mod tls;
mod transport;

pub use exchange::Server;
pub use transport::{Bounds, Pieces, Transport};
