//! The transport of every deployment: HTTP/1.1 over TLS 1.3, and whom to believe.

use std::error::Error as StdError;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use http::{Request, Response};
use rustls::ClientConfig;
use rustls::RootCertStore;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use tokio::time::timeout;

use super::answer::not_understood;
use super::transport::{Bounds, Pieces, Transport};
use crate::error::Error;

const CONNECT_TIME_MAX: Duration = Duration::from_secs(5);
/// Room made for an answer before any of it is there.
const ROOM_AT_ONCE: usize = 4 << 20;

/// Connections to one server, kept and shared.
pub(super) struct Tls {
    http: reqwest::Client,
}

impl Tls {
    /// Trusts these authorities and no others.
    pub(super) fn new(ca_pem: &str) -> Result<Self, Error> {
        let http = reqwest::Client::builder()
            .tls_backend_preconfigured(config(ca_pem)?)
            .https_only(true)
            .http1_only()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .referer(false)
            .connect_timeout(CONNECT_TIME_MAX)
            .user_agent(concat!("sealane/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|_| Error::Setup {
                detail: "the connection cannot be set up; check url and ca in the context".to_owned(),
            })?;
        Ok(Self { http })
    }
}

#[async_trait]
impl Transport for Tls {
    async fn exchange(&self, request: Request<Vec<u8>>, bounds: Bounds) -> Result<Response<Vec<u8>>, Error> {
        let place = origin(request.uri());
        let mut request = reqwest::Request::try_from(request).map_err(|error| lost(&place, error))?;
        *request.timeout_mut() = Some(bounds.time);
        let mut response = self.http.execute(request).await.map_err(|error| lost(&place, error))?;
        let mut answer =
            Response::builder().status(response.status()).body(Vec::new()).expect("a status is valid");
        *answer.headers_mut() = std::mem::take(response.headers_mut());
        // Why not as long as the answer says it is: it may say anything.
        let announced = response.content_length().and_then(|bytes| usize::try_from(bytes).ok()).unwrap_or(0);
        let body = answer.body_mut();
        body.reserve_exact(announced.min(bounds.bytes).min(ROOM_AT_ONCE));
        while let Some(chunk) = response.chunk().await.map_err(|error| lost(&place, error))? {
            if body.len() + chunk.len() > bounds.bytes {
                let detail = format!("it is longer than {} bytes", bounds.bytes);
                return Err(not_understood(response.status(), detail));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(answer)
    }

    async fn open(
        &self,
        request: Request<Vec<u8>>,
        time: Duration,
    ) -> Result<Response<Box<dyn Pieces>>, Error> {
        let place = origin(request.uri());
        let request = reqwest::Request::try_from(request).map_err(|error| lost(&place, error))?;
        let answered = timeout(time, self.http.execute(request)).await.map_err(|_| silent(&place))?;
        let mut response = answered.map_err(|error| lost(&place, error))?;
        let (status, headers) = (response.status(), std::mem::take(response.headers_mut()));
        let pieces: Box<dyn Pieces> = Box::new(Ongoing { place, response });
        let mut answer = Response::builder().status(status).body(pieces).expect("a status is valid");
        *answer.headers_mut() = headers;
        Ok(answer)
    }
}

/// An answer that goes on.
struct Ongoing {
    place: String,
    response: reqwest::Response,
}

#[async_trait]
impl Pieces for Ongoing {
    async fn next(&mut self, time: Duration) -> Result<Option<Vec<u8>>, Error> {
        let piece = timeout(time, self.response.chunk()).await.map_err(|_| silent(&self.place))?;
        Ok(piece.map_err(|error| lost(&self.place, error))?.map(|bytes| bytes.to_vec()))
    }
}

/// Nothing came for too long.
fn silent(place: &str) -> Error {
    let cause = Arc::new(std::io::Error::from(std::io::ErrorKind::TimedOut));
    Error::Unreachable { place: place.to_owned(), may_have_happened: true, cause }
}

/// Who is asked, without what.
fn origin(address: &http::Uri) -> String {
    let (scheme, authority) = (address.scheme_str().unwrap_or("https"), address.authority());
    format!("{scheme}://{}", authority.map_or("", |authority| authority.as_str()))
}

/// Sorts a failure to get an answer.
fn lost(place: &str, error: reqwest::Error) -> Error {
    let may_have_happened = !(error.is_connect() || error.is_builder());
    let untrusted = chain(&error).any(is_tls);
    // Why without the address: it stands in `place` already.
    let cause: Arc<dyn StdError + Send + Sync> = Arc::new(error.without_url());
    let place = place.to_owned();
    if untrusted {
        return Error::Untrusted { place, cause };
    }
    Error::Unreachable { place, may_have_happened, cause }
}

/// TLS 1.3 with these authorities and no others.
fn config(ca_pem: &str) -> Result<ClientConfig, Error> {
    let setup = |detail: &str| Error::Setup { detail: detail.to_owned() };
    let unusable = || {
        setup("ca in the context holds no usable certificate; take ca.pem from the server's data directory")
    };
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(ca_pem.as_bytes()) {
        roots.add(certificate.map_err(|_| unusable())?).map_err(|_| unusable())?;
    }
    if roots.is_empty() {
        return Err(unusable());
    }
    let mut config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_protocol_versions(&[&rustls::version::TLS13])
        .map_err(|_| setup("this build cannot speak TLS 1.3"))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}

fn chain<'a>(error: &'a (dyn StdError + 'static)) -> impl Iterator<Item = &'a (dyn StdError + 'static)> {
    std::iter::successors(Some(error), |&error| error.source())
}

/// Whether TLS itself refused. A connection cut in the middle is not that: it may go better again.
fn is_tls(error: &(dyn StdError + 'static)) -> bool {
    if error.is::<rustls::Error>() {
        return true;
    }
    // Why: an io::Error names the source of what it wraps as its own, so the chain steps over what
    // is wrapped, which may be another io::Error.
    let wrapped = error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
    wrapped.is_some_and(|inner| is_tls(inner))
}
