//! Over real sockets: whom the client believes, whom it shows its key, and what it makes of
//! answers. The server here knows no jobs; it says what the test tells it to.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::io::Write as _;
use std::net::SocketAddr;
use std::os::unix::fs::OpenOptionsExt as _;
use std::sync::Arc;

use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::PrivateKeyDer;
use sealane::providers::server::Server;
use sealane::{Client, Context, Error, JobId, Retry};
use sealane_api::problem::{Code, Problem, ProblemDocument};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio_rustls::TlsAcceptor;

type Certificate = CertifiedKey<rcgen::KeyPair>;

fn certificate(name: &str) -> Certificate {
    generate_simple_self_signed([name.to_owned()]).unwrap()
}

fn tls(certificate: &Certificate, versions: &[&'static rustls::SupportedProtocolVersion]) -> TlsAcceptor {
    let key = PrivateKeyDer::try_from(certificate.signing_key.serialize_der()).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_protocol_versions(versions)
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.cert.der().clone()], key)
        .unwrap();
    TlsAcceptor::from(Arc::new(config))
}

/// Answers every request with these bytes; `None` hangs up instead. Gives what was asked.
async fn serve(
    acceptor: TlsAcceptor,
    answer: Option<String>,
) -> (SocketAddr, mpsc::UnboundedReceiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (seen, requests) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            let (acceptor, answer, seen) = (acceptor.clone(), answer.clone(), seen.clone());
            tokio::spawn(async move {
                let Ok(mut stream) = acceptor.accept(socket).await else { return };
                let (mut request, mut chunk) = (Vec::new(), [0; 4096]);
                while !String::from_utf8_lossy(&request).contains("\r\n\r\n") {
                    match stream.read(&mut chunk).await {
                        Ok(count @ 1..) => request.extend_from_slice(&chunk[..count]),
                        _ => return,
                    }
                }
                let _ = seen.send(String::from_utf8_lossy(&request).into_owned());
                if let Some(answer) = answer {
                    let _ = stream.write_all(answer.as_bytes()).await;
                    let _ = stream.shutdown().await;
                }
            });
        }
    });
    (address, requests)
}

fn http(status: &str, body: &str) -> Option<String> {
    Some(format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}", body.len()))
}

fn problem(code: Code) -> Option<String> {
    let document = ProblemDocument::new(&Problem::new(code, "do this"), "r-9");
    http(&format!("{} x", code.status()), &serde_json::to_string(&document).unwrap())
}

fn client_of(url: &str, trusted: &Certificate) -> Client {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("context");
    let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path).unwrap();
    let ca = trusted.cert.pem();
    write!(file, "url = \"{url}\"\nca = '''\n{ca}'''\nnamespace = \"default\"\napi_key = \"slk_canary\"\n")
        .unwrap();
    let context = Context::load(&path).unwrap();
    let server = Server::connect(&context).unwrap();
    // attack 27
    assert!(!format!("{server:?} {context:?}").contains("canary"));
    Client::builder(Arc::new(server)).retry(Retry::NEVER).build()
}

async fn ask(address: SocketAddr, trusted: &Certificate) -> Error {
    let client = client_of(&format!("https://{address}"), trusted);
    client.job(JobId::v7(1, [1; 10])).await.unwrap_err()
}

const V13: &[&rustls::SupportedProtocolVersion] = &[&rustls::version::TLS13];
const ADDRESS: &str = "127.0.0.1";

#[tokio::test]
async fn the_key_is_shown_to_the_server_of_the_context() {
    let own = certificate(ADDRESS);
    let (address, mut requests) = serve(tls(&own, V13), problem(Code::Unauthenticated)).await;
    let error = ask(address, &own).await;
    assert!(matches!(&error, Error::Unauthenticated(document) if document.request_id == "r-9"), "{error:?}");
    let request = requests.recv().await.unwrap().to_lowercase();
    assert!(request.starts_with("get /v1/jobs/00000000-0001-7101-8101-010101010101 http/1.1"), "{request}");
    assert!(request.contains("authorization: bearer slk_canary"));
    assert!(!format!("{error} {error:?}").contains("canary"));
}

#[tokio::test]
async fn whoever_cannot_prove_to_be_the_server_is_not_asked() {
    let (own, other) = (certificate(ADDRESS), certificate(ADDRESS));
    let (address, mut requests) = serve(tls(&other, V13), http("200 OK", "{}")).await;
    let error = ask(address, &own).await;
    assert!(matches!(error, Error::Untrusted { .. }), "another authority: {error:?}");
    assert!(!error.is_transient());
    assert!(requests.try_recv().is_err());

    let elsewhere = certificate("elsewhere.example");
    let (address, mut requests) = serve(tls(&elsewhere, V13), http("200 OK", "{}")).await;
    let error = ask(address, &elsewhere).await;
    assert!(matches!(error, Error::Untrusted { .. }), "another name: {error:?}");
    assert!(requests.try_recv().is_err());
}

#[tokio::test]
async fn older_tls_is_not_spoken() {
    let own = certificate(ADDRESS);
    let (address, mut requests) = serve(tls(&own, &[&rustls::version::TLS12]), http("200 OK", "{}")).await;
    let error = ask(address, &own).await;
    assert!(matches!(error, Error::Untrusted { .. }), "{error:?}");
    assert!(requests.try_recv().is_err());
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let own = certificate(ADDRESS);
    let (thief, mut stolen) = serve(tls(&own, V13), http("200 OK", "{}")).await;
    let answer = format!(
        "HTTP/1.1 307 x\r\nlocation: https://{thief}/\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
    );
    let (address, _requests) = serve(tls(&own, V13), Some(answer)).await;
    let error = ask(address, &own).await;
    assert!(matches!(error, Error::Answer { status: 307, .. }), "{error:?}");
    assert!(stolen.try_recv().is_err());
}

#[tokio::test]
async fn answers_are_sorted_by_what_to_do_about_them() {
    let own = certificate(ADDRESS);
    for (answer, transient, may_have_happened) in [
        (problem(Code::NotFound), false, false),
        (problem(Code::Draining), true, false),
        (problem(Code::StorageFailed), true, true),
        (http("200 OK", "{\"canary\": 1"), false, true),
        (http("200 OK", "{\"id\": \"canary\"}"), false, true),
        (http("503 x", "<html>"), true, true),
        (http("404 x", "<html>"), false, true),
        (None, true, true),
    ] {
        let (address, _requests) = serve(tls(&own, V13), answer.clone()).await;
        let error = ask(address, &own).await;
        assert_eq!(
            (error.is_transient(), error.may_have_happened()),
            (transient, may_have_happened),
            "{answer:?}: {error:?}"
        );
        assert!(!format!("{error} {error:?}").contains("canary"), "{error:?}");
    }
}

#[tokio::test]
async fn nobody_at_home_is_unreachable_and_nothing_happened() {
    let own = certificate(ADDRESS);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let error = ask(address, &own).await;
    assert!(matches!(error, Error::Unreachable { may_have_happened: false, .. }), "{error:?}");
    assert!(error.to_string().contains(&address.to_string()));
}

#[tokio::test]
async fn a_context_without_a_certificate_is_refused_at_once() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("context");
    let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path).unwrap();
    let text = "url = \"https://127.0.0.1:1\"\nca = '''-----BEGIN NOTHING-----'''\nnamespace = \"default\"\napi_key = \"slk\"\n";
    file.write_all(text.as_bytes()).unwrap();
    let error = Server::connect(&Context::load(&path).unwrap()).unwrap_err();
    assert!(matches!(error, Error::Setup { .. }) && error.to_string().contains("ca.pem"), "{error}");
}
