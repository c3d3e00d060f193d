//! `sealane access`: access keys. A new key is printed once and kept nowhere by this program.

use std::time::Duration;

use clap::Subcommand;
use sealane_api::v1::{AccessKeyIn, AccessKeyOut};
use sealane_core::name::KeyId;

use super::Surroundings;
use crate::duration::{millis, parse};
use crate::failure::Failure;
use crate::session;

#[derive(Debug, Subcommand)]
pub(crate) enum Access {
    /// Access keys
    #[command(subcommand)]
    Key(Key),
}

#[derive(Debug, Subcommand)]
pub(crate) enum Key {
    /// Make a key; it is shown this once
    Create {
        /// Who will act with it
        #[arg(long)]
        principal: String,
        /// What for: admin, submitter or worker
        #[arg(long)]
        role: String,
        /// A queue it opens, or a pattern of queues; all where not given; may be given again
        #[arg(long, value_name = "PATTERN")]
        queue: Vec<String>,
        /// How long it works; 90 days where not given
        #[arg(long, value_parser = parse, value_name = "TIME")]
        ttl: Option<Duration>,
    },
    /// List keys, never the keys themselves
    List,
    /// End a key at once
    Revoke {
        /// Its id, as `list` shows it
        id: String,
    },
}

pub(crate) async fn run(at: &Surroundings, command: Access) -> Result<(), Failure> {
    let Access::Key(command) = command;
    let server = session::server(&at.global)?;
    match command {
        Key::Create { principal, role, queue, ttl } => {
            let queues = Some(queue).filter(|queues| !queues.is_empty());
            let made = server
                .create_access_key(&AccessKeyIn { principal, role, queues, ttl_ms: ttl.map(millis) })
                .await?;
            let rows = [
                ("id", made.id.clone()),
                ("principal", made.principal.clone()),
                ("role", made.role.clone()),
                ("queues", made.queues.join(" ")),
                ("expires", made.expires_at.to_string()),
                ("key", made.key.clone()),
            ];
            at.output.one(&made, &rows)
        }
        Key::List => {
            let list = server.access_keys().await?;
            let rows = list.keys.iter().map(row).collect();
            at.output.many(&list, &["id", "principal", "role", "queues", "expires", "revoked"], rows)
        }
        Key::Revoke { id } => {
            let id = KeyId::parse(&id).map_err(|error| Failure::usage(error.to_string()))?;
            let revoked = server.revoke_access_key(&id).await?;
            let names = ["id", "principal", "role", "queues", "expires", "revoked"];
            let rows: Vec<(&str, String)> = names.into_iter().zip(row(&revoked)).collect();
            at.output.one(&revoked, &rows)
        }
    }
}

fn row(key: &AccessKeyOut) -> Vec<String> {
    vec![
        key.id.clone(),
        key.principal.clone(),
        key.role.clone(),
        key.queues.join(" "),
        key.expires_at.to_string(),
        key.revoked_at.map(|at| at.to_string()).unwrap_or_default(),
    ]
}
