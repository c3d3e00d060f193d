//! The access keys that the server knows, as the door sees them: a copy that the engine renews after
//! the change is durable and before it is answered. A revoked key stops working with that answer.

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use sealane_api::problem::{Code, Problem};
use sealane_core::control::{AccessKey, Control};
use sealane_core::name::KeyId;
use sealane_core::time::Time;
use sealane_crypto::secret::Key;
use sealane_crypto::token::{self, TagKey};
use tokio::sync::watch;

use super::access_key_text::{AccessKeyText, Environment};

/// Somebody who proved who they are.
#[derive(Clone, Debug)]
pub struct Caller {
    /// The key that was shown.
    pub key: AccessKey,
}

/// The keys, and the key under which their secrets are hashed.
pub struct AccessKeys {
    control: RwLock<Arc<Control>>,
    changed: watch::Sender<()>,
    hash_key: TagKey,
    environment: Environment,
}

impl fmt::Debug for AccessKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AccessKeys").field("environment", &self.environment).finish_non_exhaustive()
    }
}

impl AccessKeys {
    /// With no keys yet.
    pub fn new(hash_key: &Key, environment: Environment) -> Self {
        Self {
            control: RwLock::default(),
            changed: watch::Sender::default(),
            hash_key: TagKey::new(hash_key),
            environment,
        }
    }

    /// The installation that keys must be made for.
    pub fn environment(&self) -> &Environment {
        &self.environment
    }

    /// From now on these.
    pub fn replace(&self, control: Control) {
        *self.control.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(control);
        self.changed.send_replace(());
    }

    /// Hears of it when they have changed: whoever goes on by a key that was shown earlier looks again.
    pub fn changes(&self) -> watch::Receiver<()> {
        self.changed.subscribe()
    }

    /// The keyed hash that is stored instead of the secret.
    pub fn hash(&self, id: &KeyId, secret: &Key) -> [u8; 32] {
        self.hash_key.tag([id.as_str().as_bytes(), secret.expose()])
    }

    /// Whether a key that was shown earlier is still good.
    pub fn is_live(&self, id: &KeyId, now: Time) -> bool {
        let control = Arc::clone(&self.control.read().unwrap_or_else(PoisonError::into_inner));
        control.key(id).is_some_and(|key| key.is_live(now))
    }

    /// Checks an `Authorization` header. One answer for every way of being wrong.
    pub fn authenticate(&self, headers: &http::HeaderMap, now: Time) -> Result<Caller, Problem> {
        self.find(headers, now).ok_or_else(|| {
            Problem::new(
                Code::Unauthenticated,
                "send one header 'Authorization: Bearer <access key>' with a key that is neither revoked nor expired",
            )
        })
    }

    fn find(&self, headers: &http::HeaderMap, now: Time) -> Option<Caller> {
        let mut values = headers.get_all(http::header::AUTHORIZATION).iter();
        // Why exactly one: with two, what we check and what another reader uses may differ.
        let (Some(value), None) = (values.next(), values.next()) else { return None };
        let (scheme, text) = value.to_str().ok()?.split_once(' ')?;
        if !scheme.eq_ignore_ascii_case("bearer") {
            return None;
        }
        let shown = AccessKeyText::parse(text).ok()?;
        let control = Arc::clone(&self.control.read().unwrap_or_else(PoisonError::into_inner));
        let known = control.key(&shown.id);
        // Why hash in any case: an unknown id takes as long as a wrong secret.
        let hash = self.hash(&shown.id, &shown.secret);
        let matches = token::equal(&hash, known.map_or(&[0; 32], |key| &key.hash));
        let key = known.filter(|key| matches && key.is_live(now) && shown.environment == self.environment)?;
        Some(Caller { key: key.clone() })
    }
}
