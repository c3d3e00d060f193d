//! The accept loop: bounded connections, bounded handshakes, bounded headers, and a way to stop.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use sealane_core::limits;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio_rustls::TlsAcceptor;
use tower_service::Service as _;

use super::cut::Cut;
use crate::boundary::Connection;

/// How long a client may take for its handshake, and for the headers of a request.
const PATIENCE: Duration = Duration::from_secs(10);

/// A port that is bound and not served yet.
pub struct Listener {
    listener: TcpListener,
    address: SocketAddr,
}

impl Listener {
    /// Binds the address; port 0 is any free one.
    pub async fn bind(address: SocketAddr) -> std::io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        Ok(Self { listener, address })
    }

    /// The address with its real port.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The address as clients on this machine call it.
    pub fn url(&self) -> String {
        let ip = match self.address.ip() {
            IpAddr::V4(ip) if ip.is_unspecified() => "127.0.0.1".to_owned(),
            IpAddr::V6(ip) if ip.is_unspecified() => "[::1]".to_owned(),
            IpAddr::V4(ip) => ip.to_string(),
            IpAddr::V6(ip) => format!("[{ip}]"),
        };
        format!("https://{ip}:{}", self.address.port())
    }
}

/// Serves until `stop` turns true; then no connection is accepted, running requests are finished and
/// the call returns when the last connection is closed.
pub async fn serve(
    listener: Listener,
    tls: Arc<rustls::ServerConfig>,
    router: Router,
    stop: watch::Receiver<bool>,
) {
    serve_at_most(limits::CONNECTIONS_MAX, listener, tls, router, stop).await;
}

async fn serve_at_most(
    connections_max: usize,
    listener: Listener,
    tls: Arc<rustls::ServerConfig>,
    router: Router,
    mut stop: watch::Receiver<bool>,
) {
    let acceptor = TlsAcceptor::from(tls);
    let places = Arc::new(Semaphore::new(connections_max));
    let mut connections = tokio::task::JoinSet::new();
    loop {
        // Why before accept: without a place, connections wait in the system's backlog, not in our memory.
        let place = tokio::select! {
            place = Arc::clone(&places).acquire_owned() => place.expect("the semaphore is never closed"),
            () = stopped(&mut stop) => break,
        };
        let (stream, source) = tokio::select! {
            accepted = listener.listener.accept() => match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    // Out of file descriptors, mostly: wait for some to come back instead of spinning.
                    tracing::warn!(%error, "a connection could not be accepted");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    continue;
                }
            },
            () = stopped(&mut stop) => break,
        };
        let connection = connection(stream, source, acceptor.clone(), router.clone(), stop.clone());
        connections.spawn(async move {
            connection.await;
            drop(place);
        });
        while connections.try_join_next().is_some() {}
    }
    drop(listener);
    while connections.join_next().await.is_some() {}
}

async fn connection(
    stream: TcpStream,
    source: SocketAddr,
    acceptor: TlsAcceptor,
    router: Router,
    mut stop: watch::Receiver<bool>,
) {
    // Why the result is let go: it only costs speed.
    let _ = stream.set_nodelay(true);
    let stream = match tokio::time::timeout(PATIENCE, acceptor.accept(stream)).await {
        Ok(Ok(stream)) => stream,
        Ok(Err(error)) => return tracing::info!(%source, %error, "a handshake failed"),
        Err(_) => return tracing::info!(%source, "a handshake took too long"),
    };
    let cut = Cut::default();
    let asked = cut.clone();
    let known = Connection::default();
    let by = known.clone();
    let service = service_fn(move |mut request: hyper::Request<hyper::body::Incoming>| {
        request.extensions_mut().insert(source);
        request.extensions_mut().insert(cut.clone());
        request.extensions_mut().insert(by.clone());
        let mut router = router.clone();
        async move { router.call(request.map(axum::body::Body::new)).await }
    });
    let mut http = hyper::server::conn::http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(PATIENCE)
        .max_buf_size(limits::REQUEST_HEADER_BYTES_MAX);
    let connection = http.serve_connection(TokioIo::new(stream), service);
    tokio::pin!(connection);
    // Why behind the connection: it is dropped first, so what was not written by then is known as lost.
    let _open = known.held_open();
    let served = async {
        tokio::select! {
            ended = connection.as_mut() => ended,
            () = stopped(&mut stop) => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        }
    };
    let ended = tokio::select! {
        ended = served => ended,
        () = asked.asked() => return tracing::info!(%source, "a connection was cut that took nothing more"),
    };
    if let Err(error) = ended {
        tracing::debug!(%source, %error, "a connection ended early");
    }
}

