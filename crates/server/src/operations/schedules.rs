//! Schedules: put them, look at them, pause, resume, fire and remove them.

use std::sync::Arc;

use sealane_api::operation::{
    ScheduleFire, ScheduleGet, ScheduleList, SchedulePause, SchedulePut, ScheduleRemove, ScheduleResume,
};
use sealane_api::permission::Permission;
use sealane_api::problem::{Code, Problem};
use sealane_api::v1::{FireOut, ScheduleGone, ScheduleListOut, ScheduleOut};
use sealane_core::id::ScheduleId;
use sealane_core::name::{QueueName, ScheduleName};
use sealane_core::queue::{ScheduleAct, ScheduleView};

use crate::authz::Authorized;
use crate::authz::role::{Reach, reach};
use crate::boundary::{Door, Handle};
use crate::keys::TokenField;
use crate::runtime::NewSchedule;

impl Handle<SchedulePut> for Door {
    async fn handle(&self, asked: Authorized<SchedulePut>) -> Result<ScheduleOut, Problem> {
        let (SchedulePut { schedule: name, wish }, key) = asked.into_parts();
        let queue = wish.queue.clone();
        // Why beside the threads that serve others: a pattern without any date is looked at for years to come.
        let now = self.clock.now();
        let present = self.schedule(&name).await?;
        let cadence = present.as_ref().map(|view| view.settings.cadence.clone());
        let mut parts = tokio::task::spawn_blocking(move || wish.parts(now, cadence.as_ref()))
            .await
            .map_err(|_| Problem::new(Code::StorageFailed, "the server is stopping"))??;
        let digest = self.job_digests.of(&queue, &key.principal, &parts.job);
        parts.tokenise(&queue, &key.principal, &|field, within, text| {
            self.blind_tokens.of(&self.namespace, TokenField(field), within, text)
        });
        let id = match parts.id.or(present.map(|view| view.id)) {
            Some(id) => id,
            None => ScheduleId::from_bytes(*self.new_job_id()?.as_bytes()),
        };
        let input = Arc::new(parts.job.input);
        let view = self
            .engine
            .put_schedule(NewSchedule {
                id,
                name,
                queue: queue.clone(),
                settings: parts.settings,
                input: Arc::clone(&input),
                own_only: reach(key.role, Permission::ScheduleManage) == Reach::Own,
                owner: key.principal.clone(),
                key,
                digest,
            })
            .await?;
        Ok(ScheduleOut::show(&view, &queue, Some(&input)))
    }
}

impl Handle<ScheduleList> for Door {
    async fn handle(&self, asked: Authorized<ScheduleList>) -> Result<ScheduleListOut, Problem> {
        let (ScheduleList { page }, key) = asked.into_parts();
        let (max, after, namespace) = (page.max()?, page.after()?, self.namespace.clone());
        let own_only = reach(key.role, Permission::ScheduleRead) == Reach::Own;
        let found: Vec<(ScheduleView, QueueName)> = self
            .engine
            .read(move |machine| {
                let shard = machine.shard(&namespace);
                let mine = |view: &ScheduleView| !own_only || view.owner == key.principal;
                let open = |view: ScheduleView| {
                    let queue = shard.queue_name(view.queue).clone();
                    key.opens(&queue).then_some((view, queue))
                };
                shard.schedules(after.as_ref()).filter(mine).filter_map(open).take(max).collect()
            })
            .await?;
        let next = found.last().filter(|_| found.len() == max).map(|(view, _)| view.name.to_string());
        let schedules = found.iter().map(|(view, queue)| ScheduleOut::show(view, queue, None)).collect();
        Ok(ScheduleListOut { schedules, next })
    }
}

impl Handle<ScheduleGet> for Door {
    async fn handle(&self, asked: Authorized<ScheduleGet>) -> Result<ScheduleOut, Problem> {
        let (ScheduleGet { schedule }, _) = asked.into_parts();
        self.shown(&schedule).await
    }
}

impl Handle<SchedulePause> for Door {
    async fn handle(&self, asked: Authorized<SchedulePause>) -> Result<ScheduleOut, Problem> {
        let (SchedulePause { schedule }, _) = asked.into_parts();
        self.engine.act_on_schedule(schedule.clone(), ScheduleAct::Pause).await?;
        self.shown(&schedule).await
    }
}

impl Handle<ScheduleResume> for Door {
    async fn handle(&self, asked: Authorized<ScheduleResume>) -> Result<ScheduleOut, Problem> {
        let (ScheduleResume { schedule }, _) = asked.into_parts();
        self.engine.act_on_schedule(schedule.clone(), ScheduleAct::Resume).await?;
        self.shown(&schedule).await
    }
}

impl Handle<ScheduleFire> for Door {
    async fn handle(&self, asked: Authorized<ScheduleFire>) -> Result<FireOut, Problem> {
        let (ScheduleFire { schedule }, _) = asked.into_parts();
        let (firing, job) = self.engine.fire(schedule).await?;
        Ok(FireOut { job_id: job.to_string(), due_at: firing.due.into() })
    }
}

impl Handle<ScheduleRemove> for Door {
    async fn handle(&self, asked: Authorized<ScheduleRemove>) -> Result<ScheduleGone, Problem> {
        let (ScheduleRemove { schedule }, _) = asked.into_parts();
        self.engine.remove_schedule(schedule.clone()).await?;
        Ok(ScheduleGone { name: schedule.to_string() })
    }
}

impl Door {
    async fn schedule(&self, name: &ScheduleName) -> Result<Option<ScheduleView>, Problem> {
        let (namespace, name) = (self.namespace.clone(), name.clone());
        let seen = self.engine.read(move |machine| machine.shard(&namespace).schedule(&name));
        Ok(seen.await?)
    }

    async fn shown(&self, name: &ScheduleName) -> Result<ScheduleOut, Problem> {
        let (namespace, name) = (self.namespace.clone(), name.clone());
        let found = self
            .engine
            .read(move |machine| {
                let shard = machine.shard(&namespace);
                shard.schedule(&name).map(|view| (shard.queue_name(view.queue).clone(), view))
            })
            .await?;
        let (queue, view) = found.ok_or_else(Problem::not_found)?;
        let template = self.readable(self.records.read_job(view.input))?;
        Ok(ScheduleOut::show(&view, &queue, template.as_deref()))
    }
}
