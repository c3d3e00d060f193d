//! The authoriser.

use sealane_api::operation::{Operation, Target};
use sealane_api::permission::Permission;
use sealane_api::problem::Problem;
use sealane_core::control::AccessKey;
use sealane_core::job::State;
use sealane_core::name::{Principal, QueueName};
use sealane_core::queue::JobView;

use super::role::{Reach, reach};
use crate::authn::Caller;
use crate::boundary::{Carried, Door};
use crate::runtime::Machine;

/// An operation whose caller may ask it. There is no way to make one but [`authorise`].
#[derive(Debug)]
pub struct Authorized<Op> {
    operation: Op,
    caller: Caller,
    job: Option<JobView>,
    carried: Carried,
}

impl<Op> Authorized<Op> {
    /// What is asked.
    pub fn operation(&self) -> &Op {
        &self.operation
    }

    /// What is asked, and the key it is asked with.
    pub fn into_parts(self) -> (Op, AccessKey) {
        (self.operation, self.caller.key)
    }

    /// Where to put what the answer carries and takes back when it reaches nobody.
    pub fn carried(&self) -> Carried {
        self.carried.clone()
    }

    /// The key it is asked with.
    pub fn key(&self) -> &AccessKey {
        &self.caller.key
    }

    /// The job that was looked up to judge, where the operation is about one.
    pub fn job(&self) -> Option<&JobView> {
        self.job.as_ref()
    }
}

/// Whether the caller's role may ask such a thing at all. Known before the body is read, so nobody
/// makes us read what they may not send.
pub fn permits<Op: Operation>(caller: &Caller) -> Result<(), Problem> {
    match reach(caller.key.role, Op::PERMISSION) {
        Reach::None => Err(Problem::not_found()),
        Reach::Own | Reach::Granted => Ok(()),
    }
}

/// What of a job says who may do what with it.
#[derive(Clone, Copy, Debug)]
pub struct Standing<'a> {
    /// Whose it is.
    pub owner: &'a Principal,
    /// Where it is.
    pub queue: &'a QueueName,
    /// How far it has come.
    pub state: State,
}

impl<'a> Standing<'a> {
    /// Of a job in the queue of this name.
    pub fn of(view: &'a JobView, queue: &'a QueueName) -> Self {
        Self { owner: &view.owner, queue, state: view.state }
    }
}

/// Whether a caller may see a job.
pub fn sees(key: &AccessKey, job: Standing<'_>) -> bool {
    permits_on(key, Permission::JobRead, job)
}

/// Whether a caller holds this permission on a job. A dead one is behind the permissions of dead-letter
/// as well: whatever is done to it, and the look at one that is not the caller's own.
pub fn permits_on(key: &AccessKey, permission: Permission, job: Standing<'_>) -> bool {
    let holds = |permission| within(key, reach(key.role, permission), job.owner, job.queue);
    let holds_dead = || match permission {
        Permission::JobRead | Permission::JobBodyRead => {
            *job.owner == key.principal || holds(Permission::DeadLetterRead)
        }
        _ => holds(Permission::DeadLetterManage),
    };
    holds(permission) && (job.state != State::Dead || holds_dead())
}

fn within(key: &AccessKey, reach: Reach, owner: &Principal, queue: &QueueName) -> bool {
    key.opens(queue) && reach.covers(*owner == key.principal)
}

/// Judges an operation by what it really touches.
pub async fn authorise<Op: Operation>(
    door: &Door,
    caller: Caller,
    operation: Op,
) -> Result<Authorized<Op>, Problem> {
    let reach = reach(caller.key.role, Op::PERMISSION);
    let mut job = None;
    let permitted = match operation.target() {
        // Receipts carry their principal under a MAC; the handler refuses another's.
        Target::Namespace | Target::Leases => reach != Reach::None,
        Target::Queue(queue) => reach != Reach::None && caller.key.opens(&queue),
        Target::Queues(queues) => reach != Reach::None && queues.iter().all(|queue| caller.key.opens(queue)),
        Target::Schedule(name) => {
            let namespace = door.namespace.clone();
            let found = door
                .engine
                .read(move |machine| {
                    let shard = machine.shard(&namespace);
                    shard.schedule(&name).map(|view| (shard.queue_name(view.queue).clone(), view.owner))
                })
                .await?;
            let (queue, owner) = found.ok_or_else(Problem::not_found)?;
            caller.key.opens(&queue) && reach.covers(owner == caller.key.principal)
        }
        Target::Job(id) => {
            let namespace = door.namespace.clone();
            let found = door
                .engine
                .read(move |machine| {
                    let shard = machine.shard(&namespace);
                    shard.job(&id).map(|view| (shard.queue_name(view.queue).clone(), view))
                })
                .await?;
            let (queue, view) = found.ok_or_else(Problem::not_found)?;
            let permitted = permits_on(&caller.key, Op::PERMISSION, Standing::of(&view, &queue));
            job = Some(view);
            permitted
        }
        Target::Flow(flow) => {
            let (namespace, key) = (door.namespace.clone(), caller.key.clone());
            let any = move |machine: &Machine| {
                let shard = machine.shard(&namespace);
                let mut jobs = shard.flow(flow).filter_map(|job| shard.job(&job));
                jobs.any(|view| {
                    permits_on(&key, Op::PERMISSION, Standing::of(&view, shard.queue_name(view.queue)))
                })
            };
            door.engine.read(any).await?
        }
    };
    if !permitted {
        return Err(Problem::not_found());
    }
    Ok(Authorized { operation, caller, job, carried: Carried::default() })
}
