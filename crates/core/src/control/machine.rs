//! Commands about access keys, judged; events, applied.

use std::collections::BTreeMap;
use std::fmt;

use super::access_key::AccessKey;
use crate::limits;
use crate::name::KeyId;
use crate::time::Time;

/// A fact about access keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ControlEvent {
    /// A key was made.
    AccessKeyCreated(AccessKey),
    /// A key was revoked.
    AccessKeyRevoked {
        /// Which key.
        id: KeyId,
        /// When.
        at: Time,
    },
}

/// Why a command about access keys was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ControlRefusal {
    /// No such key, or revoked already.
    KeyUnknown,
    /// The id is taken: it was not random.
    KeyIdTaken,
    /// Too many live keys.
    TooManyKeys,
    /// The last admin key cannot be revoked: nobody could come in any more.
    LastAdmin,
    /// No queue pattern, or too many.
    Queues,
    /// The key would live too long, or not at all.
    Expiry,
}

impl fmt::Display for ControlRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::KeyUnknown => f.write_str("no such access key"),
            Self::KeyIdTaken => f.write_str("the key id is taken"),
            Self::TooManyKeys => {
                write!(f, "at most {} access keys may be live: revoke some first", limits::ACCESS_KEYS_MAX)
            }
            Self::LastAdmin => f.write_str("the last live admin key cannot be revoked: create another first"),
            Self::Queues => {
                write!(f, "an access key needs 1 to {} queue patterns", limits::ACCESS_KEY_QUEUES_MAX)
            }
            Self::Expiry => write!(f, "an access key must live 1 to {} ms", limits::ACCESS_KEY_TTL_MS_MAX),
        }
    }
}

impl std::error::Error for ControlRefusal {}

/// All access keys.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Control {
    keys: BTreeMap<KeyId, AccessKey>,
    /// Keys not revoked. Kept, not counted.
    unrevoked: usize,
}

impl Control {
    /// A key by its public part.
    pub fn key(&self, id: &KeyId) -> Option<&AccessKey> {
        self.keys.get(id)
    }

    /// All keys, revoked ones too, by id.
    pub fn keys(&self) -> impl Iterator<Item = &AccessKey> {
        self.keys.values()
    }

    /// Whether anybody can come in as admin at `now`.
    pub fn has_admin(&self, now: Time) -> bool {
        self.live_admins(now).next().is_some()
    }

    /// Judges the making of a key.
    pub fn create_key(&self, key: AccessKey) -> Result<ControlEvent, ControlRefusal> {
        if self.keys.contains_key(&key.id) {
            return Err(ControlRefusal::KeyIdTaken);
        }
        if self.unrevoked >= limits::ACCESS_KEYS_MAX {
            return Err(ControlRefusal::TooManyKeys);
        }
        if key.queues.is_empty() || key.queues.len() > limits::ACCESS_KEY_QUEUES_MAX {
            return Err(ControlRefusal::Queues);
        }
        let life = key.expires_at.since(key.created_at).get();
        if life == 0 || life > limits::ACCESS_KEY_TTL_MS_MAX {
            return Err(ControlRefusal::Expiry);
        }
        Ok(ControlEvent::AccessKeyCreated(key))
    }

    /// Judges the revoking of a key.
    pub fn revoke_key(&self, now: Time, id: &KeyId) -> Result<ControlEvent, ControlRefusal> {
        let key =
            self.keys.get(id).filter(|key| key.revoked_at.is_none()).ok_or(ControlRefusal::KeyUnknown)?;
        let only_admin = self.live_admins(now).all(|admin| admin.id == key.id);
        if key.role == super::Role::Admin && key.is_live(now) && only_admin {
            return Err(ControlRefusal::LastAdmin);
        }
        Ok(ControlEvent::AccessKeyRevoked { id: id.clone(), at: now })
    }

