//! Who uses the server in a run, one file per sort of user. All of them go on until the run is
//! [`ending`](Scene::is_ending): from then on nobody misbehaves, and what is left is worked off.
//!
//! - [`producers`]: send jobs, also twice.
//! - [`workers`]: the product's own worker runtime; its process may crash.
//! - [`careless`]: take jobs by hand, keep them too long, use receipts they should not.
//! - [`operators`]: cancel, move, re-drive, pause, purge.

mod careless;
mod operators;
mod producers;
mod scene;
mod workers;

pub(crate) use scene::{Part, Scene, worked};

use std::sync::Arc;

use tokio::task::JoinHandle;

/// Everybody at work.
pub(crate) struct Crowd {
    /// Done when every job was sent, or tried to be.
    pub(crate) producers: Vec<JoinHandle<()>>,
    /// Until they are dropped.
    _others: Vec<JoinHandle<()>>,
}

/// Sets everybody to work.
pub(crate) fn begin(scene: &Arc<Scene>) -> Crowd {
    let producers = (0..scene.plan.producers).map(|number| producers::begin(scene, number)).collect();
    let mut others = Vec::new();
    for queue in &scene.queues {
        for number in 0..scene.plan.workers {
            others.push(workers::begin(scene, queue, number));
        }
    }
    others.extend((0..scene.plan.careless).map(|number| careless::begin(scene, number)));
    others.push(operators::begin(scene));
    Crowd { producers, _others: others }
}
