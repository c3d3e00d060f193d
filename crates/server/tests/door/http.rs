//! A plain HTTP client over TLS, as one writes it who has never seen our library.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::support::Running;

/// What came back.
#[derive(Debug)]
pub struct Reply {
    pub status: u16,
    pub headers: reqwest::header::HeaderMap,
    pub text: String,
    pub json: Value,
}

impl Reply {
    /// The error code, after a look at the whole problem document.
    #[track_caller]
    pub fn problem(&self) -> &str {
        assert_eq!(self.headers["content-type"], "application/problem+json", "{self:?}");
        assert_eq!(self.json["status"], self.status, "{self:?}");
        assert_eq!(
            self.headers["x-request-id"],
            self.json["request_id"].as_str().expect("a request id"),
            "{self:?}"
        );
        for field in ["type", "title", "detail"] {
            assert!(self.json[field].as_str().is_some_and(|text| !text.is_empty()), "{field}: {self:?}");
        }
        assert!(self.json["retryable"].is_boolean(), "{self:?}");
        self.json["code"].as_str().expect("a code")
    }
}

/// A client with one access key.
#[derive(Clone)]
pub struct Http {
    client: reqwest::Client,
    pub url: String,
    pub key: String,
}

impl Http {
    /// As the first administrator.
    pub fn admin(server: &Running) -> Self {
        Self::admin_calling(server, "127.0.0.1")
    }

    /// The same, calling the server by this name.
    pub fn admin_calling(server: &Running, name: &str) -> Self {
        let context = context(server);
        let text_of = |name: &str| context[name].as_str().expect("a text").to_owned();
        let tls = tls(server);
        let address: std::net::SocketAddr =
            text_of("url").trim_start_matches("https://").parse().expect("an address");
        let client = reqwest::Client::builder()
            .tls_backend_preconfigured(tls)
            .no_proxy()
            .resolve(name, address)
            .build()
            .expect("a client");
        Self { client, url: format!("https://{name}:{}", address.port()), key: text_of("api_key") }
    }

    /// The same with another key.
    pub fn with_key(&self, key: &str) -> Self {
        Self { key: key.to_owned(), ..self.clone() }
    }

    /// A key of this role and principal, made through the door.
    pub async fn made(&self, principal: &str, role: &str, queues: &[&str]) -> Self {
        let wish = json!({"principal": principal, "role": role, "queues": queues});
        let made = self.send("POST", "/v1/access/keys", &wish.to_string()).await;
        assert_eq!(made.status, 201, "{made:?}");
        self.with_key(made.json["key"].as_str().expect("a key"))
    }

    /// A request with this key; an empty text is no body.
    pub async fn send(&self, method: &str, path: &str, body: &str) -> Reply {
        let request =
            self.request(method, path, body).header("authorization", format!("Bearer {}", self.key));
        Self::reply(request).await.expect("an answer")
    }

    /// The same as JSON.
    pub async fn post(&self, path: &str, body: &Value) -> Reply {
        self.send("POST", path, &body.to_string()).await
    }

    pub async fn get(&self, path: &str) -> Reply {
        self.send("GET", path, "").await
    }

    /// A request without a key.
    pub fn request(&self, method: &str, path: &str, body: &str) -> reqwest::RequestBuilder {
        let method = reqwest::Method::from_bytes(method.as_bytes()).expect("a method");
        let request = self.client.request(method, format!("{}{path}", self.url));
        if body.is_empty() {
            return request;
        }
        request.header("content-type", "application/json").body(body.to_owned())
    }

    /// Sends and reads the whole answer.
    pub async fn reply(request: reqwest::RequestBuilder) -> Result<Reply, reqwest::Error> {
        let answer = request.send().await?;
        let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
        let text = answer.text().await?;
        let json = serde_json::from_str(&text).unwrap_or(Value::Null);
        Ok(Reply { status, headers, text, json })
    }
}

fn context(server: &Running) -> toml::Table {
    let text = std::fs::read_to_string(&server.context).expect("the context");
    text.parse().expect("TOML")
}

/// TLS that trusts the server's own authority.
pub fn tls(server: &Running) -> rustls::ClientConfig {
    let context = context(server);
    let authority = std::fs::read(context["ca"].as_str().expect("a path"));
    let authority = authority.expect("the authority's certificate");
    let mut roots = rustls::RootCertStore::empty();
    for certificate in
        <rustls::pki_types::CertificateDer as rustls::pki_types::pem::PemObject>::pem_slice_iter(&authority)
    {
        roots.add(certificate.expect("PEM")).expect("a certificate");
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("TLS versions")
        .with_root_certificates(roots)
        .with_no_client_auth()
}

/// A plain job.
pub fn job(body: &str) -> Value {
    use base64::Engine as _;
    json!({"kind": "test", "body": base64::engine::general_purpose::STANDARD.encode(body)})
}
