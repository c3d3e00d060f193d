//! What would keep a server from starting on a data directory, or from going on for long.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier as _;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, Error as TlsError, RootCertStore};
use sealane_core::time::Time;
use sealane_crypto::Random;
use sealane_storage::lock::LockError;
use serde::Serialize;

use super::journal::verify_locked;
use crate::context_file;
use crate::data_dir::{DataDir, DataDirError};
use crate::server::{StartError, chain};

/// A certificate that runs out sooner than this is told of.
const CERTIFICATE_AHEAD: Duration = Duration::from_secs(30 * 86_400);

/// Free space below so many segments is told of.
const SEGMENTS_AHEAD: u64 = 4;

/// How a check came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// As it should be.
    Ok,
    /// A server starts, and somebody should look.
    Warning,
    /// A server does not start, or cannot be trusted.
    Bad,
}

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Check {
    /// What.
    pub name: &'static str,
    /// How it came out.
    pub verdict: Verdict,
    /// What was seen and, where it is not as it should be, what to do.
    pub detail: String,
}

impl Check {
    fn new(name: &'static str, verdict: Verdict, detail: impl Into<String>) -> Self {
        Self { name, verdict, detail: detail.into() }
    }
}

/// Looks at a data directory from all sides, as of `now`. A directory that a running server holds is looked
/// at from outside only.
pub fn inspect(path: &Path, segment_bytes: u64, random: Arc<dyn Random>, now: Time) -> Vec<Check> {
    let mut checks = Vec::new();
    match DataDir::existing(path) {
        Ok(data_dir) => {
            checks.push(Check::new("data directory", Verdict::Ok, data_dir.path().display().to_string()));
            checks.push(Check::new("lock", Verdict::Ok, "no server is running on it"));
            checks.push(of_journal(verify_locked(&data_dir, random)));
            checks.push(of_certificate(&data_dir, now));
            checks.push(of_context(&data_dir));
        }
        Err(DataDirError::Lock(LockError::Held { .. })) => {
            let seen =
                "a server is running on it, so keys and journal were left alone: stop it, or look at a copy";
            checks.push(Check::new("lock", Verdict::Warning, seen));
        }
        Err(error) => {
            checks.push(Check::new("data directory", Verdict::Bad, chain(&error)));
            return checks;
        }
    }
    checks.push(of_space(path, segment_bytes));
    checks
}

fn of_journal(report: Result<super::JournalReport, StartError>) -> Check {
    match report {
        Ok(report) => {
            let seen = format!(
                "{} records in {} segments, {} jobs, last stop: {}",
                report.records, report.segments, report.jobs, report.last_stop
            );
            if report.unopenable > 0 {
                let told = format!(
                    "{seen}; what came with {} of them does not open: their jobs will be held, restore a copy if its key was not destroyed on purpose",
                    report.unopenable
                );
                return Check::new("journal", Verdict::Warning, told);
            }
            if report.damaged_snapshots > 0 {
                let told = format!(
                    "{seen}; {} of its snapshots are damaged: nothing is lost by it, but something changed these files, look at the disk",
                    report.damaged_snapshots
                );
                return Check::new("journal", Verdict::Warning, told);
            }
            Check::new("journal", Verdict::Ok, seen)
        }
        Err(error) => Check::new("journal", Verdict::Bad, chain(&error)),
    }
}

/// Whether clients that trust `ca.pem` will go on to trust what the server shows.
fn of_certificate(data_dir: &DataDir, now: Time) -> Check {
    let bad = |detail: String| Check::new("certificate", Verdict::Bad, detail);
    if !data_dir.exists("server.pem") {
        return Check::new("certificate", Verdict::Ok, "none yet: made at the first start");
    }
    let read = |name: &str| -> Result<Vec<CertificateDer<'static>>, String> {
        let pem = data_dir.read(name).map_err(|error| chain(&error))?;
        let all: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
        all.ok().filter(|all| !all.is_empty()).ok_or_else(|| format!("{name} is no certificate: put it back"))
    };
    let (authority, shown) = match (read("ca.pem"), read("server.pem")) {
        (Ok(authority), Ok(shown)) => (authority, shown),
        (Err(detail), _) | (_, Err(detail)) => return bad(detail),
    };
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(authority);
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let verifier = match WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider).build() {
        Ok(verifier) => verifier,
        Err(error) => return bad(format!("ca.pem cannot be trusted: {error}")),
    };
    let name = ServerName::try_from("localhost").expect("a name");
    let good_at = |at: UnixTime| match verifier.verify_server_cert(&shown[0], &shown[1..], &name, &[], at) {
        Ok(_) => Ok(()),
        // Which names it is good for is what clients call it by, and not known here.
        Err(TlsError::InvalidCertificate(
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
        )) => Ok(()),
        Err(error) => Err(error),
    };
    // What the server signs anew at its next start may run out; what another authority signed may not.
    let runs_out = |error: &TlsError| {
        matches!(
            error,
            TlsError::InvalidCertificate(CertificateError::Expired | CertificateError::ExpiredContext { .. })
        )
    };
    let own = data_dir.exists("ca.key");
    let since_1970 = Duration::from_millis(now.unix_ms());
    let (now, ahead) =
        (UnixTime::since_unix_epoch(since_1970), UnixTime::since_unix_epoch(since_1970 + CERTIFICATE_AHEAD));
    match (good_at(now), good_at(ahead)) {
        (Err(error), _) | (_, Err(error)) if own && runs_out(&error) => {
            Check::new("certificate", Verdict::Ok, "the server makes a new one at every start")
        }
        (Err(error), _) => {
            bad(format!("clients that trust ca.pem refuse server.pem: {error}; put a new one there"))
        }
        (Ok(()), Err(error)) => {
            let told = format!("in 30 days clients refuse server.pem: {error}; put a new one there");
            Check::new("certificate", Verdict::Warning, told)
        }
        (Ok(()), Ok(())) => Check::new("certificate", Verdict::Ok, "good for 30 days and more"),
    }
}

fn of_context(data_dir: &DataDir) -> Check {
    if !data_dir.exists(context_file::NAME) {
        let seen = "there is no admin.context: somebody took it away, or the server never started";
        return Check::new("admin.context", Verdict::Ok, seen);
    }
    match context_file::check(data_dir) {
        Ok(()) => Check::new("admin.context", Verdict::Ok, "readable, and by nobody else"),
        Err(error) => Check::new("admin.context", Verdict::Bad, chain(&error)),
    }
}

fn of_space(path: &Path, segment_bytes: u64) -> Check {
    let free = match rustix::fs::statvfs(path) {
        Ok(volume) => volume.f_bavail.saturating_mul(volume.f_frsize),
        Err(error) => {
            return Check::new(
                "space",
                Verdict::Bad,
                format!("the volume does not say what is free: {error}"),
            );
        }
    };
    let seen = format!("{} MiB free", free >> 20);
    if free < segment_bytes {
        let told = format!(
            "{seen}, and a journal file takes {} MiB: new work is refused soon, free some",
            segment_bytes >> 20
        );
        return Check::new("space", Verdict::Bad, told);
    }
    if free < SEGMENTS_AHEAD * segment_bytes {
        let told = format!("{seen}: room for fewer than {SEGMENTS_AHEAD} journal files, free some");
        return Check::new("space", Verdict::Warning, told);
    }
    Check::new("space", Verdict::Ok, seen)
}
