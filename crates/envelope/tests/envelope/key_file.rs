//! Keyrings on disk: private or not at all, whole or not at all.

use std::error::Error;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use sealane_crypto::SeededRandom;
use sealane_envelope::keys::file::{self, KeyFileError, LineRule};
use sealane_envelope::keys::{Keyring, RootState};

use crate::support::root;

fn full() -> Keyring {
    let mut keyring = Keyring::empty();
    for (byte, state) in (1..).zip(RootState::ALL) {
        keyring.add(root(byte), RootState::PreActive).unwrap();
        keyring.set_state(root(byte).id(), state).unwrap();
    }
    keyring
}

fn seen(keyring: &Keyring) -> Vec<(String, RootState, bool)> {
    let row = |entry: &sealane_envelope::keys::RootEntry| {
        (entry.id().to_string(), entry.state(), entry.root().is_some())
    };
    keyring.entries().iter().map(row).collect()
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn what_is_saved_is_what_is_loaded() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ring");
    file::create(&path, &full()).unwrap();
    assert_eq!(mode(&path), 0o600);
    assert_eq!(seen(&file::load(&path).unwrap()), seen(&full()));

    let mut rotated = full();
    rotated.rotate(&SeededRandom::danger_from_seed(1)).unwrap();
    file::save(&path, &rotated).unwrap();
    assert_eq!(mode(&path), 0o600);
    assert_eq!(seen(&file::load(&path).unwrap()), seen(&rotated));
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is left beside it");
}

#[test]
fn an_existing_file_is_never_created_over() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ring");
    file::create(&path, &full()).unwrap();
    let before = fs::read(&path).unwrap();
    assert!(matches!(file::create(&path, &Keyring::empty()), Err(KeyFileError::Exists { .. })));
    assert_eq!(fs::read(&path).unwrap(), before);
}

#[test]
fn a_save_that_was_cut_short_is_no_obstacle_to_the_next() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ring");
    file::create(&path, &full()).unwrap();
    fs::write(folder.path().join("ring.new"), "half a key").unwrap();
    assert_eq!(seen(&file::load(&path).unwrap()), seen(&full()));
    file::save(&path, &Keyring::empty()).unwrap();
    assert!(file::load(&path).unwrap().entries().is_empty());
    assert_eq!(mode(&path), 0o600, "the leftover's mode is not taken over");
}

// covers SEAL-9 (a key file others can read is refused)
#[test]
fn a_file_others_may_touch_is_refused_with_the_line_to_type() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ring");
    file::create(&path, &full()).unwrap();
    for open in [0o644, 0o640, 0o604, 0o660, 0o601, 0o777, 0o610, 0o602] {
        fs::set_permissions(&path, Permissions::from_mode(open)).unwrap();
        let error = file::load(&path).unwrap_err();
        assert!(matches!(error, KeyFileError::TooOpen { mode, .. } if mode == open), "{error}");
        let text = error.to_string();
        assert!(text.contains(&format!("{open:04o}")), "{text}");
        assert!(text.ends_with(&format!("chmod 600 {}", path.display())), "{text}");
    }
    for private in [0o600, 0o400] {
        fs::set_permissions(&path, Permissions::from_mode(private)).unwrap();
        assert!(file::load(&path).is_ok());
    }
}

#[test]
fn other_files_are_not_keyrings() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ring");
    let load = |text: &[u8]| {
        let _ = fs::remove_file(&path);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
        file::load(&path)
    };
    for text in ["", "hello", "sealane keyring 2\n", "sealane keyring 1 \n", " sealane keyring 1\n"] {
        assert!(matches!(load(text.as_bytes()), Err(KeyFileError::NotAKeyring { .. })), "{text:?}");
    }
    assert!(matches!(load(&vec![b'#'; (1 << 20) + 1]), Err(KeyFileError::NotAKeyring { .. })));
    assert!(matches!(load(b"sealane keyring 1\n\xff"), Err(KeyFileError::Read { .. })));
    assert!(load(b"sealane keyring 1").unwrap().entries().is_empty());
    let absent = file::load(&folder.path().join("absent")).unwrap_err();
    assert!(matches!(absent, KeyFileError::Read { .. }) && absent.source().is_some());
    fs::set_permissions(folder.path(), Permissions::from_mode(0o700)).unwrap();
    assert!(matches!(file::load(folder.path()), Err(KeyFileError::NotAKeyring { .. })));
}

#[test]
fn each_rule_of_a_line_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ring");
    let (id, secret) = (root(1).id().to_string(), "01".repeat(32));
    let rule = |lines: &str| {
        fs::write(&path, format!("sealane keyring 1\n\n# note\n{lines}\n")).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
        match file::load(&path) {
            Ok(_) => None,
            Err(KeyFileError::Line { line, rule, .. }) => Some((line, rule)),
            Err(other) => panic!("{other}"),
        }
    };
    let good = format!("root active {id} {secret}");
    assert_eq!(rule(&good), None);
    assert_eq!(rule(&format!("{good} more")), Some((4, LineRule::Words)));
    assert_eq!(rule("key"), Some((4, LineRule::Words)));
    assert_eq!(rule(&format!("root  active {id} {secret}")), Some((4, LineRule::Words)));
    assert_eq!(rule(&format!("root on {id} {secret}")), Some((4, LineRule::State)));
    assert_eq!(rule(&format!("root active {} {secret}", &id[1..])), Some((4, LineRule::Id)));
    assert_eq!(rule(&format!("root active {id} {}", &secret[1..])), Some((4, LineRule::Secret)));
    assert_eq!(rule(&format!("root active {id} -")), Some((4, LineRule::Secret)));
    assert_eq!(rule(&format!("root destroyed {id} {secret}")), Some((4, LineRule::Secret)));
    assert_eq!(rule(&format!("root active {id} {}", "02".repeat(32))), Some((4, LineRule::IdOfSecret)));
    let duplicate = sealane_envelope::keys::KeyringError::Duplicate { id: root(1).id() };
    assert_eq!(
        rule(&format!("{good}\nroot disabled {id} {secret}")),
        Some((5, LineRule::Keyring(duplicate)))
    );
    let second = format!("root active {} {}", root(2).id(), "02".repeat(32));
    assert_eq!(rule(&format!("{good}\n{second}")), Some((5, LineRule::TwoActive)));
}
