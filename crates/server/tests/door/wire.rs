//! A client on a bare connection: it says when it leaves, and sees when the server has noticed.

use std::sync::Arc;

use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio_rustls::client::TlsStream;

use crate::http::{Http, tls};
use crate::support::Running;

/// One connection with the first administrator's key.
pub struct Wire {
    stream: TlsStream<TcpStream>,
    host: String,
    key: String,
}

impl Wire {
    /// Connects. Its side of the connection holds little that it has not read.
    pub async fn open(server: &Running) -> Self {
        let Http { url, key, .. } = Http::admin(server);
        let host = url.trim_start_matches("https://").to_owned();
        let socket = TcpSocket::new_v4().expect("a socket");
        socket.set_recv_buffer_size(4_096).expect("a small buffer");
        let stream = socket.connect(host.parse().expect("an address")).await.expect("a connection");
        let name = rustls::pki_types::ServerName::try_from("127.0.0.1").expect("a name");
        let connector = tokio_rustls::TlsConnector::from(Arc::new(tls(server)));
        Self { stream: connector.connect(name, stream).await.expect("a handshake"), host, key }
    }

    /// Sends a request and reads nothing.
    pub async fn post(&mut self, path: &str, body: &Value) {
        let body = body.to_string();
        let request = format!(
            "POST {path} HTTP/1.1\r\nhost: {}\r\nauthorization: Bearer {}\r\ncontent-type: application/json\r\n\
             content-length: {}\r\n\r\n{body}",
            self.host,
            self.key,
            body.len()
        );
        self.stream.write_all(request.as_bytes()).await.expect("the request is written");
        self.stream.flush().await.expect("the request is on its way");
    }

    /// Waits until the answer has begun.
    pub async fn answer_begins(&mut self) {
        assert!(self.stream.read(&mut [0; 1]).await.expect("an answer") > 0);
    }

    /// Reads an answer that hands out one job, and what proves its lease.
    pub async fn receipt(&mut self) -> String {
        let mut read = Vec::new();
        loop {
            let mut more = [0; 4_096];
            let bytes = self.stream.read(&mut more).await.expect("an answer");
            assert!(bytes > 0, "the answer ended early: {}", String::from_utf8_lossy(&read));
            read.extend_from_slice(&more[..bytes]);
            let text = String::from_utf8_lossy(&read);
            let body = text.split_once("\r\n\r\n").map(|(_, body)| serde_json::from_str::<Value>(body));
            if let Some(Ok(body)) = body {
                return body["jobs"][0]["receipt"].as_str().expect("a receipt").to_owned();
            }
        }
    }

    /// Leaves, and waits until the server has closed its side as well: it knows.
    pub async fn leave(mut self) {
        self.stream.shutdown().await.expect("it leaves");
        let mut rest = Vec::new();
        // Why the result is let go: a reset says the same as an end.
        let _ = self.stream.read_to_end(&mut rest).await;
        assert!(rest.is_empty(), "it was answered before it left");
    }
}
