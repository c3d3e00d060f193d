//! Sessions: holding one, what it remembers, and the sessions of a queue.

use sealane_core::limits;
use sealane_core::name::SessionId;
use sealane_core::queue::session::SessionView;
use sealane_core::time::{Millis, Time};
use sealane_core::token::Token;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::problem::Problem;
use crate::wire::{Bytes, Text, Timestamp};

use super::jobs::bounded;

/// A wish for a session.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SessionAcceptIn {
    /// Which; where absent, the next one that is free and has a job to hand out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session_id: Option<Text>,
    /// For how long unless renewed, in milliseconds; as long as the queue lets a session be held where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hold_ms: Option<u64>,
    /// How long to wait for it, in milliseconds, at most 300000.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wait_ms: Option<u64>,
}

impl SessionAcceptIn {
    /// Which, where one was named.
    pub fn session(&self) -> Result<Option<SessionId>, Problem> {
        self.session_id.as_deref().map(named).transpose()
    }

    /// How long to wait, within its limit.
    pub fn wait(&self) -> Result<Millis, Problem> {
        match self.wait_ms.unwrap_or(0) {
            ms if ms <= limits::LEASE_WAIT_MS_MAX => Ok(Millis::new(ms)),
            _ => Err(Problem::invalid(format!("wait_ms must be at most {}", limits::LEASE_WAIT_MS_MAX))),
        }
    }
}

/// A session in somebody's hands, or none when there was none to be had in the time given.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct SessionAcceptOut {
    /// The session.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<HeldSession>,
}

/// A session in somebody's hands.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
pub struct HeldSession {
    /// Which.
    pub session_id: Text,
    /// Proof of the hold: good for this hold and this principal only.
    pub receipt: String,
    /// When the hold ends unless renewed; sooner when its holder has no job of it and says nothing.
    pub expires_at: Timestamp,
    /// How long that is from now, in milliseconds.
    pub hold_ms: u64,
    /// How long the holder may have no job of it and say nothing, in milliseconds.
    pub idle_ms: u64,
    /// What the session remembers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<Bytes>,
}

impl std::fmt::Debug for HeldSession {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Why: the receipt acts for its holder, name and state are the callers' data.
        f.debug_struct("HeldSession").field("expires_at", &self.expires_at).finish_non_exhaustive()
    }
}

macro_rules! with_receipt {
    ($(#[$doc:meta])* $name:ident { $($(#[$fdoc:meta])* $field:ident : $type:ty),* $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Serialize, Deserialize, ToSchema)]
        #[serde(deny_unknown_fields)]
        pub struct $name {
            /// The receipt that came with the session.
            pub receipt: String,
            $($(#[$fdoc])* #[serde(default, skip_serializing_if = "Option::is_none")] pub $field: Option<$type>,)*
        }

        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                // Why: a receipt acts for its holder.
                f.debug_struct(stringify!($name)).finish_non_exhaustive()
            }
        }
    };
}

with_receipt! {
    /// A session to hold for longer.
    SessionRenewIn {
        /// From now on for how long, in milliseconds; as long as the queue lets a session be held where absent.
        hold_ms: u64,
    }
}

with_receipt! {
    /// A session to give back. Jobs of it that are out are handed back with it.
    SessionCloseIn {}
}

with_receipt! {
    /// A session whose state is asked for.
    SessionStateIn {}
}

with_receipt! {
    /// What a session is to remember.
    SessionSetStateIn {
        /// The bytes, sealed if the jobs are; absent: nothing any more.
        state: Bytes,
    }
}

impl SessionSetStateIn {
    /// Takes the bytes, within their limit.
    pub fn take_state(&mut self) -> Result<Option<Vec<u8>>, Problem> {
        let bounded = |bytes| bounded(bytes, limits::SESSION_STATE_BYTES_MAX, "state of a session");
        self.state.take().map(bounded).transpose()
    }
}

/// A hold as it stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SessionStands {
    /// Whether the session is held with this receipt.
    pub held: bool,
    /// When the hold ends unless renewed; sooner when its holder has no job of it and says nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
    /// How long that is from now, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hold_ms: Option<u64>,
}

