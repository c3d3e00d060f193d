//! The door: what sealing and opening have in common. Sealing is in `seal`, opening in `open`.

use std::fmt;
use std::sync::Arc;

use sealane_crypto::{Key, Random, Watched};

use crate::clock::Clock;
use crate::data_keys::DataKeys;
use crate::keys::{DataKey, KeyProvider};

/// Seals and opens bodies and parts with keys, randomness and time handed in.
///
/// Made once per process and shared: all methods take `&self`.
///
/// ```
/// use std::sync::Arc;
/// use sealane_crypto::SystemRandom;
/// use sealane_envelope::keys::{Keyring, memory::MemoryKeys};
/// use sealane_envelope::{BodyContext, Content, Envelope, SystemClock};
///
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let keys = MemoryKeys::new(Keyring::generate(&SystemRandom)?);
/// let envelope = Envelope::new(Arc::new(keys), Arc::new(SystemRandom), Arc::new(SystemClock));
/// let context = BodyContext {
///     namespace: "default",
///     queue: "invoices",
///     job_id: [7; 16],
///     kind: "invoice.render",
///     session_id: None,
///     correlation_id: None,
/// };
/// let sealed = envelope.seal_body(&context, &Content::from_body("order 42"), None).await?;
/// assert_eq!(envelope.open_body(&context, &sealed).await?.content.body, b"order 42");
///
/// let elsewhere = BodyContext { queue: "payments", ..context };
/// assert!(envelope.open_body(&elsewhere, &sealed).await.is_err());
/// # Ok(())
/// # }
/// # let mut run = std::pin::pin!(example());
/// # let mut waker = std::task::Context::from_waker(std::task::Waker::noop());
/// # assert!(matches!(run.as_mut().poll(&mut waker), std::task::Poll::Ready(Ok(()))));
/// ```
pub struct Envelope {
    pub(crate) keys: Arc<dyn KeyProvider>,
    pub(crate) random: Watched<Arc<dyn Random>>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) data_keys: DataKeys,
    pub(crate) decoy: DataKey,
    pub(crate) padded: bool,
}

impl Envelope {
    /// An envelope that pads what it seals. `random` is watched: if it repeats itself, sealing
    /// fails.
    #[must_use]
    pub fn new(keys: Arc<dyn KeyProvider>, random: Arc<dyn Random>, clock: Arc<dyn Clock>) -> Self {
        Self {
            keys,
            random: Watched::new(random),
            clock,
            data_keys: DataKeys::default(),
            decoy: DataKey::from_key(Key::new([0; 32])),
            padded: true,
        }
    }

    /// The same without padding: the exact length of each body shows. Both kinds open anywhere.
    #[must_use]
    pub fn without_padding(mut self) -> Self {
        self.padded = false;
        self
    }

    /// The keys this envelope asks for.
    #[must_use]
    pub fn keys(&self) -> &Arc<dyn KeyProvider> {
        &self.keys
    }
}

impl fmt::Debug for Envelope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Envelope").field("padded", &self.padded).finish_non_exhaustive()
    }
}
