//! Schedules of the machine in this process: the same rules, the templates kept beside it.

use std::collections::BTreeMap;
use std::sync::Arc;

use sealane_api::problem::Problem;
use sealane_api::v1::{FireOut, ScheduleIn, ScheduleListIn, ScheduleListOut, ScheduleOut};
use sealane_core::id::{JobId, ScheduleId};
use sealane_core::job::JobInput;
use sealane_core::name::{Principal, ScheduleName};
use sealane_core::queue::{Command, Event, Fire, Firing, PutSchedule, ScheduleAct};
use sealane_core::time::Time;
use sealane_crypto::digest;

use super::machine::{Machine, token};
use super::records::Record;

/// The templates by schedule. One for each schedule there is.
#[derive(Default)]
pub(super) struct Templates(BTreeMap<ScheduleId, Arc<JobInput>>);

impl Machine {
    /// Sees to every firing that is due.
    pub(super) fn fire_due(&mut self, now: Time) {
        while let Some(due) = self.shard.due_schedule(now) {
            let firing = Firing { schedule: due.schedule, due: due.due };
            if self.fire(now, firing, false).is_err() {
                break;
            }
        }
    }

    fn fire(&mut self, now: Time, firing: Firing, asked: bool) -> Result<JobId, Problem> {
        let job = firing.job(digest::sha256);
        let template = self.templates.0.get(&firing.schedule).map(Arc::clone);
        let fire = Fire { firing, job, asked, readable: template.is_some() };
        let events = self.shard.decide(now, &Command::Fire(fire))?;
        if events.iter().any(|event| matches!(event, Event::JobEnqueued(_)))
            && let Some(input) = template
        {
            self.records.insert(job, Record::of(input));
        }
        self.apply(&events);
        Ok(job)
    }

    pub(super) fn put_schedule(
        &mut self,
        now: Time,
        name: &ScheduleName,
        owner: &Principal,
        wish: &ScheduleIn,
        fresh_id: ScheduleId,
    ) -> Result<ScheduleOut, Problem> {
        let present = self.shard.schedule(name);
        let before = present.as_ref().map(|view| view.settings.cadence.clone());
        let mut parts = wish.clone().parts(now, before.as_ref())?;
        parts.tokenise(&wish.queue, owner, &token);
        let json =
            serde_json::to_vec(&wish.job).expect("a job is texts, numbers and lists, which JSON can hold");
        let hash = digest::sha256(&[b"schedule\0", &json]);
        let id = parts.id.or(present.map(|view| view.id)).unwrap_or(fresh_id);
        let put = PutSchedule {
            id,
            name,
            queue: &wish.queue,
            owner,
            settings: &parts.settings,
            input: &parts.job.input,
            own_only: false,
            opens: &|_| true,
            digest: *hash.first_chunk().expect("32 bytes begin with 16"),
        };
        if !self.command(now, &Command::PutSchedule(put))?.is_empty() {
            self.templates.0.insert(id, Arc::new(parts.job.input));
        }
        self.schedule(name)
    }

    pub(super) fn schedule(&self, name: &ScheduleName) -> Result<ScheduleOut, Problem> {
        let view = self.shard.schedule(name).ok_or_else(Problem::not_found)?;
        let template = self.templates.0.get(&view.id);
        Ok(ScheduleOut::show(&view, self.shard.queue_name(view.queue), template.map(Arc::as_ref)))
    }

    pub(super) fn schedules(&self, page: &ScheduleListIn) -> Result<ScheduleListOut, Problem> {
        let (max, after) = (page.max()?, page.after()?);
        let found: Vec<_> = self.shard.schedules(after.as_ref()).take(max).collect();
        let next = found.last().filter(|_| found.len() == max).map(|view| view.name.to_string());
        let show = |view| ScheduleOut::show(view, self.shard.queue_name(view.queue), None);
        Ok(ScheduleListOut { schedules: found.iter().map(show).collect(), next })
    }

    pub(super) fn act_on_schedule(
        &mut self,
        now: Time,
        name: &ScheduleName,
        act: ScheduleAct,
    ) -> Result<(), Problem> {
        self.command(now, &Command::ActOnSchedule { schedule: name, act })?;
        Ok(())
    }

    pub(super) fn remove_schedule(&mut self, now: Time, name: &ScheduleName) -> Result<(), Problem> {
        for event in self.command(now, &Command::RemoveSchedule { schedule: name })? {
            if let Event::ScheduleRemoved { schedule, .. } = event {
                self.templates.0.remove(&schedule);
            }
        }
        Ok(())
    }

    pub(super) fn fire_schedule(&mut self, now: Time, name: &ScheduleName) -> Result<FireOut, Problem> {
        let view = self.shard.schedule(name).ok_or_else(Problem::not_found)?;
        let firing = Firing { schedule: view.id, due: now };
        let job = self.fire(now, firing, true)?;
        Ok(FireOut { job_id: job.to_string(), due_at: now.into() })
    }
}
