//! What workers report while they run jobs, taken by the engine.

use sealane_core::queue::{Command, JobView};
use sealane_core::time::Time;
use sealane_storage::CallerData;

use super::engine::{Engine, Trouble};
use super::fault::Fault;
use super::request::ReportItem;

impl Engine {
    pub(super) fn report(&mut self, now: Time, item: &ReportItem) -> Result<JobView, Trouble> {
        let ReportItem { receipt, report, data } = item;
        let events = self.decide(now, &Command::Report { receipt: *receipt, report: *report })?;
        // Why: what is left of a full disk is for settling. A report that is lost costs work done twice at most.
        if !events.is_empty() && self.no_room() {
            return Err(Trouble::Fault(Fault::StorageFull));
        }
        let queue = self.view(&receipt.job).queue;
        for event in events {
            self.append(event, Some(CallerData::Outcome { queue, bytes: data }))?;
        }
        Ok(self.view(&receipt.job))
    }
}
