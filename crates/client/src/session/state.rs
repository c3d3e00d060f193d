//! What a session remembers: read from the provider when it is not known here, sealed and opened by the
//! client's keys. Nobody but the holder can change it, so what was read or set under this hold is what it
//! is.

use sealane_api::v1::{SessionSetStateIn, SessionStateIn};
use sealane_core::name::QueueName;
use sealane_core::sealed::Header;
use sealane_envelope::{Content, SessionContext};
use tokio::sync::Mutex;

use crate::client::Client;
use crate::delivery::Unopenable;
use crate::error::Error;
use crate::sealing::Sealing;

/// The bytes as they travel, where they are known.
pub(super) struct Remembered {
    /// Held while the provider is asked: what two clones set at once is known as what was set last.
    known: Mutex<Option<Option<Vec<u8>>>>,
}

impl Remembered {
    pub(super) fn new(bytes: Option<Vec<u8>>) -> Self {
        Self { known: Mutex::new(Some(bytes)) }
    }

    pub(super) async fn read(&self, client: &Client, receipt: &str) -> Result<Option<Vec<u8>>, Error> {
        let mut known = self.known.lock().await;
        if let Some(bytes) = &*known {
            return Ok(bytes.clone());
        }
        let request = SessionStateIn { receipt: receipt.to_owned() };
        let answer = client.retry("session.get_state", || client.provider().session_state(&request)).await?;
        let bytes = answer.state.map(Vec::from);
        *known = Some(bytes.clone());
        Ok(bytes)
    }

    pub(super) async fn set(
        &self,
        client: &Client,
        receipt: &str,
        bytes: Option<Vec<u8>>,
    ) -> Result<(), Error> {
        let request = SessionSetStateIn { receipt: receipt.to_owned(), state: bytes.clone().map(Into::into) };
        let mut known = self.known.lock().await;
        // Why forgotten first: when no answer comes, it may be either.
        *known = None;
        client.retry("session.set_state", || client.provider().set_session_state(&request)).await?;
        *known = Some(bytes);
        Ok(())
    }
}

impl Sealing {
    /// Seals what a session is to remember, where there are keys to seal with.
    pub(crate) async fn seal_session_state(
        &self,
        queue: &QueueName,
        session_id: &str,
        bytes: Vec<u8>,
    ) -> Result<Vec<u8>, Error> {
        let Some(envelope) = self.sealing_with() else {
            if self.envelope.is_some() {
                tracing::warn!(%queue, "the state of a session leaves unsealed although there are keys");
            }
            return Ok(bytes);
        };
        let context = self.session_context(queue, session_id);
        Ok(envelope.seal_session_state(&context, &Content::from_body(bytes)).await?)
    }

    /// Opens what a session remembers. It comes without a word on whether it is sealed, so what has the
    /// structure of a sealed message is one; anything else is as plain as a body without the declaration.
    pub(crate) async fn open_session_state(
        &self,
        queue: &QueueName,
        session_id: &str,
        bytes: Vec<u8>,
    ) -> Result<Vec<u8>, Unopenable> {
        if Header::parse(&bytes).is_err() {
            self.admit_plaintext(queue, &"the state of a session")?;
            return Ok(bytes);
        }
        let envelope = self.envelope.as_ref().ok_or(Unopenable::NoKeys)?;
        let context = self.session_context(queue, session_id);
        Ok(envelope.open_session_state(&context, &bytes).await?.content.body)
    }

    fn session_context<'a>(&'a self, queue: &'a QueueName, session_id: &'a str) -> SessionContext<'a> {
        SessionContext { namespace: self.namespace.as_str(), queue: queue.as_str(), session_id }
    }
}
