//! What the roots of a keyring may do, and the one direction their states move in.

use sealane_crypto::{RandomError, SeededRandom, SequenceRandom};
use sealane_envelope::keys::{Keyring, KeyringError, RootId, RootState};

use crate::support::root;

fn states(keyring: &Keyring) -> Vec<RootState> {
    keyring.entries().iter().map(|entry| entry.state()).collect()
}

// covers SEAL-8 (states)
#[test]
fn rotation_makes_one_active_and_lets_the_others_open() {
    let random = SeededRandom::danger_from_seed(1);
    let mut keyring = Keyring::generate(&random).unwrap();
    let second = keyring.rotate(&random).unwrap();
    let third = keyring.rotate(&random).unwrap();
    assert_eq!(states(&keyring), [RootState::DecryptOnly, RootState::DecryptOnly, RootState::Active]);
    assert_eq!(keyring.active().unwrap().id(), third);
    assert_eq!(keyring.openable_ids().nth(1), Some(second));
    assert_eq!(keyring.openable_ids().count(), 3);
}

// covers SEAL-8 (states)
#[test]
fn states_move_one_way() {
    for from in RootState::ALL {
        for to in RootState::ALL {
            let mut keyring = Keyring::empty();
            keyring.add(root(1), RootState::PreActive).unwrap();
            keyring.set_state(root(1).id(), from).unwrap();
            let moved = keyring.set_state(root(1).id(), to);
            if to >= from {
                assert_eq!(moved, Ok(()));
                assert_eq!(states(&keyring), [to]);
            } else {
                assert_eq!(moved, Err(KeyringError::Backwards { id: root(1).id(), from, to }));
                assert_eq!(states(&keyring), [from]);
            }
            let state = states(&keyring)[0];
            assert_eq!(keyring.openable(root(1).id()).is_some(), state.opens());
            assert_eq!(keyring.entries()[0].root().is_none(), state == RootState::Destroyed);
        }
    }
}

#[test]
fn activating_a_root_retires_the_one_before() {
    let mut keyring = Keyring::empty();
    keyring.add(root(1), RootState::Active).unwrap();
    keyring.add(root(2), RootState::PreActive).unwrap();
    keyring.set_state(root(2).id(), RootState::Active).unwrap();
    assert_eq!(states(&keyring), [RootState::DecryptOnly, RootState::Active]);
    keyring.add(root(3), RootState::Active).unwrap();
    assert_eq!(keyring.active().unwrap().id(), root(3).id());
    keyring.set_state(root(3).id(), RootState::Active).unwrap();
    assert_eq!(keyring.active().unwrap().id(), root(3).id(), "an active root stays what it is");
}

#[test]
fn a_root_is_there_once_and_not_dead_on_arrival() {
    let mut keyring = Keyring::empty();
    keyring.add(root(1), RootState::Active).unwrap();
    let id = root(1).id();
    assert_eq!(keyring.add(root(1), RootState::PreActive), Err(KeyringError::Duplicate { id }));
    let id = root(2).id();
    assert_eq!(keyring.add(root(2), RootState::Destroyed), Err(KeyringError::DestroyedOnArrival { id }));
    assert_eq!(keyring.set_state(id, RootState::Active), Err(KeyringError::Unknown { id }));
    assert_eq!(keyring.entries().len(), 1);
}

// attack 21
#[test]
fn a_failed_rotation_changes_nothing() {
    let mut keyring = Keyring::empty();
    keyring.add(root(1), RootState::Active).unwrap();
    let dry = SequenceRandom::danger_from_bytes(vec![]);
    assert_eq!(keyring.rotate(&dry), Err(RandomError::Exhausted));
    assert_eq!(keyring.active().unwrap().id(), root(1).id());
}

#[test]
fn ids_have_one_text_form() {
    let id = root(1).id();
    assert_eq!(RootId::parse(&id.to_string()), Some(id));
    assert_eq!(RootId::parse(&id.to_string().to_uppercase()), None);
    assert_eq!(RootId::parse(&id.to_string()[1..]), None);
    assert_eq!(RootId::parse(&format!("{id}00")), None);
    for state in RootState::ALL {
        assert_eq!(RootState::parse(state.name()), Some(state));
    }
    assert_eq!(RootState::parse("Active"), None);
}
