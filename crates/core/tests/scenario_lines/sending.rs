//! Lines that send jobs, one by one and together, and that settle together.

use std::collections::BTreeMap;

use sealane_core::id::{FlowId, JobId};
use sealane_core::job::{JobInput, Priority};
use sealane_core::name::{Kind, Principal, QueueName};
use sealane_core::queue::{
    Command, Enqueue, Event, IdempotencyKey, JobOptions, Lifetime, Links, OnConflict, OnFailure, Receipt,
    Refusal, Settle, Start, Together, UniqueKey,
};
use sealane_core::retry::{Backoff, BackoffShape};
use sealane_core::time::{Millis, Time};
use sealane_core::token::Token;

use super::{START, World, code, flow_id, millis};

/// A job on its way, with everything that its command borrows.
pub(super) struct Sending {
    job: JobId,
    queue: QueueName,
    owner: Principal,
    input: JobInput,
    priority: Priority,
    start: Start,
    ttl: Option<Lifetime>,
    max_attempts: Option<u32>,
    options: Option<Box<JobOptions>>,
    digest: [u8; 16],
}

impl Sending {
    fn command(&self) -> Enqueue<'_> {
        Enqueue {
            job: self.job,
            id_given: true,
            queue: &self.queue,
            owner: &self.owner,
            input: &self.input,
            priority: self.priority,
            start: self.start,
            ttl: self.ttl,
            max_attempts: self.max_attempts,
            options: self.options.as_deref(),
            digest: self.digest,
        }
    }
}

fn sixteen(text: &str) -> [u8; 16] {
    let mut bytes = [0; 16];
    text.bytes().take(16).enumerate().for_each(|(at, byte)| bytes[at] = byte);
    bytes
}

/// A token as a server makes it: of a text within its place, and short enough here to be read.
fn token(within: &str, text: &str) -> Token {
    Token::from_bytes(sixteen(&format!("{text}/{within}")))
}

impl World {
    fn sending(
        &mut self,
        name: &str,
        options: &BTreeMap<&str, &str>,
        flow: Option<FlowId>,
    ) -> Result<Sending, Refusal> {
        let shift = options.get("id_time").copied().unwrap_or("0s");
        let id_ms = match shift.strip_prefix('-') {
            Some(back) => self.now.minus(millis(back)).unix_ms(),
            None => self.now.plus(millis(shift)).unix_ms(),
        };
        let job = self.id_of(name, id_ms);
        let queue = options.get("to").unwrap_or(&"orders");
        let owner = options.get("owner").unwrap_or(&"producer");
        let content = options.get("content").copied().unwrap_or(name);
        let backoff = options.get("backoff").map(|shape| Backoff {
            shape: BackoffShape::parse(shape).expect("a shape"),
            base: options.get("base").map_or(Millis::from_secs(1), |text| millis(text)),
            ..Backoff::default()
        });
        let idempotency = options.get("idem").map(|key| IdempotencyKey {
            key: token(&format!("{queue}/{owner}"), key),
            fingerprint: token("", content),
        });
        let unique = options.get("unique").map(|text| {
            let (key, word) = text.split_once(':').unwrap_or((text, "refuse"));
            UniqueKey { key: token("", key), on_conflict: OnConflict::parse(word).expect("a way") }
        });
        // As a server has it: within nothing, so that a job can move with it.
        let session = options.get("session").map(|name| super::session_lines::token(name));
        let fair_key = options.get("key").map(|text| Token::from_bytes(sixteen(text)));
        let mut others = |list: &str| -> Vec<JobId> {
            let names = options.get(list).copied().unwrap_or_default();
            names.split(',').filter(|name| !name.is_empty()).map(|name| self.id_of(name, id_ms)).collect()
        };
        let (all, any) = (others("after"), others("any"));
        let clone_of = others("clone_of").first().copied();
        let links = if flow.is_some() || !all.is_empty() || !any.is_empty() {
            let on_failure = options
                .get("failure")
                .map_or(OnFailure::Fail, |word| OnFailure::parse(word).expect("a policy"));
            Some(Box::new(Links::new(flow, all, any, on_failure)?))
        } else {
            None
        };
        Ok(Sending {
            job,
            queue: QueueName::parse(queue).expect("a queue name"),
            owner: Principal::parse(owner).expect("a principal"),
            input: JobInput {
                kind: Kind::parse("test").expect("a kind"),
                body: content.as_bytes().to_vec(),
                content_type: None,
                attributes: BTreeMap::new(),
                session_id: None,
                correlation_id: None,
                subject: None,
                tags: Vec::new(),
            },
            priority: options
                .get("priority")
                .map_or(Priority::Normal, |word| Priority::parse(word).expect("a priority")),
            start: match options.get("at") {
                // Seconds after the story began.
                Some(text) => Start::At(Time::from_unix_ms(START).plus(millis(text))),
                None => Start::After(options.get("delay").map_or(Millis::default(), |text| millis(text))),
            },
            ttl: match options.get("until") {
                // Seconds after the story began.
                Some(text) => Some(Lifetime::Until(Time::from_unix_ms(START).plus(millis(text)))),
                None => options.get("ttl").map(|text| Lifetime::For(millis(text))),
            },
            max_attempts: options.get("attempts").map(|text| text.parse().expect("a number")),
            options: JobOptions {
                backoff,
                idempotency,
                unique,
                session,
                fair_key,
                links,
                clone_of,
                ..JobOptions::default()
            }
            .boxed(),
            digest: sixteen(content),
        })
    }

