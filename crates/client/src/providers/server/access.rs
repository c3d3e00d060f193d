//! What only a server has: access keys, and a description of itself. Each call is one try.

use sealane_api::operation;
use sealane_api::v1::{AccessKeyIn, AccessKeyList, AccessKeyMade, AccessKeyOut, ServerOut};
use sealane_core::name::KeyId;

use super::exchange::Server;
use crate::error::Error;

impl Server {
    /// Makes an access key. Its secret is in this answer and nowhere else; when the answer was
    /// lost, revoke the key that `list` shows and make another.
    ///
    /// # Errors
    /// When it was refused or no answer came.
    pub async fn create_access_key(&self, key: &AccessKeyIn) -> Result<AccessKeyMade, Error> {
        self.call::<operation::AccessKeyCreate>("", key).await
    }

    /// All access keys, without their secrets.
    ///
    /// # Errors
    /// When it was refused or no answer came.
    pub async fn access_keys(&self) -> Result<AccessKeyList, Error> {
        self.get::<operation::AccessKeyList>("").await
    }

    /// Ends an access key at once.
    ///
    /// # Errors
    /// When there is none of this id, it was refused, or no answer came.
    pub async fn revoke_access_key(&self, id: &KeyId) -> Result<AccessKeyOut, Error> {
        self.get::<operation::AccessKeyRevoke>(id.as_str()).await
    }

    /// What the server is and how it is set up.
    ///
    /// # Errors
    /// When it was refused or no answer came.
    pub async fn describe(&self) -> Result<ServerOut, Error> {
        self.get::<operation::ServerGet>("").await
    }

    /// Lets the server go by its wall clock again after a step that it held.
    ///
    /// # Errors
    /// When it was refused or no answer came.
    pub async fn follow_clock(&self) -> Result<ServerOut, Error> {
        self.get::<operation::ServerFollowClock>("").await
    }
}
