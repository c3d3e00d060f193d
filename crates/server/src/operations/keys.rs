//! Idempotency keys and unique keys at the door: texts become tokens here, and a job that is in the
//! way is named to those who may see it.

use sealane_api::permission::Permission;
use sealane_api::problem::Problem;
use sealane_api::v1::JobParts;
use sealane_core::control::AccessKey;
use sealane_core::name::{Principal, QueueName};
use sealane_core::queue::{JobOptions, Refusal};

use crate::authz::role::{Reach, reach};
use crate::boundary::Door;
use crate::keys::TokenField;
use crate::runtime::Fault;

impl Door {
    /// What only some jobs are sent with, with tokens in the place of texts.
    pub(super) fn options(&self, parts: &JobParts, queue: &QueueName, owner: &Principal) -> JobOptions {
        parts.tokenised(queue, owner, &|field, within, text| {
            self.blind_tokens.of(&self.namespace, TokenField(field), within, text)
        })
    }

    /// A fault as its caller is told it.
    pub(super) fn told(&self, key: &AccessKey, fault: Fault) -> Problem {
        let in_the_way = match &fault {
            Fault::Refused(Refusal::UniqueTaken { by, owner }) => {
                let may_see = match reach(key.role, Permission::JobRead) {
                    Reach::Granted => true,
                    // Without an owner it is one of the same request, and so the caller's own.
                    Reach::Own => owner.as_ref().is_none_or(|owner| *owner == key.principal),
                    Reach::None => false,
                };
                may_see.then_some(*by)
            }
            _ => None,
        };
        Problem { job_id: in_the_way, ..Problem::from(fault) }
    }
}
