//! The master key's file. One line of text, so that it can be copied to a safe by hand:
//!
//! ```text
//! sealane-master-key-1:<64 hexadecimal digits>:<8 hexadecimal digits of checksum>
//! ```
//!
//! The checksum is the beginning of SHA-256 over the first two parts; it finds the slip of a hand. The
//! file must be readable by its owner alone. This module wraps nothing itself.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use sealane_crypto::{Key, Random, RandomError, Secret, digest, kdf};
use thiserror::Error;

const PREFIX: &str = "sealane-master-key-1:";
const KEY_DIGITS: usize = 64;
const CHECKSUM_DIGITS: usize = 8;
/// Longer than any master key file, short enough to read whatever is there instead.
const FILE_BYTES_MAX: u64 = 4_096;

/// The key that wraps the data keys.
#[derive(Debug)]
pub struct MasterKey {
    key: Key,
}

/// The master key cannot be used.
#[derive(Debug, Error)]
pub enum MasterKeyError {
    /// Others may read the file.
    #[error("{} is open to others (mode {mode:04o}): chmod 600 {}", .path.display(), .path.display())]
    Exposed {
        /// The file.
        path: PathBuf,
        /// Its mode.
        mode: u32,
    },
    /// There is no such file.
    #[error("there is no master key at {}: put back the file that belongs to this data directory", .path.display())]
    Missing {
        /// Where it should be.
        path: PathBuf,
    },
    /// A new key could not be drawn.
    #[error("no master key was made")]
    Random(#[from] RandomError),
    /// The system refused.
    #[error("could not {action} {}", .path.display())]
    System {
        /// What was tried.
        action: &'static str,
        /// On which file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The text is not a master key.
    #[error("{} is not a whole master key: put back a good copy of the file", .path.display())]
    Text {
        /// The file.
        path: PathBuf,
    },
}

impl MasterKey {
    /// Draws a key and writes its file, which must not exist.
    ///
    /// # Errors
    /// When it exists, when the system refuses, or when there is no randomness.
    pub fn create(path: &Path, random: &dyn Random) -> Result<Self, MasterKeyError> {
        let system =
            |action| move |source| MasterKeyError::System { action, path: path.to_path_buf(), source };
        if fs::exists(path).map_err(system("look for"))? {
            return Err(system("create")(io::ErrorKind::AlreadyExists.into()));
        }
        let key = Key::generate(random)?;
        let text = to_text(&key);
        // Under another name first: a crash must not leave half a key under this one.
        let unfinished = path.with_extension("key.unfinished");
        match fs::remove_file(&unfinished) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(system("replace")(error)),
            _ => {}
        }
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&unfinished)
            .map_err(system("create"))?;
        file.write_all(text.expose()).and_then(|()| file.sync_all()).map_err(system("write"))?;
        fs::rename(&unfinished, path).map_err(system("name"))?;
        let dir = path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
        File::open(dir).and_then(|dir| dir.sync_all()).map_err(system("sync the directory of"))?;
        Ok(Self { key })
    }

    /// Reads the file.
    ///
    /// # Errors
    /// When it is missing, open to others, or not whole.
    pub fn load(path: &Path) -> Result<Self, MasterKeyError> {
        let system =
            |action| move |source| MasterKeyError::System { action, path: path.to_path_buf(), source };
        let file = match File::open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(MasterKeyError::Missing { path: path.to_path_buf() });
            }
            Err(error) => return Err(system("open")(error)),
        };
        let mode = file.metadata().map_err(system("read"))?.mode() & 0o7777;
        if mode & 0o077 != 0 {
            return Err(MasterKeyError::Exposed { path: path.to_path_buf(), mode });
        }
        // Room for all of it at once: a buffer that grows leaves copies behind that nobody wipes.
        let mut text = Secret::new(Vec::with_capacity(usize::try_from(FILE_BYTES_MAX).expect("4096 fits")));
        file.take(FILE_BYTES_MAX).read_to_end(text.expose_mut()).map_err(system("read"))?;
        let key =
            from_text(text.expose()).ok_or_else(|| MasterKeyError::Text { path: path.to_path_buf() })?;
        Ok(Self { key })
    }

    /// A master key that is in no file.
    pub const fn from_key(key: Key) -> Self {
        Self { key }
    }

    /// The key itself.
    pub(super) fn key(&self) -> &Key {
        &self.key
    }

    /// A name for this key that tells nothing about it.
    pub fn id(&self) -> [u8; 16] {
        let derived = kdf::derive(&self.key, "master key id", &[]);
        let mut id = [0; 16];
        id.copy_from_slice(&derived.expose()[..16]);
        id
    }
}

