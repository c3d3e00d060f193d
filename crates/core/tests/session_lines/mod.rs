//! The lines of scenario tables that are about sessions.
//!
//! ```text
//! accept   w1 [s1] [hold=10s] [of=orders] [key=s1]   -> s1 | nothing | refused CODE
//! take     w1 s1 [max=2] [for=10s]                   -> j1#1 j2#1 | nothing | refused CODE
//! renew    w1 s1 [hold=10s] · close w1 s1            -> ok | refused CODE
//! remember w1 s1 [bytes=9|sealed|torn] · forget w1 s1            -> ok | known | refused CODE
//! break    s1                                        -> ok | known | refused CODE
//! session  s1                                        -> jobs=2 first=ready held=w1:10 out=1 state | gone
//! sessions                                           -> 2 held=1 state=0
//! ```
//! `held=w1:10` is held by w1 for ten more seconds, unless something happens first.

use std::collections::BTreeMap;

use sealane_core::id::{LeaseId, LockId};
use sealane_core::name::{Principal, QueueName};
use sealane_core::queue::session::{AcceptSession, LeaseSession, SessionCommand, SessionReceipt};
use sealane_core::queue::{Command, Event};
use sealane_core::token::Token;

use super::{World, millis};

/// What stands for a session's name.
pub fn token(name: &str) -> Token {
    let mut bytes = [0; 16];
    name.bytes().take(16).enumerate().for_each(|(at, byte)| bytes[at] = byte);
    Token::from_bytes(bytes)
}

/// The least that has the structure of a sealed message, around so many bytes of ciphertext and tag.
fn sealed(ciphertext: usize) -> Vec<u8> {
    const HEADER: u8 = 91;
    let fixed =
        [&sealane_core::sealed::MAGIC[..], &[1, 0, 0, HEADER], &[7; 16], &1u64.to_be_bytes()].concat();
    let (no_expiry, salt_and_key, no_recipients, commitment_and_nonce) = ([0; 8], [1; 48], [0; 3], [2; 44]);
    [&fixed[..], &no_expiry, &salt_and_key, &no_recipients, &commitment_and_nonce, &vec![3; ciphertext]]
        .concat()
}

fn name_of(token: Token) -> String {
    String::from_utf8(token.as_bytes().iter().copied().take_while(|byte| *byte > 0).collect())
        .expect("a name")
}

impl World {
    /// The answer to a line that is about sessions; none where it is about something else.
    pub fn session_line(
        &mut self,
        verb: &str,
        bare: &[&str],
        options: &BTreeMap<&str, &str>,
    ) -> Option<String> {
        let queue = QueueName::parse(options.get("of").unwrap_or(&"orders")).expect("a queue name");
        Some(match verb {
            "accept" => self.accept(bare, &queue, options),
            "take" => self.take(bare, options),
            "renew" => {
                let receipt = self.session_receipt(bare);
                let hold = options.get("hold").map(|text| millis(text));
                self.session(SessionCommand::Renew { receipt, hold })
            }
            "close" => {
                let receipt = self.session_receipt(bare);
                self.session(SessionCommand::Close { receipt })
            }
            "remember" | "forget" => {
                let receipt = self.session_receipt(bare);
                let bytes: usize = options.get("bytes").map_or(1, |text| text.parse().expect("a number"));
                let state = match bare.get(2) {
                    Some(&"sealed") => sealed(18),
                    Some(&"torn") => sealed(17),
                    _ => vec![b'x'; bytes],
                };
                let state = (verb == "remember").then_some(&state[..]);
                self.session(SessionCommand::SetState { receipt, state })
            }
            "break" => self.session(SessionCommand::Break { queue: &queue, session: token(bare[0]) }),
            "session" => {
                let Some(number) = self.shard.queue_number(&queue) else { return Some("gone".to_owned()) };
                let Some(view) = self.shard.session(number, token(bare[0])) else {
                    return Some("gone".to_owned());
                };
                let mut told = format!("jobs={}", view.jobs);
                view.first.iter().for_each(|state| told.push_str(&format!(" first={state}")));
                if let Some((holder, until)) = view.holder.zip(view.held_until) {
                    told.push_str(&format!(" held={holder}:{}", until.since(self.now).get() / 1_000));
                }
                if view.out > 0 {
                    told.push_str(&format!(" out={}", view.out));
                }
                view.state.iter().for_each(|_| told.push_str(" state"));
                told
            }
            "sessions" => {
                let counts = self.shard.queue(&queue).expect("a queue").sessions;
                format!("{} held={} state={}", counts.sessions, counts.held, counts.with_state)
            }
            _ => return None,
        })
    }

    fn accept(&mut self, bare: &[&str], queue: &QueueName, options: &BTreeMap<&str, &str>) -> String {
        self.drawn += 1;
        let holder = Principal::parse(bare[0]).expect("a principal");
        let accept = AcceptSession {
            queue,
            session: bare.get(1).map(|name| token(name)),
            holder: &holder,
            hold: options.get("hold").map(|text| millis(text)),
            lock: LockId::from_bytes(self.drawn.to_be_bytes()),
        };
        match self.run(&Command::Session(SessionCommand::Accept(accept))) {
            Err(refused) => refused,
            Ok(events) => match events[..] {
                [Event::SessionAccepted { queue, session, lock, .. }] => {
                    let key = (bare[0].to_owned(), name_of(session));
                    self.locks.insert(key, SessionReceipt { queue, session, lock });
                    name_of(session)
                }
                _ => "nothing".to_owned(),
            },
        }
    }

    fn take(&mut self, bare: &[&str], options: &BTreeMap<&str, &str>) -> String {
        let max: usize = options.get("max").map_or(1, |text| text.parse().expect("a number"));
        let lease_ids: Vec<LeaseId> = (0..max)
            .map(|_| {
                self.drawn += 1;
                LeaseId::from_bytes(self.drawn.to_be_bytes())
            })
            .collect();
        let holder = Principal::parse(bare[0]).expect("a principal");
        let runner = crate::runner(options);
        let lease = LeaseSession {
            receipt: self.session_receipt(bare),
            holder: &holder,
            runner: runner.as_ref(),
            lease: options.get("for").map(|text| millis(text)),
            lease_ids: &lease_ids,
        };
        match self.run(&Command::Session(SessionCommand::Lease(lease))) {
            Err(refused) => refused,
            Ok(events) => self.handed_out(bare[0], &events),
        }
    }

    fn session(&mut self, command: SessionCommand<'_>) -> String {
        match self.run(&Command::Session(command)) {
            Err(refused) => refused,
            Ok(events) => if events.is_empty() { "known" } else { "ok" }.to_owned(),
        }
    }

    fn session_receipt(&self, bare: &[&str]) -> SessionReceipt {
        self.locks[&(bare[0].to_owned(), bare[1].to_owned())]
    }

    /// What is told of an event that is about a session.
    pub fn told_of_session(event: &Event) -> Option<String> {
        match event {
            Event::SessionEnded { session, end, .. } => Some(format!("{} {end}", name_of(*session))),
            _ => None,
        }
    }
}
