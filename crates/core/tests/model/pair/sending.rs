//! Sending jobs, one by one, together and as flows.

use std::collections::BTreeMap;

use sealane_core::id::{FlowId, JobId};
use sealane_core::job::JobInput;
use sealane_core::name::{Kind, Principal, QueueName};
use sealane_core::queue::{
    Command, Enqueue, Event, IdempotencyKey, JobOptions, Lifetime, Links, OnConflict, Refusal, Start,
    UniqueKey,
};
use sealane_core::time::{Millis, Time};

use super::{Pair, queue_name, token};
use crate::plain::Reasons;
use crate::plain::sending::Judged;
use crate::step::{Begin, Draft, DraftId, Parent};

pub fn input() -> JobInput {
    JobInput {
        kind: Kind::parse("k").expect("a kind"),
        body: Vec::new(),
        content_type: None,
        attributes: BTreeMap::new(),
        session_id: None,
        correlation_id: None,
        subject: None,
        tags: Vec::new(),
    }
}

pub fn owner(number: u8) -> Principal {
    Principal::parse(&format!("p{number}")).expect("a principal")
}

pub fn flow_id(number: u8) -> FlowId {
    FlowId::from_bytes([number; 16])
}

/// A job on its way, with everything that its command borrows.
struct Sending {
    job: JobId,
    queue: QueueName,
    owner: Principal,
    input: JobInput,
    draft: Draft,
    now: u64,
    options: Option<Box<JobOptions>>,
}

impl Sending {
    /// As a server makes it: over queue, owner and everything supplied.
    fn digest(&self) -> [u8; 16] {
        let queue = u8::try_from(self.draft.queue).expect("few queues");
        let mut digest = [0; 16];
        [digest[0], digest[1], digest[2]] = [self.draft.content, self.draft.owner, queue];
        digest
    }

    fn command(&self) -> Enqueue<'_> {
        let time = |ms: u64| Time::from_unix_ms(ms);
        Enqueue {
            job: self.job,
            id_given: true,
            queue: &self.queue,
            owner: &self.owner,
            input: &self.input,
            priority: self.draft.priority,
            start: match self.draft.start {
                Begin::After(delay) => Start::After(Millis::new(delay)),
                Begin::At(ms) => Start::At(time(u64::try_from(ms).expect("after the epoch"))),
            },
            // By the time where it is odd, which comes to the same.
            ttl: self.draft.ttl.map(|ttl| match ttl % 2 {
                0 => Lifetime::For(Millis::new(ttl)),
                _ => Lifetime::Until(time(self.now + ttl)),
            }),
            max_attempts: self.draft.attempts,
            options: self.options.as_deref(),
            digest: self.digest(),
        }
    }
}

impl Pair {
    /// Makes a job of a draft. `ahead` are those of the same batch.
    fn sending(&mut self, draft: &Draft, flow: Option<u8>, ahead: &[JobId]) -> Result<Sending, Refusal> {
        let now = i64::try_from(self.plain.now).expect("times are far below");
        let job = match draft.id {
            DraftId::Again(at) if !self.ids.is_empty() => self.ids[at as usize % self.ids.len()],
            DraftId::New(ahead) => {
                self.drawn += 1;
                let mut random = [0; 10];
                random[4..].copy_from_slice(&self.drawn.to_be_bytes()[10..]);
                // Why: ids of one millisecond come in any order.
                random[2] = random[9].wrapping_mul(151);
                JobId::v7(u64::try_from(now + ahead).expect("after the epoch"), random)
            }
            DraftId::Again(_) | DraftId::Strange => JobId::from_bytes([7; 16]),
        };
        if !matches!(draft.id, DraftId::Strange) && !self.ids.contains(&job) {
            self.ids.push(job);
        }
        let mut draft = draft.clone();
        // Mostly the same request once more.
        if let (DraftId::Again(at), Some(known)) = (draft.id, self.plain.find(&job))
            && at % 3 > 0
            && let Ok(owner) = known.owner.as_str()[1..].parse()
        {
            (draft.owner, draft.queue) = (owner, known.origin);
            draft.content = known.digest[0];
        }
        if let Begin::At(after) = draft.start {
            draft.start = Begin::At(now + after);
        }
        let (queue, owner) = (queue_name(draft.queue), owner(draft.owner));
        let key = |key: u8| {
            // As a server makes it: of key, sender and queue.
            let place = u8::try_from(draft.queue).expect("few queues") * 16 + draft.owner;
            IdempotencyKey { key: token(place, key), fingerprint: token(1, draft.content) }
        };
        let unique = |(key, merge): (u8, bool)| UniqueKey {
            key: token(2, key),
            on_conflict: if merge { OnConflict::Merge } else { OnConflict::Refuse },
        };
        let parents = |parents: &[Parent]| -> Vec<JobId> {
            let id = |parent: &Parent| match parent {
                Parent::Sent(which) => Some(self.which(*which)),
                Parent::Here(at) => ahead.get(*at).copied(),
            };
            parents.iter().filter_map(id).collect()
        };
        let (all, any) = (parents(&draft.after), parents(&draft.any));
        let links = match flow.is_some() || !all.is_empty() || !any.is_empty() {
            true => Some(Box::new(Links::new(flow.map(flow_id), all, any, draft.on_failure)?)),
            false => None,
        };
        let options = JobOptions {
            backoff: draft.backoff,
            session: draft.session.map(|session| token(3, session)),
            idempotency: draft.key.map(key),
            unique: draft.unique.map(unique),
            links,
            fair_key: draft.fair.map(|fair| token(4, fair)),
            firing: None,
            clone_of: draft.clone_of.map(|which| self.which(which)),
        };
        Ok(Sending {
            job,
            queue,
            owner,
            input: input(),
            options: options.boxed(),
            now: self.plain.now,
            draft,
        })
    }