/// Completes when a stop was asked for, or when nobody is left who could ask.
async fn stopped(stop: &mut watch::Receiver<bool>) {
    // Why a function: what `wait_for` returns is a lock guard, which must not live across an await.
    let _ = stop.wait_for(|stop| *stop).await;
}

#[cfg(test)]
mod tests {
    use rcgen::{CertifiedKey, generate_simple_self_signed};
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    fn tls() -> Arc<rustls::ServerConfig> {
        both_ends().0
    }

    fn both_ends() -> (Arc<rustls::ServerConfig>, tokio_rustls::TlsConnector) {
        let CertifiedKey { cert, signing_key } =
            generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let key = rustls::pki_types::PrivateKeyDer::try_from(signing_key.serialize_der()).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = rustls::ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(&[&rustls::version::TLS13])
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![cert.der().clone()], key);
        let mut roots = rustls::RootCertStore::empty();
        roots.add(cert.der().clone()).unwrap();
        let client = rustls::ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13])
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        (Arc::new(config.unwrap()), Arc::new(client).into())
    }

    /// Whether the server answers the first byte: bytes that are no handshake get an alert.
    async fn is_answered(stream: &mut TcpStream, patience: Duration) -> bool {
        stream.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
        tokio::time::timeout(patience, stream.read(&mut [0; 1])).await.is_ok()
    }

    // attack 39
    #[tokio::test]
    async fn a_connection_too_many_waits_until_another_ends() {
        let listener = Listener::bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
        let address = listener.address();
        let (stop, stopped) = watch::channel(false);
        let serving = tokio::spawn(serve_at_most(2, listener, tls(), Router::new(), stopped));
        let first = TcpStream::connect(address).await.unwrap();
        let _second = TcpStream::connect(address).await.unwrap();
        let mut third = TcpStream::connect(address).await.unwrap();
        assert!(!is_answered(&mut third, Duration::from_millis(300)).await, "a third was served beside two");
        drop(first);
        assert!(is_answered(&mut third, Duration::from_secs(60)).await, "its turn came");
        drop((third, _second));
        stop.send(true).unwrap();
        tokio::time::timeout(Duration::from_secs(60), serving).await.unwrap().unwrap();
    }

    // attack 35
    #[tokio::test]
    async fn a_connection_ends_when_somebody_behind_the_door_asks_for_it() {
        let listener = Listener::bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
        let address = listener.address();
        let (stop, stopped) = watch::channel(false);
        let (tls, connector) = both_ends();
        let cutting = async |request: axum::extract::Request| {
            request.extensions().get::<Cut>().unwrap().ask();
            std::future::pending::<()>().await;
        };
        let router = Router::new().route("/", axum::routing::get(cutting));
        let serving = tokio::spawn(serve_at_most(2, listener, tls, router, stopped));
        let name = rustls::pki_types::ServerName::try_from("localhost").unwrap();
        let stream = TcpStream::connect(address).await.unwrap();
        let mut stream = connector.connect(name, stream).await.unwrap();
        stream.write_all(b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n").await.unwrap();
        let ended = tokio::time::timeout(Duration::from_secs(60), stream.read(&mut [0; 1])).await;
        assert!(matches!(ended.expect("it ends"), Ok(0) | Err(_)), "no answer");
        stop.send(true).unwrap();
        tokio::time::timeout(Duration::from_secs(60), serving).await.unwrap().unwrap();
    }
}
