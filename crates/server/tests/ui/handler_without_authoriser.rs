//! Somebody in a hurry wants to call a handler with the bare operation.

use sealane_api::operation::QueueList;
use sealane_server::boundary::{Door, Handle};

async fn shortcut(door: &Door) {
    let _ = door.handle(QueueList {}).await;
}

fn main() {}
