//! Somebody in a hurry wants to make the proof without asking the authoriser.

use sealane_api::operation::QueueList;
use sealane_server::authn::Caller;
use sealane_server::authz::Authorized;
use sealane_server::boundary::{Carried, Door, Handle};

async fn shortcut(door: &Door, caller: Caller) {
    let asked = Authorized { operation: QueueList {}, caller, job: None, carried: Carried::default() };
    let _ = door.handle(asked).await;
}

fn main() {}
