//! Events of jobs, to those who listen.

use std::sync::Arc;

use sealane_api::operation::EventWatch;
use sealane_api::problem::Problem;

use crate::authz::Authorized;
use crate::boundary::{Door, Stream};
use crate::streams::EventStream;

impl Stream<EventWatch> for Door {
    fn open(&self, asked: Authorized<EventWatch>) -> Result<EventStream, Problem> {
        let (EventWatch { wish }, key) = asked.into_parts();
        if self.is_draining() {
            return Err(Self::draining());
        }
        let place = self.streams.take(&key.principal)?;
        Ok(EventStream::new(
            &key,
            wish,
            self.engine.events(),
            Arc::clone(&self.access_keys),
            self.drained(),
            Arc::clone(&self.clock),
            place,
        ))
    }
}
