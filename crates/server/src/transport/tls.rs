//! The server's own certificate authority, made on the first start, and its certificate, made at every start.
//!
//! | file | holds | mode |
//! |---|---|---|
//! | `ca.pem` | certificate of the authority: what clients trust | 0600 |
//! | `ca.key` | its key: signs a new server certificate when names or time make one necessary | 0600 |
//! | `server.pem` | the server's certificate | 0600 |
//! | `server.key` | its key | 0600 |

use std::net::IpAddr;
use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, SanType,
};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use sealane_core::time::Time;

use crate::data_dir::{DataDir, DataDirError};

/// Certificates are good from a day before they are made, for clocks that are behind.
const BACKDATED_DAYS: i64 = 1;
/// The authority is what clients have in their hands: it must not run out soon.
const AUTHORITY_DAYS: i64 = 3_650;
/// The server's own certificate is made at every start.
const SERVER_DAYS: i64 = 397;

/// No certificate could be made or read.
#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    /// A file of the data directory.
    #[error(transparent)]
    File(#[from] DataDirError),
    /// The certificate could not be made.
    #[error("could not make a certificate")]
    Make(#[from] rcgen::Error),
    /// The stored certificate or key is not usable.
    #[error(
        "{file} is not usable: put back the right one, or remove ca.pem, ca.key, server.pem and server.key to have new ones made (clients then need the new ca.pem)"
    )]
    Unusable {
        /// Which file.
        file: &'static str,
    },
    /// TLS could not be set up.
    #[error("TLS could not be set up")]
    Tls(#[from] rustls::Error),
}

/// The certificate that the server shows, and its key.
pub struct Certificates {
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
}

impl Certificates {
    /// Reads them. The authority is made on the first start; the server's own certificate is made anew
    /// at every start, so that it is good for the present names and never runs out unnoticed. Where
    /// `ca.key` was taken away, what lies there is used as it is: a certificate from elsewhere.
    pub fn load_or_make(
        data_dir: &DataDir,
        listen: IpAddr,
        names: &[String],
        now: Time,
    ) -> Result<Self, CertificateError> {
        if !data_dir.exists("ca.key") && !data_dir.exists("server.pem") {
            make_authority(data_dir, now)?;
        }
        if data_dir.exists("ca.key") {
            make_certificate(data_dir, listen, names, now)?;
        }
        let pem = data_dir.read("server.pem")?;
        let chain: Vec<_> = CertificateDer::pem_slice_iter(&pem)
            .collect::<Result<_, _>>()
            .map_err(|_| CertificateError::Unusable { file: "server.pem" })?;
        if chain.is_empty() {
            return Err(CertificateError::Unusable { file: "server.pem" });
        }
        let key = zeroize::Zeroizing::new(data_dir.read("server.key")?);
        let key = PrivateKeyDer::from_pem_slice(&key)
            .map_err(|_| CertificateError::Unusable { file: "server.key" })?;
        Ok(Self { chain, key })
    }
}

fn days_from(now: Time, days: i64) -> time::OffsetDateTime {
    let seconds = i64::try_from(now.unix_ms() / 1_000).unwrap_or(i64::MAX).saturating_add(days * 86_400);
    time::OffsetDateTime::from_unix_timestamp(seconds).unwrap_or(time::OffsetDateTime::UNIX_EPOCH)
}

/// What every certificate of the authority and every signature by it agree on.
fn authority(now: Time) -> CertificateParams {
    let mut authority = CertificateParams::default();
    authority.distinguished_name.push(DnType::CommonName, "Sealane server authority");
    authority.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    authority.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    authority.not_before = days_from(now, -BACKDATED_DAYS);
    authority.not_after = days_from(now, AUTHORITY_DAYS);
    authority
}

fn make_authority(data_dir: &DataDir, now: Time) -> Result<(), CertificateError> {
    let key = KeyPair::generate()?;
    let certificate = authority(now).self_signed(&key)?;
    // The key last: it says that the certificate is there.
    data_dir.write("ca.pem", certificate.pem().as_bytes())?;
    data_dir.write("ca.key", zeroize::Zeroizing::new(key.serialize_pem()).as_bytes())?;
    Ok(())
}

fn make_certificate(
    data_dir: &DataDir,
    listen: IpAddr,
    names: &[String],
    now: Time,
) -> Result<(), CertificateError> {
    let unusable = |_| CertificateError::Unusable { file: "ca.key" };
    let pem = zeroize::Zeroizing::new(data_dir.read("ca.key")?);
    let authority_key = std::str::from_utf8(&pem)
        .ok()
        .map(KeyPair::from_pem)
        .ok_or(CertificateError::Unusable { file: "ca.key" })?
        .map_err(unusable)?;
    let mut server = CertificateParams::default();
    server.distinguished_name.push(DnType::CommonName, "Sealane server");
    server.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    server.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    (server.not_before, server.not_after) = (days_from(now, -BACKDATED_DAYS), days_from(now, SERVER_DAYS));
    server.use_authority_key_identifier_extension = true;
    server.subject_alt_names = vec![SanType::DnsName("localhost".try_into()?)];
    let mut addresses = vec![IpAddr::from([127, 0, 0, 1]), IpAddr::from([0, 0, 0, 0, 0, 0, 0, 1])];
    if !listen.is_unspecified() {
        addresses.push(listen);
    }
    for name in names {
        match name.parse() {
            Ok(address) => addresses.push(address),
            Err(_) => server.subject_alt_names.push(SanType::DnsName(name.as_str().try_into()?)),
        }
    }
    addresses.sort_unstable();
    addresses.dedup();
    server.subject_alt_names.extend(addresses.into_iter().map(SanType::IpAddress));
    let key = KeyPair::generate()?;
    let certificate = server.signed_by(&key, &Issuer::new(authority(now), &authority_key))?;
    data_dir.write("server.key", zeroize::Zeroizing::new(key.serialize_pem()).as_bytes())?;
    data_dir.write("server.pem", certificate.pem().as_bytes())?;
    Ok(())
}

/// TLS 1.3 only, with the strong suites of the library.
pub fn server_config(certificates: Certificates) -> Result<Arc<rustls::ServerConfig>, CertificateError> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = rustls::ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .with_no_client_auth()
        .with_single_cert(certificates.chain, certificates.key)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}
