//! `sealane envelope`: what anybody can read off a sealed body. Needs no key and proves nothing.

use std::io::Read as _;
use std::path::PathBuf;

use clap::Subcommand;
use sealane_api::wire::rfc3339;
use sealane_core::limits;
use sealane_core::time::Time;
use sealane_envelope::{Inspection, inspect};
use serde::Serialize;

use super::Surroundings;
use crate::failure::{DATA, Failure};

#[derive(Debug, Subcommand)]
pub(crate) enum Envelope {
    /// Show the readable part of a sealed body; nothing of it is proven
    Inspect {
        /// The file with its bytes, `-` for standard input
        file: PathBuf,
    },
}

pub(crate) fn run(at: &Surroundings, command: &Envelope) -> Result<(), Failure> {
    let Envelope::Inspect { file } = command;
    let name = file.display().to_string();
    let failed = |error: std::io::Error| Failure::stream(&name, &error);
    let most = u64::try_from(2 * limits::BODY_BYTES_MAX).unwrap_or(u64::MAX);
    let mut bytes = Vec::new();
    match name.as_str() {
        "-" => std::io::stdin().take(most).read_to_end(&mut bytes),
        _ => std::fs::File::open(file).and_then(|file| file.take(most).read_to_end(&mut bytes)),
    }
    .map_err(failed)?;
    let found = inspect(&bytes)
        .map_err(|error| Failure::new(DATA, "not_sealed", "this is not a sealed body", error.to_string()))?;
    let shown = Shown::from(found);
    at.output.one(&shown, &shown.rows())
}

#[derive(Serialize)]
struct Shown {
    suite: u8,
    padded: bool,
    signed: bool,
    compressed: bool,
    message_id: String,
    created_at: String,
    expires_at: Option<String>,
    not_before: Option<String>,
    dek_id: String,
    root_id: Option<String>,
    epoch: Option<u32>,
    clone_of: Option<String>,
    template: Option<String>,
    bound_names: Vec<String>,
    recipients: Vec<ShownRecipient>,
    header_bytes: usize,
    content_bytes: usize,
    total_bytes: usize,
}

#[derive(Serialize)]
struct ShownRecipient {
    kind: String,
    id: String,
}

impl From<Inspection> for Shown {
    fn from(found: Inspection) -> Self {
        let time = |ms| rfc3339(Time::from_unix_ms(ms));
        let recipients = found.recipients.into_iter();
        Self {
            suite: found.suite,
            padded: found.flags.padded,
            signed: found.flags.signed,
            compressed: found.flags.compressed,
            message_id: found.message_id,
            created_at: time(found.created_ms),
            expires_at: found.expires_ms.map(time),
            not_before: found.not_before_ms.map(time),
            dek_id: found.dek_id,
            root_id: found.root_id,
            epoch: found.epoch,
            clone_of: found.clone_of,
            template: found.template,
            bound_names: found.bound_names,
            recipients: recipients
                .map(|entry| ShownRecipient { kind: format!("{:?}", entry.kind), id: entry.id })
                .collect(),
            header_bytes: found.header_bytes,
            content_bytes: found.content_bytes,
            total_bytes: found.total_bytes,
        }
    }
}

impl Shown {
    fn rows(&self) -> Vec<(&'static str, String)> {
        let or_none = |text: &Option<String>| text.clone().unwrap_or_else(|| "none".to_owned());
        vec![
            ("message id", self.message_id.clone()),
            ("created", self.created_at.clone()),
            ("expires", or_none(&self.expires_at)),
            ("clone of", or_none(&self.clone_of)),
            ("root", or_none(&self.root_id)),
            ("epoch", self.epoch.map_or_else(|| "none".to_owned(), |epoch| epoch.to_string())),
            ("data key", self.dek_id.clone()),
            ("suite", self.suite.to_string()),
            ("padded", self.padded.to_string()),
            ("recipients", self.recipients.len().to_string()),
            (
                "bytes",
                format!(
                    "{} ({} header, {} content)",
                    self.total_bytes, self.header_bytes, self.content_bytes
                ),
            ),
        ]
    }
}
