//! From options to a client: the context, the keyring, the connection.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use sealane::keys::file;
use sealane::keys::memory::MemoryKeys;
use sealane::providers::server::Server;
use sealane::{Breaker, Client, ClientBuilder, Context, Namespace, Retry};

use crate::failure::Failure;
use crate::options::Global;

/// Long enough for a server that restarts, short enough for a person who waits.
const PATIENCE: Retry = Retry {
    tries_max: 5,
    wait_base: Duration::from_millis(200),
    wait_max: Duration::from_secs(2),
    total_max: Duration::from_secs(10),
};

/// The server of the context.
pub(crate) fn server(global: &Global) -> Result<Server, Failure> {
    let path = global
        .context
        .as_deref()
        .ok_or_else(|| Failure::usage("there is no context: give --context FILE or set SEALANE_CONTEXT"))?;
    let mut context = Context::load(path)?;
    if let Some(namespace) = &global.namespace {
        let namespace = Namespace::parse(namespace).map_err(|error| Failure::usage(error.to_string()))?;
        context = context.with_namespace(namespace);
    }
    Ok(Server::connect(&context)?)
}

/// A client that follows what happens: nobody is spared by leaving a server alone that one stream asks for
/// every other second, and when that is back, it is to be heard at once.
pub(crate) fn follower(global: &Global) -> Result<Client, Failure> {
    Ok(client(global)?.breaker(Breaker::NEVER).build())
}

/// A client of that server, with keys where a keyring was given.
pub(crate) fn client(global: &Global) -> Result<ClientBuilder, Failure> {
    let builder = Client::builder(Arc::new(server(global)?)).retry(PATIENCE);
    Ok(match &global.keyring {
        Some(path) => builder.keys(Arc::new(keys(path)?)),
        None => builder,
    })
}

fn keys(path: &Path) -> Result<MemoryKeys, Failure> {
    Ok(MemoryKeys::new(file::load(path)?))
}
