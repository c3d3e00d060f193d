//! Calls that meet share a request: what arrives while a request is on its way goes with the next one,
//! all of it together. Nobody waits for company, and a call returns only when its own item was
//! answered.

mod lane;
mod sends;
mod settles;

use std::sync::Arc;

use sealane_api::v1::{Complete, Fail, Hold, Release};

use crate::reach::Reach;
use lane::Lane;
use sends::Sends;
use settles::Settling;

/// The lanes of a client.
pub(crate) struct Gathering {
    pub(crate) sends: Sends,
    pub(crate) complete: Arc<Lane<Settling<Complete>>>,
    pub(crate) fail: Arc<Lane<Settling<Fail>>>,
    pub(crate) hold: Arc<Lane<Settling<Hold>>>,
    pub(crate) release: Arc<Lane<Settling<Release>>>,
}

impl Gathering {
    /// Calls meet unless each is to have a request of its own.
    pub(crate) fn new(reach: &Arc<Reach>, meets: bool) -> Self {
        Self {
            sends: Sends::new(Arc::clone(reach), meets),
            complete: Lane::new(Settling::new(Arc::clone(reach)), meets),
            fail: Lane::new(Settling::new(Arc::clone(reach)), meets),
            hold: Lane::new(Settling::new(Arc::clone(reach)), meets),
            release: Lane::new(Settling::new(Arc::clone(reach)), meets),
        }
    }
}
