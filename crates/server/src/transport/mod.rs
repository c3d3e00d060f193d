//! How requests arrive: TLS 1.3 on a TCP port, HTTP/1.1 inside, every wait bounded.

mod cut;
mod listener;
mod tls;

pub use cut::Cut;
pub use listener::{Listener, serve};
pub use tls::{CertificateError, Certificates, server_config};
