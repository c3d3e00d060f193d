//! What a live job goes on with of what it was sent with. A million of them wait, and most that have
//! anything here have one token and nothing besides: that one takes no more than itself.
//!
//! Knows nothing of idempotency keys (those are kept beside the jobs) nor of what becomes of a job whose unique
//! key another one has: both are over when the job is accepted.

use super::links::Links;
use super::options::JobOptions;
use super::schedule::Firing;
use super::unique::{OnConflict, UniqueKey};
use crate::id::JobId;
use crate::retry::Backoff;
use crate::token::Token;

/// What a live job goes on with. One form only for each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum LiveOptions {
    Session(Token),
    FairKey(Token),
    Unique(Token),
    Several(Box<Several>),
}

/// More than one token, or something rarer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Several {
    session: Option<Token>,
    fair_key: Option<Token>,
    unique: Option<Token>,
    links: Option<Box<Links>>,
    rare: Option<Box<Rare>>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Rare {
    backoff: Option<Backoff>,
    firing: Option<Firing>,
    clone_of: Option<JobId>,
}

impl LiveOptions {
    /// Of what a job was sent with, in its box; nothing where nothing is left of it.
    pub(super) fn of(sent: &JobOptions) -> Option<Box<Self>> {
        let JobOptions { backoff, session, idempotency: _, unique, links, fair_key, firing, clone_of } = sent;
        let rare = Rare { backoff: *backoff, firing: *firing, clone_of: *clone_of };
        let unique = unique.as_ref().map(|unique| unique.key);
        let only_tokens = links.is_none() && rare == Rare::default();
        let live = match (session, fair_key, unique) {
            (None, None, None) if only_tokens => return None,
            (Some(session), None, None) if only_tokens => Self::Session(*session),
            (None, Some(key), None) if only_tokens => Self::FairKey(*key),
            (None, None, Some(key)) if only_tokens => Self::Unique(key),
            _ => Self::Several(Box::new(Several {
                session: *session,
                fair_key: *fair_key,
                unique,
                links: links.clone(),
                rare: (rare != Rare::default()).then(|| Box::new(rare)),
            })),
        };
        Some(Box::new(live))
    }

    /// What a job that goes on with the same could have been sent with.
    pub(super) fn as_sent(&self) -> JobOptions {
        let on_conflict = OnConflict::Refuse;
        JobOptions {
            backoff: self.backoff(),
            session: self.session(),
            idempotency: None,
            unique: self.unique().map(|key| UniqueKey { key, on_conflict }),
            links: self.links().cloned().map(Box::new),
            fair_key: self.fair_key(),
            firing: self.firing(),
            clone_of: self.clone_of(),
        }
    }

    /// What stands for its session's name.
    pub(super) fn session(&self) -> Option<Token> {
        match self {
            Self::Session(session) => Some(*session),
            Self::FairKey(_) | Self::Unique(_) => None,
            Self::Several(several) => several.session,
        }
    }

    /// What its turns are taken under.
    pub(super) fn fair_key(&self) -> Option<Token> {
        match self {
            Self::FairKey(key) => Some(*key),
            Self::Session(_) | Self::Unique(_) => None,
            Self::Several(several) => several.fair_key,
        }
    }

    /// What it is the only one with in its queue.
    pub(super) fn unique(&self) -> Option<Token> {
        match self {
            Self::Unique(key) => Some(*key),
            Self::Session(_) | Self::FairKey(_) => None,
            Self::Several(several) => several.unique,
        }
    }

    /// Its place among other jobs.
    pub(super) fn links(&self) -> Option<&Links> {
        self.several()?.links.as_deref()
    }

    /// How long to wait between attempts, where not as the queue says.
    pub(super) fn backoff(&self) -> Option<Backoff> {
        self.several()?.rare.as_ref()?.backoff
    }

    /// The firing of a schedule that it is.
    pub(super) fn firing(&self) -> Option<Firing> {
        self.several()?.rare.as_ref()?.firing
    }

    /// The job that it repeats.
    pub(super) fn clone_of(&self) -> Option<JobId> {
        self.several()?.rare.as_ref()?.clone_of
    }

    fn several(&self) -> Option<&Several> {
        match self {
            Self::Several(several) => Some(several),
            Self::Session(_) | Self::FairKey(_) | Self::Unique(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn one_token_takes_little_more_than_itself() {
        let (one, several) = (size_of::<super::LiveOptions>(), size_of::<super::Several>());
        assert!(one <= 24 && several <= 72, "{one} and {several} bytes");
    }
}
