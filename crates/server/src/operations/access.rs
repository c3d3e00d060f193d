//! Access keys: make, list, revoke.

use sealane_api::operation::{AccessKeyCreate, AccessKeyList, AccessKeyRevoke};
use sealane_api::problem::{Code, Problem};
use sealane_api::v1;
use sealane_api::wire::Timestamp;
use sealane_core::control::{AccessKey, QueuePattern, Role};
use sealane_core::name::Principal;
use sealane_core::time::Millis;

use crate::authn::AccessKeyText;
use crate::authz::Authorized;
use crate::boundary::{Door, Handle};

/// How long a key works when nobody says.
pub(crate) const DEFAULT_TTL: Millis = Millis::from_secs(90 * 86_400);

impl Handle<AccessKeyCreate> for Door {
    async fn handle(&self, asked: Authorized<AccessKeyCreate>) -> Result<v1::AccessKeyMade, Problem> {
        let (AccessKeyCreate { key: wish }, _) = asked.into_parts();
        let role = Role::parse(&wish.role)
            .ok_or_else(|| Problem::invalid("role must be one of admin, submitter, worker"))?;
        let queues = match wish.queues {
            None => vec![QueuePattern::any()],
            Some(patterns) => patterns
                .iter()
                .map(|pattern| QueuePattern::parse(pattern))
                .collect::<Result<_, _>>()
                .map_err(Problem::invalid)?,
        };
        let text =
            AccessKeyText::generate(self.access_keys.environment(), self.random.as_ref()).map_err(|_| {
                Problem::new(Code::StorageFailed, "the system gave no random bytes for a key: try again")
            })?;
        let now = self.clock.now();
        let key = self
            .engine
            .create_key(AccessKey {
                id: text.id.clone(),
                principal: Principal::parse(&wish.principal).map_err(Problem::invalid)?,
                role,
                queues,
                hash: self.access_keys.hash(&text.id, &text.secret),
                created_at: now,
                expires_at: now.plus(wish.ttl_ms.map_or(DEFAULT_TTL, Millis::new)),
                revoked_at: None,
            })
            .await?;
        Ok(v1::AccessKeyMade {
            id: key.id.to_string(),
            principal: key.principal.to_string(),
            role: key.role.to_string(),
            queues: patterns(&key),
            expires_at: Timestamp(key.expires_at),
            key: text.reveal(),
        })
    }
}

impl Handle<AccessKeyList> for Door {
    async fn handle(&self, _: Authorized<AccessKeyList>) -> Result<v1::AccessKeyList, Problem> {
        let keys = self.engine.read(|machine| machine.control().keys().cloned().collect::<Vec<_>>()).await?;
        Ok(v1::AccessKeyList { keys: keys.iter().map(shown).collect() })
    }
}

impl Handle<AccessKeyRevoke> for Door {
    async fn handle(&self, asked: Authorized<AccessKeyRevoke>) -> Result<v1::AccessKeyOut, Problem> {
        let (AccessKeyRevoke { key }, _) = asked.into_parts();
        Ok(shown(&self.engine.revoke_key(key).await?))
    }
}

fn shown(key: &AccessKey) -> v1::AccessKeyOut {
    v1::AccessKeyOut {
        id: key.id.to_string(),
        principal: key.principal.to_string(),
        role: key.role.to_string(),
        queues: patterns(key),
        created_at: Timestamp(key.created_at),
        expires_at: Timestamp(key.expires_at),
        revoked_at: key.revoked_at.map(Timestamp),
    }
}

fn patterns(key: &AccessKey) -> Vec<String> {
    key.queues.iter().map(|pattern| pattern.as_str().to_owned()).collect()
}
