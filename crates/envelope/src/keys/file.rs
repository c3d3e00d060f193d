//! A keyring on disk: a text file that only its owner may read.
//!
//! ```text
//! sealane keyring 1
//! root STATE ID SECRET
//! ```
//!
//! One `root` line per root, oldest first; id and secret in lower-case hexadecimal, `-` for the
//! secret of a destroyed one. Lines that begin with `#` and empty lines are passed over. An id
//! that does not follow from its secret is refused, so a slip of an editor cannot go unnoticed.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use data_encoding::HEXLOWER;
use sealane_crypto::{Key, Secret};
use thiserror::Error;

use super::keyring::{Keyring, KeyringError, RootState};
use super::root::{Root, RootId};

const FIRST_LINE: &str = "sealane keyring 1";
const NOTICE: &str = "# Whoever can read this file can open every body sealed with it. Keep it at mode 0600.";
const FILE_BYTES_MAX: u64 = 1 << 20;
const MODE: u32 = 0o600;

/// Writes a new keyring file, mode 0600. An existing file is never touched.
///
/// # Errors
/// When the file exists or cannot be written.
pub fn create(path: &Path, keyring: &Keyring) -> Result<(), KeyFileError> {
    let mut file = open_new(path).map_err(|cause| match cause.kind() {
        io::ErrorKind::AlreadyExists => KeyFileError::Exists { path: path.to_owned() },
        _ => write_error(path, cause),
    })?;
    write_all(&mut file, keyring)
        .and_then(|()| sync_directory(path))
        .map_err(|cause| write_error(path, cause))
}

/// Reads a keyring file, if nobody but its owner can.
///
/// # Errors
/// When others may read or change the file, or it is not a keyring. The error names the line.
pub fn load(path: &Path) -> Result<Keyring, KeyFileError> {
    let read_error = |cause| KeyFileError::Read { path: path.to_owned(), cause };
    let mut file = File::open(path).map_err(read_error)?;
    // Why on the open file: the path could lead elsewhere a moment later.
    let metadata = file.metadata().map_err(read_error)?;
    let mode = metadata.mode() & 0o777;
    if mode & 0o077 != 0 {
        return Err(KeyFileError::TooOpen { path: path.to_owned(), mode });
    }
    if !metadata.is_file() || metadata.len() > FILE_BYTES_MAX {
        return Err(KeyFileError::NotAKeyring { path: path.to_owned() });
    }
    // Why one byte more: with room to spare the buffer never moves and leaves no copy behind.
    let room =
        usize::try_from(metadata.len()).map_err(|_| KeyFileError::NotAKeyring { path: path.to_owned() })?;
    let mut text = Secret::new(String::with_capacity(room + 1));
    Read::by_ref(&mut file).take(FILE_BYTES_MAX).read_to_string(text.expose_mut()).map_err(read_error)?;
    parse(path, text.expose())
}

/// Replaces a keyring file: written beside it, synced, and put in its place in one step. After
/// a crash either the old or the new one is there, whole.
///
/// # Errors
/// When it cannot be written; the old file is then still in place.
pub fn save(path: &Path, keyring: &Keyring) -> Result<(), KeyFileError> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(".new");
    let beside = PathBuf::from(beside);
    let written = replace(path, &beside, keyring);
    if written.is_err() {
        // The first error is the one to report; a leftover is removed by the next save as well.
        let _ = fs::remove_file(&beside);
    }
    written.map_err(|cause| write_error(path, cause))
}

fn replace(path: &Path, beside: &Path, keyring: &Keyring) -> io::Result<()> {
    match fs::remove_file(beside) {
        Err(cause) if cause.kind() != io::ErrorKind::NotFound => return Err(cause),
        _ => {}
    }
    let mut file = open_new(beside)?;
    write_all(&mut file, keyring)?;
    fs::rename(beside, path)?;
    sync_directory(path)
}

fn open_new(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create_new(true).mode(MODE).open(path)
}

fn write_all(file: &mut File, keyring: &Keyring) -> io::Result<()> {
    file.write_all(format(keyring).expose().as_bytes())?;
    file.sync_all()
}

fn sync_directory(path: &Path) -> io::Result<()> {
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    File::open(parent.unwrap_or(Path::new(".")))?.sync_all()
}

fn write_error(path: &Path, cause: io::Error) -> KeyFileError {
    KeyFileError::Write { path: path.to_owned(), cause }
}

