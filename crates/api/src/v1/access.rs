//! Access keys.

use sealane_core::limits;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::wire::{Timestamp, some_at_most};

/// An access key to make.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AccessKeyIn {
    /// Who will act with it.
    pub principal: String,
    /// `admin`, `submitter` or `worker`.
    pub role: String,
    /// Patterns of the queues it opens; all queues where absent.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "some_at_most::<_, _, { limits::ACCESS_KEY_QUEUES_MAX }>"
    )]
    pub queues: Option<Vec<String>>,
    /// How long it works, in milliseconds; 90 days where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ttl_ms: Option<u64>,
}

/// A key that was just made. The only time that the key itself is shown.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
pub struct AccessKeyMade {
    /// The public part.
    pub id: String,
    /// Who acts with it.
    pub principal: String,
    /// What it is for.
    pub role: String,
    /// Patterns of the queues it opens.
    pub queues: Vec<String>,
    /// When it stops working.
    pub expires_at: Timestamp,
    /// The key. Keep it secret; it is not stored and not shown again.
    pub key: String,
}

impl std::fmt::Debug for AccessKeyMade {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AccessKeyMade")
            .field("id", &self.id)
            .field("role", &self.role)
            .finish_non_exhaustive()
    }
}

/// An access key as it stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AccessKeyOut {
    /// The public part.
    pub id: String,
    /// Who acts with it.
    pub principal: String,
    /// What it is for.
    pub role: String,
    /// Patterns of the queues it opens.
    pub queues: Vec<String>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it stops working.
    pub expires_at: Timestamp,
    /// When it was revoked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revoked_at: Option<Timestamp>,
}

/// All access keys.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct AccessKeyList {
    /// The keys, by id.
    pub keys: Vec<AccessKeyOut>,
}