    pub(super) fn enqueue(&mut self, name: &str, options: &BTreeMap<&str, &str>) -> String {
        let sending = match self.sending(name, options, None) {
            Ok(sending) => sending,
            Err(refusal) => return format!("refused {}", code(&refusal)),
        };
        match self.run(&Command::Enqueue(sending.command())) {
            Err(refused) => refused,
            Ok(events) => self.answered(&sending, &events),
        }
    }

    fn answered(&self, sending: &Sending, events: &[Event]) -> String {
        let answer = self.shard.acceptance(self.now, &sending.command()).expect("what was honoured");
        if events.iter().any(|event| matches!(event, Event::JobEnqueued(_))) {
            assert_eq!((answer.job, answer.merged), (sending.job, false));
            return self.shard.job(&answer.job).expect("it was just enqueued").state.to_string();
        }
        let first = match answer {
            _ if answer.blocked => " blocked",
            _ if answer.delayed => " delayed",
            _ => "",
        };
        match (answer.merged, answer.job == sending.job) {
            (true, _) => format!("merged {}{first}", self.names[&answer.job]),
            (false, false) => format!("first {}{first}", self.names[&answer.job]),
            (false, true) => format!("known{first}"),
        }
    }

    /// `together j1 · j2 idem=K`
    pub(super) fn together(&mut self, line: &str) -> String {
        let sendings: Vec<Sending> =
            words(line).map(|words| self.sending(words[0], &named(&words), None).expect("links")).collect();
        let commands: Vec<Enqueue<'_>> = sendings.iter().map(Sending::command).collect();
        match self.whole(self.shard.decide_enqueue_together(self.now, &commands)) {
            Err(refused) => refused,
            Ok(judged) => {
                let told =
                    sendings.iter().zip(judged).map(|(sending, events)| self.answered(sending, &events));
                told.collect::<Vec<_>>().join(" · ")
            }
        }
    }

    /// `flow F j1 | j2 after=j1`
    pub(super) fn flow(&mut self, line: &str) -> String {
        let words = line.strip_prefix("flow").expect("the verb").trim();
        let (name, jobs) = words.split_once(' ').expect("a flow has jobs");
        let flow = flow_id(name);
        let mut all = Vec::new();
        for job in jobs.split('|') {
            let words: Vec<&str> = job.split_whitespace().collect();
            all.push(self.sending(words[0], &named(&words), Some(flow)).expect("links that are some"));
        }
        let commands: Vec<Enqueue<'_>> = all.iter().map(Sending::command).collect();
        match self.shard.decide_enqueue_together(self.now, &commands) {
            Err(refusals) => {
                let first = refusals
                    .iter()
                    .zip(&commands)
                    .find_map(|(refusal, job)| Some((refusal.as_ref()?, job.job)));
                let (refusal, job) = first.expect("one is refused");
                format!("refused {} at {}", code(refusal), self.names[&job])
            }
            Ok(judged) => {
                let events = judged.concat();
                self.apply(&events);
                if events.is_empty() { "known" } else { "accepted" }.to_owned()
            }
        }
    }

    /// `settle complete w1 j1 · fail w1 j2`
    pub(super) fn settle_together(&mut self, line: &str) -> String {
        let items: Vec<(Receipt, Settle)> = words(line)
            .map(|words| {
                let outcome = match words[0] {
                    "complete" => Settle::Complete,
                    "release" => Settle::Release { delay: Millis::default() },
                    other => panic!("no such outcome: {other}"),
                };
                (self.receipt(words[1], words[2]), outcome)
            })
            .collect();
        let asked: Vec<(Receipt, &Settle)> =
            items.iter().map(|(receipt, outcome)| (*receipt, outcome)).collect();
        match self.whole(self.shard.decide_settle_together(self.now, &asked)) {
            Err(refused) => refused,
            Ok(judged) => {
                let told = items.iter().zip(judged).map(|((receipt, _), events)| match events.as_slice() {
                    [] => "known".to_owned(),
                    _ => self.shard.job(&receipt.job).expect("it is remembered").state.to_string(),
                });
                told.collect::<Vec<_>>().join(" · ")
            }
        }
    }

    /// Applies what was judged together; or says why nothing was.
    fn whole(&mut self, judged: Together) -> Result<Vec<Vec<Event>>, String> {
        let judged = judged.map_err(|refusals| {
            let told = |refusal: &Option<Refusal>| match refusal {
                None => "not_done".to_owned(),
                Some(refusal) => format!("refused {}", code(refusal)),
            };
            refusals.iter().map(told).collect::<Vec<_>>().join(" · ")
        })?;
        self.apply(&judged.concat());
        Ok(judged)
    }
}

fn words(line: &str) -> impl Iterator<Item = Vec<&str>> {
    let (_, items) = line.split_once(char::is_whitespace).expect("items behind the verb");
    items.split('·').map(|item| item.split_whitespace().collect())
}

fn named<'a>(words: &[&'a str]) -> BTreeMap<&'a str, &'a str> {
    words.iter().filter_map(|word| word.split_once('=')).collect()
}
