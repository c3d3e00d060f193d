//! The server itself.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What the server is and how it is set up: what a measurement must say beside its figures.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ServerOut {
    /// The server's version.
    pub version: String,
    /// The lowest TLS version that it speaks.
    pub tls: String,
    /// How callers prove who they are.
    pub auth: String,
    /// Where every act is accounted for.
    pub audit: String,
    /// How stored data is encrypted.
    pub at_rest: String,
    /// What an answer waits for.
    pub sync: String,
    /// `serving` or `draining`.
    pub status: String,
    /// How far the wall clock is ahead of the server's (behind: negative) after a step of more than 60 s, in
    /// milliseconds. It is not followed until `server.follow_clock`: no lease ends and no job runs by it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clock_step_ms: Option<i64>,
}
