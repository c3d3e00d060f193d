//! Which jobs of a dead-letter are meant, as it is asked.

use sealane_core::job::Category;
use sealane_core::name::{ErrorCode, Kind, Principal, Tag};
use sealane_core::queue::DeadFilter;
use sealane_core::token::Token;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::problem::Problem;
use crate::wire::{Bytes, Timestamp};

/// Makes the token that stands for a text of a field.
pub type TokenOf<'a> = &'a dyn Fn(&'static str, &str) -> Token;

/// The field that tokens of kinds are made for.
pub const KIND_FIELD: &str = "kind";
/// The field that tokens of tags are made for.
pub const TAG_FIELD: &str = "tag";

/// Which jobs of a dead-letter are meant: those that everything said here is true of.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DeadFilterIn {
    /// Why the last attempt failed: `temporary`, `permanent`, `timeout`, `cancelled` or `system`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub category: Option<String>,
    /// What its worker calls the error.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// Which error, by its fingerprint of 16 bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fingerprint: Option<Bytes>,
    /// What sort of job it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// One of its search words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tag: Option<String>,
    /// Who sent it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// It died at this time or later (RFC 3339),
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub died_from: Option<Timestamp>,
    /// and before this one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub died_before: Option<Timestamp>,
}

impl DeadFilterIn {
    /// The filter, with `token` standing for texts that the queues must not know.
    pub fn read(filter: Option<&Self>, token: TokenOf<'_>) -> Result<DeadFilter, Problem> {
        let Some(filter) = filter else { return Ok(DeadFilter::default()) };
        let Self { category, code, fingerprint, kind, tag, owner, died_from, died_before } = filter;
        if died_from.zip(*died_before).is_some_and(|(from, before)| from.0 >= before.0) {
            return Err(Problem::invalid("died_from must be before died_before"));
        }
        let kind = kind.as_deref().map(Kind::parse).transpose().map_err(Problem::invalid)?;
        let tag = tag.as_deref().map(Tag::parse).transpose().map_err(Problem::invalid)?;
        Ok(DeadFilter {
            category: category.as_deref().map(read_category).transpose()?,
            code: code.as_deref().map(ErrorCode::parse).transpose().map_err(Problem::invalid)?,
            fingerprint: fingerprint.as_ref().map(read_fingerprint).transpose()?,
            kind: kind.map(|kind| token(KIND_FIELD, kind.as_str())),
            tag: tag.map(|tag| token(TAG_FIELD, tag.as_str())),
            owner: owner.as_deref().map(Principal::parse).transpose().map_err(Problem::invalid)?,
            died_from: died_from.map(|at| at.0),
            died_before: died_before.map(|at| at.0),
        })
    }
}

/// Reads why an attempt failed.
pub(super) fn read_category(word: &str) -> Result<Category, Problem> {
    Category::parse(word).ok_or_else(|| {
        Problem::invalid("category must be one of temporary, permanent, timeout, cancelled, system")
    })
}

/// Reads what tells equal errors.
pub(super) fn read_fingerprint(bytes: &Bytes) -> Result<Token, Problem> {
    let bytes = bytes.0.as_ref().try_into();
    bytes.map(Token::from_bytes).map_err(|_| Problem::invalid("a fingerprint has 16 bytes"))
}

/// Shows it.
pub(super) fn show_fingerprint(token: &Token) -> Bytes {
    token.as_bytes().to_vec().into()
}