    pub fn enqueue(&mut self, draft: &Draft) {
        let sending = match self.sending(draft, None, &[]) {
            Ok(sending) => sending,
            Err(refusal) => return self.twice(draft, &refusal),
        };
        let command = sending.command();
        let judged = self.plain.judge(&command, &self.plain);
        let no = judged.as_ref().err().cloned().unwrap_or_default();
        let Some(events) = self.ask("enqueue", &Command::Enqueue(command), &no) else { return };
        self.sent(&command, &judged.expect("it was done"), &events);
        self.remember_forgotten();
    }

    /// Links that name a job twice do not come to be.
    fn twice(&mut self, draft: &Draft, refusal: &Refusal) {
        assert!(matches!(refusal, Refusal::ParentTwice { .. }), "{refusal:?} of {draft:?}");
        let mut named: Vec<JobId> = draft
            .after
            .iter()
            .chain(&draft.any)
            .filter_map(|parent| match parent {
                Parent::Sent(which) => Some(self.which(*which)),
                Parent::Here(_) => None,
            })
            .collect();
        let all = named.len();
        named.sort_unstable();
        named.dedup();
        let here = draft.after.iter().chain(&draft.any).any(|parent| matches!(parent, Parent::Here(_)));
        assert!(named.len() < all || here, "{draft:?}");
        self.tally.saw("refused ParentTwice");
    }

    /// What the model has of one that was honoured, and that both give the same answer.
    fn sent(&mut self, command: &Enqueue<'_>, judged: &Judged, events: &[Event]) {
        let answer = self.plain.send(command, judged);
        let seen = match judged {
            Judged::Known(_) => "a repeat",
            Judged::Merged(_) => "a merge",
            Judged::New if command.options.is_some_and(|options| options.clone_of.is_some()) => "a clone",
            Judged::New if answer.blocked => "a blocked job",
            Judged::New if answer.delayed => "a delayed job",
            Judged::New => "a ready job",
        };
        self.tally.saw(seen);
        let stored = match judged {
            Judged::Known(_) => 0,
            Judged::Merged(_) => {
                usize::from(command.options.is_some_and(|options| options.idempotency.is_some()))
            }
            Judged::New => 1,
        };
        assert_eq!(events.len(), stored, "{judged:?}: {events:?}");
        let told = self.shard.acceptance(self.now(), command).expect("what was honoured");
        if *judged == Judged::New {
            assert_eq!(told, answer);
        }
        if let Judged::Known(first) = judged {
            assert_eq!(told, *first, "a repeat is answered as the first time");
        }
        if let Judged::Merged(merged) = judged {
            assert_eq!(told, *merged);
        }
    }

    pub fn together(&mut self, flow: Option<u8>, drafts: &[Draft]) {
        let (kind, flow) = (if flow.is_some() { "flow" } else { "together" }, flow);
        let mut sendings: Vec<Sending> = Vec::new();
        for draft in drafts {
            let ahead: Vec<JobId> = sendings.iter().map(|sending| sending.job).collect();
            match self.sending(draft, flow, &ahead) {
                Ok(sending) => sendings.push(sending),
                Err(refusal) => return self.twice(draft, &refusal),
            }
        }
        let commands: Vec<Enqueue<'_>> = sendings.iter().map(Sending::command).collect();
        // Each is judged as if those before it had happened.
        let (mut then, mut judged) = (self.plain.clone(), Vec::new());
        for command in &commands {
            let one = then.judge(command, &self.plain);
            one.iter().for_each(|judged| {
                then.send(command, judged);
            });
            judged.push(one);
        }
        let none = Reasons::new();
        match self.shard.decide_enqueue_together(self.now(), &commands) {
            Ok(events) => {
                self.tally.asked(kind, true);
                let refused = judged.iter().find_map(|one| one.as_ref().err()).unwrap_or(&none);
                assert!(refused.is_empty(), "{kind} was done and is refused by the model: {judged:?}");
                for ((command, judged), events) in commands.iter().zip(judged).zip(&events) {
                    self.apply(events);
                    self.sent(command, &judged.expect("it was done"), events);
                }
                self.remember_forgotten();
            }
            Err(refusals) => {
                self.tally.asked(kind, false);
                assert_eq!(refusals.len(), commands.len());
                for (refusal, judged) in refusals.iter().zip(&judged) {
                    let no = judged.as_ref().err().unwrap_or(&none);
                    let name = refusal.as_ref().map(super::name_of);
                    let agreed = name.as_ref().map_or(no.is_empty(), |name| no.contains(&&**name));
                    assert!(agreed, "{kind}: {refusal:?}, and by the model: {no:?}");
                    name.iter().for_each(|name| self.tally.saw(&format!("refused {name}")));
                }
            }
        }
    }
}
