//! Who uses the server in a run, one file per sort of user. All of them go on until the run is
//! [`ending`](Scene::is_ending): from then on nobody misbehaves, and what is left is worked off.
//!
//! - [`producers`]: send jobs, also twice.
//! - [`workers`]: the product's own worker runtime; its process may crash.
//! - [`careless`]: take jobs by hand, keep them too long, use receipts they should not.
//! - [`keyed`], [`flows`]: what else they send.
//! - [`holders`]: hold sessions and work on what is in them.
//! - [`timekeepers`]: keep schedules.
//! - [`operators`]: cancel, move, re-drive, pause, purge.

mod careless;
mod flows;
mod holders;
mod keyed;
mod operators;
mod producers;
mod scene;
mod settings;
mod timekeepers;
mod workers;

pub(crate) use scene::{Part, Scene, worked};
pub(crate) use timekeepers::{BODY as SCHEDULED_BODY, look_at_all, pause_all};

use std::sync::Arc;

use tokio::task::JoinHandle;

/// Everybody at work.
pub(crate) struct Crowd {
    /// Done when every job was sent, or tried to be.
    pub(crate) producers: Vec<JoinHandle<()>>,
    /// Done some time after the run began to end.
    pub(crate) people: Vec<JoinHandle<()>>,
}

/// Sets everybody to work.
pub(crate) fn begin(scene: &Arc<Scene>) -> Crowd {
    let producers = (0..scene.plan.producers).map(|number| producers::begin(scene, number)).collect();
    for queue in &scene.queues {
        for number in 0..scene.plan.workers {
            // Not waited for, here and below: the last worker stays until the run is over.
            drop(workers::begin(scene, queue, number));
        }
    }
    for queue in scene.queues_with_sessions() {
        for number in 0..scene.plan.workers {
            drop(holders::begin(scene, queue, number));
        }
    }
    for number in 0..scene.plan.careless {
        drop(careless::begin(scene, number));
    }
    let mut people = Vec::new();
    people.extend(timekeepers::names(scene).into_iter().map(|name| timekeepers::begin(scene, name)));
    people.push(operators::begin(scene));
    Crowd { producers, people }
}
