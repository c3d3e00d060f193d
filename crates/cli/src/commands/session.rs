//! `sealane session`: the sessions of a queue, who holds them, and what they remember.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand};
use sealane::{Client, Session as Held, SessionListIn, SessionOut, SessionStands};
use sealane_api::wire::Bytes;
use serde::Serialize;

use super::Surroundings;
use super::job::{read_body, text_or_bytes};
use crate::duration::parse;
use crate::failure::{Failure, REFUSED};
use crate::session;

/// A command holds a session for a moment; should it die, the session is free again after this.
const HOLD: Duration = Duration::from_secs(30);

#[derive(Debug, Subcommand)]
pub(crate) enum Session {
    /// Hold a session, a named one or the next free one with a job to hand out, and print the receipt of the hold
    Accept {
        /// The queue
        queue: String,
        /// What its jobs were sent with; the next free session where not said
        session: Option<String>,
        /// For how long unless renewed; as long as the queue lets a session be held where not said
        #[arg(long, value_parser = parse, value_name = "TIME")]
        hold: Option<Duration>,
        /// How long to wait for it
        #[arg(long, value_parser = parse, default_value = "0s", value_name = "TIME")]
        wait: Duration,
    },
    /// Give a session back by its receipt; jobs of it that are out are handed back
    Close {
        #[command(flatten)]
        receipt: Receipt,
    },
    /// Hold a session for longer, by its receipt
    Renew {
        #[command(flatten)]
        receipt: Receipt,
        /// From now on for how long; as long as the queue lets a session be held where not said
        #[arg(long, value_parser = parse, value_name = "TIME")]
        hold: Option<Duration>,
    },
    /// List a queue's sessions: jobs in line, the state of the first, who holds it
    List {
        /// The queue
        queue: String,
        /// At most so many
        #[arg(long, default_value_t = 100, value_name = "N")]
        max: u32,
        /// What the page before ended with, as its `next`
        #[arg(long, value_name = "NEXT")]
        after: Option<String>,
    },
    /// Take a session away from its holder; jobs of it that are out are handed back
    Release(Release),
    /// What a session remembers: show, replace or forget it, while nobody holds the session
    #[command(subcommand)]
    State(State),
}

/// Proof of a hold. It acts for its holder, so it is read and not said: a command line is seen by others.
#[derive(Args, Debug)]
pub(crate) struct Receipt {
    /// Where the receipt that `session accept` printed stands
    #[arg(long = "receipt", value_name = "FILE|-", default_value = "-")]
    file: PathBuf,
}

impl Receipt {
    fn read(&self) -> Result<String, Failure> {
        let text = String::from_utf8(read_body(&self.file)?);
        text.map(|text| text.trim().to_owned())
            .map_err(|_| Failure::usage("a receipt is text, as `session accept` printed it"))
    }
}

#[derive(Args, Debug)]
pub(crate) struct Release {
    #[command(flatten)]
    which: Which,
    /// Say who holds it and do nothing
    #[arg(long)]
    dry_run: bool,
    /// Do it
    #[arg(long)]
    yes: bool,
}

/// One session.
#[derive(Args, Clone, Debug)]
pub(crate) struct Which {
    /// The queue
    queue: String,
    /// What its jobs were sent with
    session: String,
}

/// One session, once nobody holds it.
#[derive(Args, Clone, Debug)]
pub(crate) struct Free {
    #[command(flatten)]
    which: Which,
    /// How long to wait for its holder to give it back
    #[arg(long, value_parser = parse, default_value = "0s", value_name = "TIME")]
    wait: Duration,
}

#[derive(Debug, Subcommand)]
pub(crate) enum State {
    /// Forget it
    Clear {
        #[command(flatten)]
        of: Free,
        /// Say whether there is something to forget and do nothing
        #[arg(long)]
        dry_run: bool,
        /// Do it
        #[arg(long)]
        yes: bool,
    },
    /// Show it; opened where there is a keyring
    Get {
        #[command(flatten)]
        of: Free,
    },
    /// Replace it; sealed where there is a keyring
    Set {
        #[command(flatten)]
        of: Free,
        /// What it is to remember
        #[arg(long, value_name = "FILE|-")]
        file: PathBuf,
    },
}

pub(crate) async fn run(at: &Surroundings, command: Session) -> Result<(), Failure> {
    let client = session::client(&at.global)?.build();
    match command {
        Session::List { queue, max, after } => {
            let page = client.sessions(&queue, &SessionListIn { max: Some(max), after }).await?;
            let names = ["session", "jobs", "first", "out", "holder", "held until", "remembers"];
            at.output.many(&page, &names, page.sessions.iter().map(row).collect())
        }
        Session::Accept { queue, session, hold, wait } => {
            accept(at, &client, &queue, session, hold, wait).await
        }
        Session::Close { receipt } => stands(at, &client.close_session(&receipt.read()?).await?),
        Session::Renew { receipt, hold } => stands(at, &client.renew_session(&receipt.read()?, hold).await?),
        Session::Release(command) => release(at, &client, command).await,
        Session::State(State::Get { of }) => {
            let held = hold(&client, &of).await?;
            let state = held.state().await;
            held.close().await?;
            shown(at, &of.which, state?)
        }
        Session::State(State::Set { of, file }) => {
            let bytes = read_body(&file)?;
            let held = hold(&client, &of).await?;
            let set = held.set_state(bytes).await;
            held.close().await?;
            set?;
            done(at, &of.which, "set")
        }
        Session::State(State::Clear { of, dry_run, yes }) => {
            if !dry_run && !yes {
                return Err(Failure::usage(
                    "what a session remembers cannot be had back: look with --dry-run, do it with --yes",
                ));
            }
            let held = hold(&client, &of).await?;
            if dry_run {
                let state = held.state().await;
                held.close().await?;
                return shown(at, &of.which, state?);
            }
            let cleared = held.clear_state().await;
            held.close().await?;
            cleared?;
            done(at, &of.which, "cleared")
        }
    }
}

