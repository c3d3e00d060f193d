//! Which queues a key opens: by segment, no regular expressions.
//!
//! A queue name's segments stand between dots. In a pattern `*` is exactly one segment, whatever it
//! says, and `**` as the last segment is one or more. Everything else is compared byte by byte.

use std::fmt;

use crate::limits;
use crate::name::QueueName;

/// A pattern over queue names.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct QueuePattern(Box<str>);

/// The text is not a pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PatternError;

impl fmt::Display for PatternError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("queue pattern must be dot-separated segments of a-z, 0-9, '-', '_', or '*' for any one segment, or a last '**' for all that follow")
    }
}

impl std::error::Error for PatternError {}

impl QueuePattern {
    /// Opens every queue.
    pub fn any() -> Self {
        Self("**".into())
    }

    /// Reads a pattern.
    pub fn parse(text: &str) -> Result<Self, PatternError> {
        if text.is_empty() || text.len() > limits::QUEUE_NAME_BYTES_MAX {
            return Err(PatternError);
        }
        let mut segments = text.split('.').peekable();
        while let Some(segment) = segments.next() {
            let good = match segment {
                "*" => true,
                "**" => segments.peek().is_none(),
                literal => {
                    !literal.is_empty()
                        && literal.bytes().all(|byte| {
                            byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'_')
                        })
                }
            };
            if !good {
                return Err(PatternError);
            }
        }
        Ok(Self(text.into()))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether the queue is one of those meant.
    pub fn matches(&self, queue: &QueueName) -> bool {
        let mut names = queue.as_str().split('.');
        for segment in self.0.split('.') {
            match (segment, names.next()) {
                ("**", Some(_)) => return true,
                ("*", Some(_)) => {}
                (literal, Some(name)) if literal == name => {}
                _ => return false,
            }
        }
        names.next().is_none()
    }
}

impl fmt::Debug for QueuePattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // attack 46
    #[test]
    fn patterns_mean_exactly_what_they_say() {
        let cases = [
            ("orders.*", "orders", false),
            ("orders.*", "orders.a", true),
            ("orders.*", "orders.a.b", false),
            ("orders.**", "orders.a.b", true),
            ("orders.**", "orders", false),
            ("orders", "orders", true),
            ("orders", "orders2", false),
            ("*.a", "orders.a", true),
            ("**", "orders.a.b", true),
            ("*", "orders.a", false),
        ];
        for (pattern, queue, expected) in cases {
            let matched = QueuePattern::parse(pattern).unwrap().matches(&QueueName::parse(queue).unwrap());
            assert_eq!(matched, expected, "{pattern} against {queue}");
        }
        for bad in ["", ".", "a..b", "**.a", "a*", "[a-z]", "a.b/c", "ORDERS.*", "a.%2e", "(a|b)", ".*"] {
            assert_eq!(QueuePattern::parse(bad), Err(PatternError), "{bad}");
        }
    }
}
