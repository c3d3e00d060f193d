//! Events over real sockets: connections that are cut in the middle, and answers that are no stream. The
//! server here knows no jobs; it says what the test tells it to.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::VecDeque;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::sync::Arc;
use std::time::Duration;

use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::PrivateKeyDer;
use sealane::providers::server::Server;
use sealane::{Client, Context, Error, EventFilter, Retry, StepKind, Told};
use sealane_api::problem::{Code, Problem, ProblemDocument};
use sealane_core::limits;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio_rustls::TlsAcceptor;

/// Each connection is answered with the next of these and cut; then nobody answers any more. Gives what
/// was asked.
async fn serve(answers: Vec<String>) -> (Client, mpsc::UnboundedReceiver<String>) {
    let CertifiedKey { cert, signing_key } = generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    let key = PrivateKeyDer::try_from(signing_key.serialize_der()).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![cert.der().clone()], key)
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (seen, requests) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        let mut answers = VecDeque::from(answers);
        while let Some(answer) = answers.pop_front() {
            let Ok((socket, _)) = listener.accept().await else { return };
            let Ok(mut stream) = acceptor.accept(socket).await else { return };
            let (mut request, mut chunk) = (Vec::new(), [0; 4096]);
            while !String::from_utf8_lossy(&request).contains("\r\n\r\n") {
                match stream.read(&mut chunk).await {
                    Ok(count @ 1..) => request.extend_from_slice(&chunk[..count]),
                    _ => return,
                }
            }
            let _ = seen.send(String::from_utf8_lossy(&request).to_lowercase());
            let _ = stream.write_all(answer.as_bytes()).await;
            let _ = stream.flush().await;
        }
    });
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("context");
    let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path).unwrap();
    let ca = cert.pem();
    write!(
        file,
        "url = \"https://{address}\"\nca = '''\n{ca}'''\nnamespace = \"default\"\napi_key = \"slk_canary\"\n"
    )
    .unwrap();
    let server = Server::connect(&Context::load(&path).unwrap()).unwrap();
    let retry = Retry { wait_base: Duration::from_millis(1), tries_max: 2, ..Retry::default() };
    (Client::builder(Arc::new(server)).retry(retry).build(), requests)
}

/// A stream in pieces as HTTP/1.1 has them; without its end where it is cut.
fn stream(text: &str, ended: bool) -> String {
    let end = if ended { "0\r\n\r\n" } else { "" };
    format!(
        "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n{:x}\r\n{text}\r\n{end}",
        text.len()
    )
}

fn event(id: &str) -> String {
    format!(
        "id: {id}\ndata: {{\"id\":\"{id}\",\"type\":\"accepted\",\"at\":\"2026-01-01T00:00:00.000Z\",\"job\":\"00000000-0001-7101-8101-010101010101\",\"queue\":\"q\",\"owner\":\"p\",\"state\":\"ready\",\"attempt\":0,\"of_a_newer_server\":1}}\n\n"
    )
}

fn problem(code: Code) -> String {
    let document =
        serde_json::to_string(&ProblemDocument::new(&Problem::new(code, "do this"), "r-9")).unwrap();
    let (status, bytes) = (code.status(), document.len());
    format!("HTTP/1.1 {status} x\r\ncontent-length: {bytes}\r\nconnection: close\r\n\r\n{document}")
}

fn id(told: Result<Told, Error>) -> String {
    match told.unwrap() {
        Told::Event(event) => event.id,
        Told::Reset(reset) => format!("reset {}", reset.id),
    }
}

// covers OBS-3 (a client takes a broken stream up again)
#[tokio::test]
async fn a_cut_stream_is_taken_up_behind_the_last_whole_event() {
    let half = event("a-3");
    let unknown = "event: of_a_newer_server\nid: a-4\ndata: {}\n\n";
    let reset = "event: reset\nid: b-9\ndata: {\"id\":\"b-9\",\"detail\":\"look anew\"}\n\n";
    let end = "event: end\ndata: {\"reason\":\"draining\",\"detail\":\"later\"}\n\n";
    let (client, mut requests) = serve(vec![
        stream(&format!(":\nid: a-0\n\n{}{}", event("a-1"), &half[..40]), false),
        stream(&format!("{}{unknown}{}{end}", event("a-2"), event("a-5")), true),
        stream(":\nid: a-6\n\n", true),
        stream(reset, false),
        problem(Code::Unauthenticated),
    ])
    .await;
    let mut events = client.events(EventFilter::all().queue("q.*").kind(StepKind::Accepted)).await.unwrap();
    let mut last = Vec::new();
    let heard =
        [id(events.next().await), id(events.next().await), id(events.next().await), id(events.next().await)];
    assert_eq!(heard, ["a-1", "a-2", "a-5", "reset b-9"], "half an event is none");
    assert!(matches!(events.next().await, Err(Error::Unauthenticated(_))), "and a key that is over is told");
    while let Ok(request) = requests.try_recv() {
        assert!(request.starts_with("get /v1/events?queue=q.*&type=accepted http/1.1"), "{request}");
        assert!(request.contains("authorization: bearer slk_canary"));
        let id = request.lines().find_map(|line| line.strip_prefix("last-event-id: "));
        last.push(id.unwrap_or("none").to_owned());
    }
    assert_eq!(last, ["none", "a-1", "a-5", "a-6", "b-9"]);
    assert_eq!(events.last_id(), Some("b-9"));
}

#[tokio::test]
async fn a_job_out_of_sight_is_told_as_that_and_not_asked_for_again() {
    let end = "event: end\ndata: {\"reason\":\"out_of_sight\",\"detail\":\"the job is dead\"}\n\n";
    let (client, mut requests) =
        serve(vec![stream(&format!("{}{end}", event("a-1")), true), stream(&event("a-2"), true)]).await;
    let mut events = client.events(EventFilter::all()).await.unwrap();
    assert_eq!(id(events.next().await), "a-1");
    let over = events.next().await.unwrap_err();
    assert_eq!(
        (over.code(), over.to_string()),
        (Some(Code::NotFound), "not_found: the job is dead".to_owned())
    );
    assert!(requests.try_recv().is_ok() && requests.try_recv().is_err(), "one connection");
}

#[tokio::test]
async fn what_is_no_stream_of_events_is_not_read_as_one() {
    let long = format!("id: a-0\n\ndata: {}", "x".repeat(limits::EVENT_BYTES_MAX));
    let other = "id: a-0\n\ndata: {\"colour\":\"heliotrope\"}\n\n";
    for text in [long.as_str(), other] {
        let (client, _requests) = serve(vec![stream(text, true)]).await;
        let error = match client.events(EventFilter::all()).await {
            Ok(mut events) => events.next().await.unwrap_err(),
            Err(error) => error,
        };
        assert!(matches!(error, Error::Answer { .. }), "{error:?}");
        assert!(!format!("{error} {error:?}").contains("heliotrope"));
    }
    let page = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}";
    let (client, _requests) = serve(vec![page.to_owned()]).await;
    assert!(matches!(client.events(EventFilter::all()).await, Err(Error::Answer { .. })));
    let (client, _requests) = serve(vec![problem(Code::InvalidRequest)]).await;
    let refused = client.events(EventFilter::all()).await.unwrap_err();
    assert_eq!(refused.code(), Some(Code::InvalidRequest));
}