fn format(keyring: &Keyring) -> Secret<String> {
    const LINE_BYTES_MAX: usize = 128;
    let room = FIRST_LINE.len() + NOTICE.len() + 2 + keyring.entries().len() * LINE_BYTES_MAX;
    let mut secret = Secret::new(String::with_capacity(room));
    let text = secret.expose_mut();
    text.push_str(FIRST_LINE);
    text.push('\n');
    text.push_str(NOTICE);
    text.push('\n');
    for entry in keyring.entries() {
        text.push_str("root ");
        text.push_str(entry.state().name());
        text.push(' ');
        HEXLOWER.encode_append(entry.id().as_bytes(), text);
        text.push(' ');
        match entry.root() {
            Some(root) => HEXLOWER.encode_append(root.key().expose(), text),
            None => text.push('-'),
        }
        text.push('\n');
    }
    secret
}

fn parse(path: &Path, text: &str) -> Result<Keyring, KeyFileError> {
    let mut lines = (1..).zip(text.lines());
    if lines.next().map(|(_, line)| line) != Some(FIRST_LINE) {
        return Err(KeyFileError::NotAKeyring { path: path.to_owned() });
    }
    let mut keyring = Keyring::empty();
    for (line, text) in lines {
        if text.is_empty() || text.starts_with('#') {
            continue;
        }
        parse_root(&mut keyring, text).map_err(|rule| KeyFileError::Line {
            path: path.to_owned(),
            line,
            rule,
        })?;
    }
    Ok(keyring)
}

fn parse_root(keyring: &mut Keyring, line: &str) -> Result<(), LineRule> {
    let mut words = line.split(' ');
    let (Some("root"), Some(state), Some(id), Some(secret), None) =
        (words.next(), words.next(), words.next(), words.next(), words.next())
    else {
        return Err(LineRule::Words);
    };
    let state = RootState::parse(state).ok_or(LineRule::State)?;
    let id = RootId::parse(id).ok_or(LineRule::Id)?;
    if state == RootState::Destroyed {
        return if secret == "-" { Ok(keyring.add_destroyed(id)?) } else { Err(LineRule::Secret) };
    }
    if state == RootState::Active && keyring.active().is_some() {
        return Err(LineRule::TwoActive);
    }
    let mut key = Key::new([0; 32]);
    if secret.len() != 64 || HEXLOWER.decode_mut(secret.as_bytes(), key.expose_mut()).is_err() {
        return Err(LineRule::Secret);
    }
    let root = Root::from_key(key);
    if root.id() != id {
        return Err(LineRule::IdOfSecret);
    }
    Ok(keyring.add(root, state)?)
}

/// Why a keyring file cannot be used. No secret is ever part of it.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum KeyFileError {
    /// Something is there already.
    #[error("{} exists; choose another name, or rotate the keyring that is there", path.display())]
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// A line breaks a rule.
    #[error("{}, line {line}: {rule}", path.display())]
    Line {
        /// The file.
        path: PathBuf,
        /// Counted from 1.
        line: u32,
        /// What is wrong with it.
        rule: LineRule,
    },
    /// It is some other file.
    #[error("{} is not a keyring; make one with `sealane keyring init`", path.display())]
    NotAKeyring {
        /// The file.
        path: PathBuf,
    },
    /// It could not be read.
    #[error("the keyring {} cannot be read", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        cause: io::Error,
    },
    /// Others may read or change it.
    #[error("{path} has mode {mode:04o} and others may read it; type: chmod 600 {path}", path = path.display())]
    TooOpen {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// It could not be written.
    #[error("the keyring {} cannot be written", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        cause: io::Error,
    },
}

/// What is wrong with a line of a keyring file.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
#[non_exhaustive]
pub enum LineRule {
    /// The id is not 32 hexadecimal digits.
    #[error("the root's id must be 32 lower-case hexadecimal digits")]
    Id,
    /// Id and secret do not belong together.
    #[error("the root's id does not belong to its secret")]
    IdOfSecret,
    /// The keyring itself refuses the root.
    #[error(transparent)]
    Keyring(#[from] KeyringError),
    /// The secret is not 64 hexadecimal digits, or not `-` for a destroyed root.
    #[error("the secret must be 64 lower-case hexadecimal digits, or - for a destroyed root")]
    Secret,
    /// No such state.
    #[error("the state must be pre-active, active, decrypt-only, disabled or destroyed")]
    State,
    /// Two roots cannot both seal.
    #[error("a second root is active; make one of them decrypt-only")]
    TwoActive,
    /// Not four words.
    #[error("a line must read: root STATE ID SECRET")]
    Words,
}