impl SessionStands {
    /// A hold that ends then.
    pub fn until(until: Time, now: Time) -> Self {
        Self { held: true, expires_at: Some(Timestamp(until)), hold_ms: Some(until.since(now).get()) }
    }

    /// None any more.
    pub fn over() -> Self {
        Self { held: false, expires_at: None, hold_ms: None }
    }
}

/// What a session remembers.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct SessionStateOut {
    /// The bytes, as they were given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<Bytes>,
}

/// A page of a queue's sessions, as wished.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SessionListIn {
    /// At most so many sessions, 1 to 1000; 100 where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max: Option<u32>,
    /// What the page before ended with, as its `next`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
}

impl SessionListIn {
    /// How many, within their limit.
    pub fn max(&self) -> Result<usize, Problem> {
        let max = self.max.unwrap_or(100);
        if !(1..=limits::SESSION_PAGE_MAX).contains(&max) {
            return Err(Problem::invalid(format!("max must be 1 to {}", limits::SESSION_PAGE_MAX)));
        }
        Ok(usize::try_from(max).unwrap_or(usize::MAX))
    }

    /// Behind which session, where the page before ended with one.
    pub fn after(&self) -> Result<Option<Token>, Problem> {
        let read = |text: &str| {
            let bytes = u128::from_str_radix(text, 16).ok().filter(|_| text.len() == 32)?;
            (place(bytes) == text).then(|| Token::from_bytes(bytes.to_be_bytes()))
        };
        let read =
            |text: &str| read(text).ok_or_else(|| Problem::invalid("after is the next of the page before"));
        self.after.as_deref().map(read).transpose()
    }
}

fn place(bytes: u128) -> String {
    format!("{bytes:032x}")
}

/// A page of a queue's sessions.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct SessionListOut {
    /// The sessions, in an order that means nothing and stays.
    pub sessions: Vec<SessionOut>,
    /// What to ask for the page behind this one with; absent on the last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

impl SessionListOut {
    /// The page of these sessions, the last one if there are fewer than were asked for.
    pub fn show(sessions: Vec<(SessionView, Option<String>)>, max: usize) -> Self {
        let next = sessions
            .last()
            .filter(|_| sessions.len() >= max)
            .map(|(view, _)| place(u128::from_be_bytes(*view.session.as_bytes())));
        let sessions = sessions.into_iter().map(|(view, name)| SessionOut::show(&view, name)).collect();
        Self { sessions, next }
    }
}

/// A session as it stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SessionOut {
    /// Which; absent where its record cannot be opened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session_id: Option<String>,
    /// Jobs in line: sent and not ended.
    pub jobs: u32,
    /// The state of the first of them, which the others wait for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first: Option<String>,
    /// Who holds it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub holder: Option<String>,
    /// Since when.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held_since: Option<Timestamp>,
    /// Until when, unless something happens first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held_until: Option<Timestamp>,
    /// Jobs of it in the holder's hands.
    pub out: u32,
    /// Whether it remembers something.
    pub has_state: bool,
}

impl SessionOut {
    fn show(view: &SessionView, name: Option<String>) -> Self {
        Self {
            session_id: name,
            jobs: view.jobs,
            first: view.first.map(|state| state.to_string()),
            holder: view.holder.as_ref().map(ToString::to_string),
            held_since: view.held_since.map(Timestamp),
            held_until: view.held_until.map(Timestamp),
            out: view.out,
            has_state: view.state.is_some(),
        }
    }
}

/// A session to take away from its holder.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SessionReleaseIn {
    /// Which.
    pub session_id: Text,
}

impl SessionReleaseIn {
    /// Which.
    pub fn session(&self) -> Result<SessionId, Problem> {
        named(&self.session_id)
    }
}

fn named(text: &str) -> Result<SessionId, Problem> {
    SessionId::parse(text).map_err(Problem::invalid)
}

/// What became of the wish to take a session away from its holder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SessionReleased {
    /// Whether somebody held it.
    pub released: bool,
}
