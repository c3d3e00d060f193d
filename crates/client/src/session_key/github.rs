//! Webhook events of GitHub: what happens to one issue, pull request or discussion is one session, whatever
//! else happens in a repository is another, and what happens outside of repositories one per organisation
//! or account.
//!
//! ```text
//! owner/repo/issue/7   owner/repo/pull/7   owner/repo/discussion/7   owner/repo   owner   none
//! ```

use super::{Rule, SessionKey};

impl SessionKey {
    /// The session of a webhook event of GitHub, by its payload: `owner/repo/kind/number` for events of an
    /// issue, a pull request or a discussion, `owner/repo` for others of a repository, as a push, and `owner`
    /// for those of an organisation or an account. A comment on a pull request comes as one on an issue and
    /// belongs to the pull request. Events of nobody, as a security advisory, go by themselves.
    #[must_use]
    pub fn github() -> Self {
        let numbered = |kind: &str, pointer: &str| {
            Self::composite([owner(), repo(), Self::text(kind), Self::field(pointer)])
        };
        let comment_on_pull = numbered("pull", "/issue/number");
        numbered("pull", "/pull_request/number")
            .or(Self(Rule::Where("/issue/pull_request".to_owned(), Box::new(comment_on_pull.0))))
            .or(numbered("issue", "/issue/number"))
            .or(numbered("discussion", "/discussion/number"))
            .or(Self::composite([owner(), repo()]))
            .or(Self::composite([Self::field("/organization/login")]))
            .or(Self::composite([Self::field("/installation/account/login")]))
    }
}

fn owner() -> SessionKey {
    // Why two: who owns the repository of a push was called by `name` alone once.
    SessionKey::field("/repository/owner/login").or(SessionKey::field("/repository/owner/name"))
}

fn repo() -> SessionKey {
    SessionKey::field("/repository/name")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::job::Job;

    // covers JOB-13 (session keys: GitHub)
    #[test]
    fn each_event_belongs_to_what_it_happened_to() {
        let repository = r#""repository": {"name": "Hello-World", "owner": {"login": "Codertocat"}}"#;
        for (event, expected) in [
            (r#""action": "opened", "issue": {"number": 1}"#, Some("Codertocat/Hello-World/issue/1")),
            (r#""comment": {}, "issue": {"number": 1}"#, Some("Codertocat/Hello-World/issue/1")),
            (
                r#""comment": {}, "issue": {"number": 2, "pull_request": null}"#,
                Some("Codertocat/Hello-World/issue/2"),
            ),
            (
                r#""comment": {}, "issue": {"number": 2, "pull_request": {}}"#,
                Some("Codertocat/Hello-World/pull/2"),
            ),
            (r#""number": 2, "pull_request": {"number": 2}"#, Some("Codertocat/Hello-World/pull/2")),
            (r#""review": {}, "pull_request": {"number": 2}"#, Some("Codertocat/Hello-World/pull/2")),
            (r#""discussion": {"number": 3}"#, Some("Codertocat/Hello-World/discussion/3")),
            (r#""ref": "refs/heads/main", "commits": []"#, Some("Codertocat/Hello-World")),
            (r#""organization": {"login": "Octocoders"}"#, Some("Codertocat/Hello-World")),
        ] {
            let of = |body: String| SessionKey::github().of(&Job::new("k", body));
            assert_eq!(of(format!("{{{event}, {repository}}}")).as_deref(), expected, "{event}");
        }
        for (event, expected) in [
            (r#"{"action": "member_added", "organization": {"login": "Octocoders"}}"#, Some("Octocoders")),
            (r#"{"installation": {"account": {"login": "octocat"}}}"#, Some("octocat")),
            (
                r#"{"repository": {"name": "a", "owner": {"name": "old"}}, "ref": "refs/heads/main"}"#,
                Some("old/a"),
            ),
            (r#"{"security_advisory": {}}"#, None),
            (r#"{"issue": {"number": 1}}"#, None),
        ] {
            assert_eq!(SessionKey::github().of(&Job::new("k", event)).as_deref(), expected, "{event}");
        }
    }
}