fn to_text(key: &Key) -> Secret<Vec<u8>> {
    let mut text = Secret::new(Vec::with_capacity(PREFIX.len() + KEY_DIGITS + CHECKSUM_DIGITS + 2));
    let out = text.expose_mut();
    out.extend_from_slice(PREFIX.as_bytes());
    push_hex(key.expose(), out);
    let checksum = digest::sha256(&[out]);
    out.push(b':');
    push_hex(&checksum[..CHECKSUM_DIGITS / 2], out);
    out.push(b'\n');
    text
}

fn from_text(text: &[u8]) -> Option<Key> {
    let text = text.strip_suffix(b"\n").unwrap_or(text);
    let (protected, checksum) = text.split_at_checked(PREFIX.len() + KEY_DIGITS)?;
    let digits = protected.strip_prefix(PREFIX.as_bytes())?;
    let expected = digest::sha256(&[protected]);
    let mut expected_text = vec![b':'];
    push_hex(&expected[..CHECKSUM_DIGITS / 2], &mut expected_text);
    if checksum != expected_text {
        return None;
    }
    let mut key = Key::new([0; 32]);
    for (byte, pair) in key.expose_mut().iter_mut().zip(digits.chunks_exact(2)) {
        *byte = digit(pair[0])? << 4 | digit(pair[1])?;
    }
    Some(key)
}

fn push_hex(bytes: &[u8], out: &mut Vec<u8>) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    for byte in bytes {
        out.push(DIGITS[usize::from(byte >> 4)]);
        out.push(DIGITS[usize::from(byte & 15)]);
    }
}

/// Lower case only: one key, one text.
fn digit(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use sealane_crypto::{SeededRandom, SequenceRandom};

    use super::*;

    fn created() -> (tempfile::TempDir, PathBuf, MasterKey) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("master.key");
        let key = MasterKey::create(&path, &SeededRandom::danger_from_seed(1)).unwrap();
        (dir, path, key)
    }

    #[test]
    fn it_is_read_as_it_was_written_and_never_overwritten() {
        let (_dir, path, key) = created();
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o7777, 0o600);
        assert_eq!(MasterKey::load(&path).unwrap().key().expose(), key.key().expose());
        let again = MasterKey::create(&path, &SeededRandom::danger_from_seed(2)).unwrap_err();
        assert!(matches!(again, MasterKeyError::System { action: "create", .. }), "{again}");
        assert_eq!(MasterKey::load(&path).unwrap().id(), key.id());
    }

    #[test]
    fn open_to_others_is_refused_with_the_line_to_type() {
        let (_dir, path, _) = created();
        for mode in [0o644, 0o640, 0o660, 0o601] {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            let error = MasterKey::load(&path).unwrap_err();
            assert!(matches!(error, MasterKeyError::Exposed { mode: found, .. } if found == mode));
            assert!(error.to_string().ends_with(&format!("chmod 600 {}", path.display())), "{error}");
        }
        for mode in [0o600, 0o400] {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            assert!(MasterKey::load(&path).is_ok(), "{mode:o}");
        }
    }

    // attack 76
    #[test]
    fn no_changed_bit_and_no_cut_is_a_key() {
        let (_dir, path, _) = created();
        let good = fs::read(&path).unwrap();
        for bit in 0..(good.len() - 1) * 8 {
            let mut bad = good.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            assert!(from_text(&bad).is_none(), "bit {bit}");
        }
        for len in 0..good.len() - 1 {
            assert!(from_text(&good[..len]).is_none(), "cut at {len}");
        }
        fs::write(&path, b"").unwrap();
        assert!(matches!(MasterKey::load(&path), Err(MasterKeyError::Text { .. })));
        fs::remove_file(&path).unwrap();
        assert!(matches!(MasterKey::load(&path), Err(MasterKeyError::Missing { .. })));
    }

    // attack 21
    // attack 27
    #[test]
    fn no_randomness_no_file_and_no_key_in_any_text() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("master.key");
        let dry = SequenceRandom::danger_from_bytes(vec![0; 31]);
        assert!(matches!(MasterKey::create(&path, &dry), Err(MasterKeyError::Random(_))));
        assert!(fs::read_dir(dir.path()).unwrap().next().is_none());
        let key = MasterKey { key: Key::new([0x5a; 32]) };
        assert_eq!(format!("{key:?}"), "MasterKey { key: Secret(…) }");
    }
}