    /// Takes back a key as it stood, revoked or not: one of [`Control::keys`], written down and read again.
    ///
    /// # Errors
    /// When there is one of its id.
    pub fn put_back(&mut self, key: AccessKey) -> Result<(), ControlRefusal> {
        if self.keys.contains_key(&key.id) {
            return Err(ControlRefusal::KeyIdTaken);
        }
        self.unrevoked += usize::from(key.revoked_at.is_none());
        self.keys.insert(key.id.clone(), key);
        Ok(())
    }

    /// Applies a fact.
    pub fn evolve(&mut self, event: &ControlEvent) {
        match event {
            ControlEvent::AccessKeyCreated(key) => {
                self.keys.insert(key.id.clone(), key.clone());
                self.unrevoked += 1;
                if self.keys.len() > limits::ACCESS_KEYS_MAX {
                    self.forget_one_revoked();
                }
            }
            ControlEvent::AccessKeyRevoked { id, at } => {
                if let Some(key) = self.keys.get_mut(id).filter(|key| key.revoked_at.is_none()) {
                    key.revoked_at = Some(*at);
                    self.unrevoked -= 1;
                }
            }
        }
    }

    /// Revoked keys are kept to be listed, within the same bound as the others.
    fn forget_one_revoked(&mut self) {
        let revoked = self.keys.values().filter(|key| key.revoked_at.is_some());
        if let Some(id) = revoked.min_by_key(|key| key.revoked_at).map(|key| key.id.clone()) {
            self.keys.remove(&id);
        }
    }

    fn live_admins(&self, now: Time) -> impl Iterator<Item = &AccessKey> {
        self.keys.values().filter(move |key| key.role == super::Role::Admin && key.is_live(now))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::{QueuePattern, Role};
    use crate::name::Principal;

    fn key(id: &str, role: Role) -> AccessKey {
        AccessKey {
            id: KeyId::parse(id).unwrap(),
            principal: Principal::parse("someone").unwrap(),
            role,
            queues: vec![QueuePattern::any()],
            hash: [0; 32],
            created_at: Time::from_unix_ms(10),
            expires_at: Time::from_unix_ms(20),
            revoked_at: None,
        }
    }

    #[test]
    fn the_last_admin_cannot_lock_everybody_out() {
        let now = Time::from_unix_ms(11);
        let mut control = Control::default();
        let first = key("aaaaaaaaaaaaaaaa", Role::Admin);
        let second = key("bbbbbbbbbbbbbbbb", Role::Admin);
        control.evolve(&control.create_key(first.clone()).unwrap());
        assert_eq!(control.revoke_key(now, &first.id), Err(ControlRefusal::LastAdmin));
        control.evolve(&control.create_key(second.clone()).unwrap());
        control.evolve(&control.revoke_key(now, &first.id).unwrap());
        assert!(!control.key(&first.id).unwrap().is_live(now));
        assert_eq!(control.revoke_key(now, &first.id), Err(ControlRefusal::KeyUnknown));
        assert!(control.has_admin(now) && !control.has_admin(Time::from_unix_ms(20)));
    }

    #[test]
    fn keys_put_back_are_the_same_machine_and_none_comes_twice() {
        let mut control = Control::default();
        for id in ["aaaaaaaaaaaaaaaa", "bbbbbbbbbbbbbbbb"] {
            control.evolve(&control.create_key(key(id, Role::Admin)).unwrap());
        }
        let revoked = KeyId::parse("aaaaaaaaaaaaaaaa").unwrap();
        control.evolve(&control.revoke_key(Time::from_unix_ms(11), &revoked).unwrap());
        let mut again = Control::default();
        control.keys().for_each(|key| again.put_back(key.clone()).unwrap());
        assert_eq!(again, control);
        let twice = again.put_back(key("aaaaaaaaaaaaaaaa", Role::Worker));
        assert_eq!(twice, Err(ControlRefusal::KeyIdTaken));
    }

    // attack 35
    #[test]
    fn a_key_works_from_its_making_until_just_before_its_expiry() {
        let key = key("aaaaaaaaaaaaaaaa", Role::Worker);
        let live: Vec<u64> = (8..23).filter(|ms| key.is_live(Time::from_unix_ms(*ms))).collect();
        assert_eq!(live, (10..20).collect::<Vec<_>>());
    }
}
