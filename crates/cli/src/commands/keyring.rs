//! `sealane keyring`: files with sealing keys. Works without a server and never prints a key.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Subcommand;
use sealane::crypto::{RandomError, SystemRandom};
use sealane::keys::{Keyring as Roots, Root, RootId, RootState, file};
use serde::Serialize;

use super::Surroundings;
use crate::failure::{DATA, FAILED, Failure};

#[derive(Debug, Subcommand)]
pub(crate) enum Keyring {
    /// Make a keyring with one fresh root
    Init {
        /// The new file
        file: PathBuf,
    },
    /// List the roots of a keyring, never their keys
    Inspect {
        /// The keyring
        file: PathBuf,
    },
    /// Make a fresh root the one that seals; the one before it only opens from then on
    Rotate {
        /// The keyring
        file: PathBuf,
    },
    /// Take in the roots of another keyring, or make a fresh one to hand out before it seals
    Add {
        /// The keyring
        file: PathBuf,
        /// The keyring to take roots from; their keys are copied
        #[arg(long, value_name = "OTHER")]
        from: Option<PathBuf>,
        /// What they may do here: pre-active, active or decrypt-only
        #[arg(long, default_value = "pre-active", value_parser = state)]
        state: RootState,
    },
    /// Move a root on: pre-active, active, decrypt-only, disabled, destroyed
    State {
        /// The keyring
        file: PathBuf,
        /// The root's id
        #[arg(value_parser = root_id)]
        root: RootId,
        /// Its new state
        #[arg(value_parser = state)]
        state: RootState,
    },
}

fn state(word: &str) -> Result<RootState, String> {
    RootState::parse(word)
        .ok_or_else(|| "must be pre-active, active, decrypt-only, disabled or destroyed".to_owned())
}

fn root_id(text: &str) -> Result<RootId, String> {
    RootId::parse(text)
        .ok_or_else(|| "must be 32 hexadecimal digits, as `keyring inspect` shows them".to_owned())
}

pub(crate) fn run(at: &Surroundings, command: Keyring) -> Result<(), Failure> {
    match command {
        Keyring::Init { file } => {
            let keyring = Roots::generate(&SystemRandom).map_err(no_random)?;
            file::create(&file, &keyring)?;
            show(at, &file, &keyring)
        }
        Keyring::Inspect { file } => show(at, &file, &file::load(&file)?),
        Keyring::Rotate { file } => {
            change(at, &file, |keyring| keyring.rotate(&SystemRandom).map(|_| ()).map_err(no_random))
        }
        Keyring::Add { file, from, state } => change(at, &file, |keyring| {
            let roots = match from {
                Some(other) => roots_of(&file::load(&other)?),
                None => vec![Arc::new(Root::generate(&SystemRandom).map_err(no_random)?)],
            };
            for root in roots {
                let root = Arc::into_inner(root).expect("the keyring that shared it is gone");
                keyring.add(root, state).map_err(|error| {
                    Failure::new(DATA, "keyring_refused", "the keyring refuses it", error.to_string())
                })?;
            }
            Ok(())
        }),
        Keyring::State { file, root, state } => change(at, &file, |keyring| {
            keyring.set_state(root, state).map_err(|error| {
                Failure::new(DATA, "keyring_refused", "the keyring refuses it", error.to_string())
            })
        }),
    }
}

fn roots_of(keyring: &Roots) -> Vec<Arc<Root>> {
    keyring.entries().iter().filter_map(|entry| entry.root().cloned()).collect()
}

fn change(
    at: &Surroundings,
    path: &Path,
    change: impl FnOnce(&mut Roots) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let mut keyring = file::load(path)?;
    change(&mut keyring)?;
    file::save(path, &keyring)?;
    show(at, path, &keyring)
}

fn no_random(error: RandomError) -> Failure {
    Failure::new(FAILED, "no_random", "no fresh random bytes", error.to_string())
}

#[derive(Serialize)]
struct Shown<'a> {
    file: String,
    roots: Vec<ShownRoot<'a>>,
}

#[derive(Serialize)]
struct ShownRoot<'a> {
    id: String,
    state: &'a str,
}

fn show(at: &Surroundings, path: &Path, keyring: &Roots) -> Result<(), Failure> {
    let entries = keyring.entries().iter();
    let roots: Vec<ShownRoot<'_>> =
        entries.map(|entry| ShownRoot { id: entry.id().to_string(), state: entry.state().name() }).collect();
    let rows = roots.iter().map(|root| vec![root.id.clone(), root.state.to_owned()]).collect();
    at.output.many(&Shown { file: path.display().to_string(), roots }, &["root", "state"], rows)
}
