//! Makes the tokens that stand for callers' texts in the queues' state and in the journal's clear
//! fields: whoever reads those learns that two texts are equal, and nothing else.

use sealane_core::name::Namespace;
use sealane_core::token::Token;
use sealane_crypto::secret::Key;
use sealane_crypto::token::TagKey;

/// The fields that have tokens. The word is part of the token: a text means something else in another field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TokenField(pub &'static str);

/// Makes the tokens of one server. The key is derived from the journal's, so that they stay the same.
#[derive(Debug)]
pub struct BlindTokens {
    key: TagKey,
}

impl BlindTokens {
    /// With the key that texts are tagged under.
    pub fn new(key: &Key) -> Self {
        Self { key: TagKey::new(key) }
    }

    /// The token of a text. What a text is told apart within besides its field, as its queue, goes
    /// into `within`.
    pub fn of(&self, namespace: &Namespace, field: TokenField, within: &[u8], text: &[u8]) -> Token {
        let tag = self.key.tag([namespace.as_str().as_bytes(), field.0.as_bytes(), within, text]);
        let mut half = [0; 16];
        half.copy_from_slice(&tag[..16]);
        Token::from_bytes(half)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_stands_for_one_text_of_one_field_in_one_place() {
        let namespace = |name: &str| Namespace::parse(name).unwrap();
        let of = |key: u8, name: &str, field: &'static str, within: &str, text: &str| {
            let tokens = BlindTokens::new(&Key::new([key; 32]));
            tokens.of(&namespace(name), TokenField(field), within.as_bytes(), text.as_bytes())
        };
        let first = of(1, "a", "session", "q", "t");
        assert_eq!(of(1, "a", "session", "q", "t"), first);
        for other in [
            of(2, "a", "session", "q", "t"),
            of(1, "b", "session", "q", "t"),
            of(1, "a", "unique", "q", "t"),
            of(1, "a", "session", "qt", ""),
            of(1, "a", "session", "q", "u"),
        ] {
            assert_ne!(other, first);
        }
    }
}
