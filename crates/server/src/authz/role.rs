//! Which role holds which permission. `docs/permissions.md` shows the same table; a test compares.

use sealane_api::permission::Permission;
use sealane_core::control::Role;

/// How far a permission reaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// Not at all.
    None,
    /// Within the queues that the key opens, and there only what the caller owns.
    Own,
    /// Within the queues that the key opens.
    Granted,
}

impl Reach {
    /// Whether it reaches something that the caller owns, or does not.
    pub fn covers(self, owned: bool) -> bool {
        match self {
            Self::None => false,
            Self::Own => owned,
            Self::Granted => true,
        }
    }
}

/// The table.
pub fn reach(role: Role, permission: Permission) -> Reach {
    match (role, permission) {
        (Role::Admin, _) => Reach::Granted,
        (Role::Submitter, Permission::JobEnqueue | Permission::QueueRead | Permission::ServerRead) => {
            Reach::Granted
        }
        (
            Role::Submitter,
            Permission::JobBodyRead
            | Permission::JobRead
            | Permission::JobCancel
            | Permission::ScheduleManage
            | Permission::ScheduleRead,
        ) => Reach::Own,
        (
            Role::Worker,
            Permission::JobWork | Permission::JobRead | Permission::QueueRead | Permission::ServerRead,
        ) => Reach::Granted,
        (
            Role::Submitter | Role::Worker,
            Permission::AccessManage
            | Permission::DeadLetterManage
            | Permission::DeadLetterRead
            | Permission::JobBodyRead
            | Permission::JobCancel
            | Permission::JobManage
            | Permission::MetricsRead
            | Permission::QueueConfigure
            | Permission::JobWork
            | Permission::JobEnqueue
            | Permission::ScheduleManage
            | Permission::ScheduleRead
            | Permission::ServerManage,
        ) => Reach::None,
    }
}