#[derive(Serialize)]
struct Accepted<'a> {
    queue: &'a str,
    session_id: &'a str,
    receipt: &'a str,
    expires_at: String,
    hold_ms: u64,
    idle_ms: u64,
}

async fn accept(
    at: &Surroundings,
    client: &Client,
    queue: &str,
    session: Option<String>,
    hold: Option<Duration>,
    wait: Duration,
) -> Result<(), Failure> {
    let mut wish = client.session(queue).wait(wait);
    if let Some(session) = &session {
        wish = wish.named(session);
    }
    if let Some(hold) = hold {
        wish = wish.hold(hold);
    }
    let held = wish.receipt().await?.ok_or_else(not_free)?;
    let out = Accepted {
        queue,
        session_id: &held.session_id,
        receipt: &held.receipt,
        expires_at: held.expires_at.to_string(),
        hold_ms: held.hold_ms,
        idle_ms: held.idle_ms,
    };
    let rows = [
        ("queue", queue.to_owned()),
        ("session", out.session_id.to_owned()),
        ("held until", out.expires_at.clone()),
        ("receipt", out.receipt.to_owned()),
    ];
    at.output.one(&out, &rows)
}

fn not_free() -> Failure {
    let detail = "somebody holds it or works on a job of it, or its queue is paused";
    Failure::new(REFUSED, "session_not_free", "the session is not free", detail)
        .with_advice("wait for it with --wait, or take it away with `sealane session release`")
}

fn stands(at: &Surroundings, out: &SessionStands) -> Result<(), Failure> {
    let until = out.expires_at.map(|until| until.to_string()).unwrap_or_default();
    at.output.one(out, &[("held until", until)])
}

#[derive(Serialize)]
struct Released<'a> {
    queue: &'a str,
    session_id: &'a str,
    released: bool,
}

async fn release(at: &Surroundings, client: &Client, command: Release) -> Result<(), Failure> {
    let Which { queue, session } = &command.which;
    if !command.yes && !command.dry_run {
        return Err(Failure::usage(
            "whoever works on this session loses it: look with --dry-run, do it with --yes",
        ));
    }
    if command.dry_run {
        let found = find(client, &command.which).await?;
        let rows: Vec<Vec<String>> = found.iter().map(row).collect();
        let names = ["session", "jobs", "first", "out", "holder", "held until", "remembers"];
        return at.output.many(&found, &names, rows);
    }
    let released = client.release_session(queue, session).await?;
    let out = Released { queue, session_id: session, released };
    let what = if released { "taken away from its holder" } else { "nobody held it" };
    at.output
        .one(&out, &[("queue", queue.clone()), ("session", session.clone()), ("released", what.to_owned())])
}

/// The session, where there is one: sessions are listed, not looked up by name.
async fn find(client: &Client, which: &Which) -> Result<Vec<SessionOut>, Failure> {
    let mut after = None;
    loop {
        let page = client.sessions(&which.queue, &SessionListIn { max: Some(1_000), after }).await?;
        let mut sessions = page.sessions.into_iter();
        if let Some(found) = sessions.find(|found| found.session_id.as_ref() == Some(&which.session)) {
            return Ok(vec![found]);
        }
        match page.next {
            None => return Ok(Vec::new()),
            next => after = next,
        }
    }
}

async fn hold(client: &Client, of: &Free) -> Result<Held, Failure> {
    let wish = client.session(&of.which.queue).named(&of.which.session).wait(of.wait).hold(HOLD);
    wish.accept().await?.ok_or_else(not_free)
}

#[derive(Serialize)]
struct Shown<'a> {
    queue: &'a str,
    session_id: &'a str,
    has_state: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    state: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    state_base64: Option<Bytes>,
}

fn shown(at: &Surroundings, of: &Which, state: Option<Vec<u8>>) -> Result<(), Failure> {
    let has_state = state.is_some();
    let (state, state_base64) = text_or_bytes(state);
    let told = match (&state, &state_base64) {
        (Some(text), _) => text.clone(),
        (_, Some(bytes)) => bytes.to_base64(),
        _ => "nothing".to_owned(),
    };
    let rows = [("queue", of.queue.clone()), ("session", of.session.clone()), ("remembers", told)];
    let out = Shown { queue: &of.queue, session_id: &of.session, has_state, state, state_base64 };
    at.output.one(&out, &rows)
}

#[derive(Serialize)]
struct Done<'a> {
    queue: &'a str,
    session_id: &'a str,
    state: &'a str,
}

fn done(at: &Surroundings, of: &Which, what: &str) -> Result<(), Failure> {
    let rows = [("queue", of.queue.clone()), ("session", of.session.clone()), ("state", what.to_owned())];
    at.output.one(&Done { queue: &of.queue, session_id: &of.session, state: what }, &rows)
}

fn row(session: &SessionOut) -> Vec<String> {
    vec![
        session.session_id.clone().unwrap_or_default(),
        session.jobs.to_string(),
        session.first.clone().unwrap_or_default(),
        session.out.to_string(),
        session.holder.clone().unwrap_or_default(),
        session.held_until.map(|until| until.to_string()).unwrap_or_default(),
        if session.has_state { "yes" } else { "" }.to_owned(),
    ]
}
