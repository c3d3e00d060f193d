//! The server itself: how it is set up, and its interface as a document.

use sealane_api::operation::{OpenApiGet, ServerFollowClock, ServerGet};
use sealane_api::problem::Problem;
use sealane_api::v1;

use crate::authz::Authorized;
use crate::boundary::{Door, Handle};

impl Handle<ServerGet> for Door {
    async fn handle(&self, _: Authorized<ServerGet>) -> Result<v1::ServerOut, Problem> {
        Ok(self.described())
    }
}

impl Handle<ServerFollowClock> for Door {
    async fn handle(&self, _: Authorized<ServerFollowClock>) -> Result<v1::ServerOut, Problem> {
        self.engine.follow_clock().await?;
        Ok(self.described())
    }
}

impl Door {
    fn described(&self) -> v1::ServerOut {
        v1::ServerOut {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            tls: "1.3".to_owned(),
            auth: "access key".to_owned(),
            audit: "log line".to_owned(),
            at_rest: "AES-256-GCM, a key per record".to_owned(),
            sync: "fdatasync before every answer that reports a change".to_owned(),
            status: if self.is_draining() { "draining" } else { "serving" }.to_owned(),
            clock_step_ms: self.clock.held_step_ms(),
        }
    }
}

impl Handle<OpenApiGet> for Door {
    async fn handle(&self, _: Authorized<OpenApiGet>) -> Result<serde_json::Value, Problem> {
        Ok(serde_json::to_value(sealane_api::openapi::document()).expect("the document is plain data"))
    }
}
