//! A fault at every place of a workload where the disk is asked for something: the process is killed
//! there, or the disk fails there. Each ends with a start on the same directory and a count.
//!
//! One of them alone, as a failure names it:
//! `SEALANE_FAULT='fdatasync,fsync:signal=KILL:when=7' cargo test -p sealane-cli --test e2e faults`

#![expect(clippy::print_stdout, reason = "the counts are what such a run is for")]

use std::collections::{BTreeMap, BTreeSet};

use sealane::providers::server::Server as Remote;
use sealane::{Error, JobAct, JobId, Provider as _, QueueIn, QueueName};
use sealane_api::problem::Code;
use sealane_api::v1::{
    Complete, CompleteItem, Fail, FailItem, JobBatchIn, JobBatchResult, JobIn, JobListIn, LeaseIn, LeasedJob,
    Release, ReleaseItem,
};

use crate::support::{CONFIG, Place, Serving, wait};

/// One fault of a series, alone.
const ONE: &str = "SEALANE_FAULT";

/// What is asked of the disk, and what happens there instead.
const SERIES: [(&str, &str); 3] =
    [("fdatasync,fsync", "signal=KILL"), ("fdatasync,fsync", "error=EIO"), ("pwrite64", "error=EIO")];

/// More places than a workload has: a series that does not end before is a failure.
const PLACES_MAX: usize = 200;

/// Syncs of the engine before the workload: faults are counted thread by thread, and the thread that
/// starts the server has some of its own, which come first.
const BEFORE: usize = 14;

/// Jobs whose bodies fill the megabyte that a start begins with, so that the next file is begun as well.
const LARGE: usize = 300 << 10;

/// What the client asked for and what it was told.
#[derive(Default)]
struct Ledger {
    attempted: BTreeSet<JobId>,
    acknowledged: BTreeSet<JobId>,
    /// Where a job's last act left it, as far as that was answered.
    stands: BTreeMap<JobId, &'static str>,
    /// Jobs about which a question is open: whether it was done is not known.
    open: BTreeSet<JobId>,
}

/// What a series came to.
#[derive(Debug, Default)]
struct Counts {
    rounds: usize,
    attempted: usize,
    acknowledged: usize,
    found: usize,
    lost: usize,
    duplicated: usize,
    unexpected: usize,
}

fn queue() -> QueueName {
    QueueName::parse("orders").expect("a name")
}

fn job(bytes: usize) -> (JobId, JobIn) {
    use sealane::crypto::Random as _;
    let mut random = [0; 10];
    sealane::crypto::SystemRandom.fill(&mut random).expect("random bytes");
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970");
    let id = JobId::v7(u64::try_from(now.as_millis()).expect("in range"), random);
    (
        id,
        JobIn {
            id: Some(id.to_string()),
            kind: "test".into(),
            body: vec![7; bytes].into(),
            ..JobIn::default()
        },
    )
}

impl Ledger {
    async fn send(&mut self, remote: &Remote, bytes: usize) -> Result<JobId, Error> {
        let (id, job) = job(bytes);
        self.attempted.insert(id);
        remote.enqueue(&queue(), &job).await?;
        self.acknowledged.insert(id);
        self.stands.insert(id, "ready");
        Ok(id)
    }

    async fn send_batch(&mut self, remote: &Remote, jobs: usize, atomic: bool) -> Result<(), Error> {
        let (ids, jobs): (Vec<_>, Vec<_>) = (0..jobs).map(|_| job(100)).unzip();
        self.attempted.extend(&ids);
        let answer = remote.enqueue_batch(&queue(), &JobBatchIn { jobs, atomic }).await?;
        for (id, result) in ids.into_iter().zip(answer.results) {
            if let JobBatchResult::Accepted(_) = result {
                self.acknowledged.insert(id);
                self.stands.insert(id, "ready");
            }
        }
        Ok(())
    }

    async fn lease(&mut self, remote: &Remote, jobs: u32) -> Result<Vec<LeasedJob>, Error> {
        // Why all of them: which ones an unanswered lease would have taken is the server's choice.
        let before: Vec<JobId> =
            self.stands.iter().filter(|(_, state)| **state == "ready").map(|(id, _)| *id).collect();
        self.open.extend(&before);
        let leased = remote.lease(&queue(), &LeaseIn { max: Some(jobs), ..LeaseIn::default() }).await?.jobs;
        before.iter().for_each(|id| {
            self.open.remove(id);
        });
        for job in &leased {
            self.stands.insert(job.id.0, "running");
        }
        Ok(leased)
    }

    /// Notes that a job is to come to another state, and whether it did.
    async fn bring<T>(
        &mut self,
        id: JobId,
        to: &'static str,
        asked: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Error> {
        self.open.insert(id);
        let answer = asked.await?;
        self.open.remove(&id);
        self.stands.insert(id, to);
        Ok(answer)
    }

    /// Everything that changes a job, until the first thing that is not answered.
    async fn work(&mut self, remote: &Remote) -> Result<(), Error> {
        let settings = QueueIn {
            sealing: Some("allowed".to_owned()),
            lease_ms: Some(600_000),
            max_attempts: Some(1),
            ..QueueIn::default()
        };
        remote.put_queue(&queue(), &settings).await?;
        for _ in 0..BEFORE {
            self.send(remote, 10).await?;
        }
        let first = self.send(remote, 100).await?;
        self.bring(first, "held", remote.act(first, &JobAct::Hold)).await?;
        self.bring(first, "ready", remote.act(first, &JobAct::Release)).await?;
        self.bring(first, "cancelled", remote.act(first, &JobAct::Cancel { force: false })).await?;
        self.send_batch(remote, 5, false).await?;
        self.send_batch(remote, 3, true).await?;
        let leased = self.lease(remote, 5).await?;
        let mut receipts = leased.into_iter().map(|job| (job.id.0, job.receipt));
        if let Some((id, receipt)) = receipts.next() {
            let items = vec![CompleteItem { receipt, result: Some(b"done".to_vec().into()) }];
            self.bring(id, "completed", remote.complete(&Complete { items, atomic: false })).await?;
        }
        if let Some((id, receipt)) = receipts.next() {
            let item = FailItem {
                receipt,
                error: Some(b"broken".to_vec().into()),
                category: None,
                code: None,
                error_fingerprint: None,
                retry_after_ms: None,
            };
            self.bring(id, "dead", remote.fail(&Fail { items: vec![item], atomic: false })).await?;
            self.bring(id, "ready", remote.act(id, &JobAct::Redrive)).await?;
        }
        if let Some((id, receipt)) = receipts.next() {
            let items = vec![ReleaseItem { receipt, delay_ms: None }];
            self.bring(id, "ready", remote.release(&Release { items, atomic: false })).await?;
        }
        for _ in 0..5 {
            self.send(remote, LARGE).await?;
        }
        for (id, receipt) in receipts {
            let items = vec![CompleteItem { receipt, result: None }];
            self.bring(id, "completed", remote.complete(&Complete { items, atomic: false })).await?;
        }
        Ok(())
    }

    /// Compares with what a server says that was started on what is left.
    async fn compare(&self, remote: &Remote, counts: &mut Counts) {
        counts.rounds += 1;
        counts.attempted += self.attempted.len();
        counts.acknowledged += self.acknowledged.len();
        for id in &self.attempted {
            let found = remote.job(*id).await.ok();
            counts.found += usize::from(found.is_some());
            match (found, self.stands.get(id)) {
                (None, Some(_)) => counts.lost += 1,
                (Some(job), Some(stands)) if job.state != *stands && !self.open.contains(id) => {
                    println!("{id} is {} and was left {stands}", job.state);
                    counts.unexpected += 1;
                }
                _ => {}
            }
        }
        let page = JobListIn { max: Some(1_000), ..JobListIn::default() };
        let listed = remote.jobs(&page).await.expect("a list of jobs");
        counts.unexpected += listed.jobs.iter().filter(|job| !self.knows(&job.id)).count();
        // What can be leased is leased once, and is not what was completed.
        let mut handed_out = BTreeSet::new();
        loop {
            let wish = LeaseIn { max: Some(1_000), ..LeaseIn::default() };
            let leased = match remote.lease(&queue(), &wish).await {
                // The queue was never acknowledged, or a lease of all of it.
                Err(error) if error.code() == Some(Code::NotFound) => return,
                leased => leased.expect("what is ready is handed out"),
            };
            if leased.jobs.is_empty() {
                return;
            }
            for job in leased.jobs {
                let done = matches!(self.stands.get(&job.id.0), Some(&"completed" | &"cancelled"));
                counts.duplicated += usize::from(done || !handed_out.insert(job.id.0));
            }
        }
    }

    fn knows(&self, id: &str) -> bool {
        JobId::parse(id).is_ok_and(|id| self.attempted.contains(&id))
    }
}

/// How a round ended.
#[derive(PartialEq, Eq)]
enum End {
    /// The workload was over before the fault's turn came, and the server stopped as it was told.
    Whole,
    /// The fault came, and the server was gone.
    Struck,
}

/// One workload with this fault, and the count behind it.
async fn round(fault: &str, counts: &mut Counts) -> End {
    let place = Place::new();
    std::fs::write(place.path(CONFIG), "[journal]\nsegment_bytes = 4194304\n").expect("a file");
    // Why once before: what a first start makes besides the journal is no part of this.
    assert_eq!(place.serve().terminate(), Some(0));
    let inject = format!("inject={fault}");
    let calls = format!("trace={}", fault.split(':').next().expect("the calls"));
    let strace = ["strace", "-f", "-qq", "-o", "trace", "-e", &calls, "-e", &inject];
    let mut ledger = Ledger::default();
    let end = match place.try_serve_under(&strace) {
        Err(_) => End::Struck,
        Ok(mut server) => {
            let worked = ledger.work(&server.remote()).await;
            if worked.is_ok() && is_alive(&mut server) {
                // Why the result is let go: the fault may come to it at this very moment.
                let _ = std::process::Command::new("kill").arg(server.process().to_string()).status();
                if wait(&mut server.child).success() { End::Whole } else { End::Struck }
            } else {
                let status = wait(&mut server.child);
                assert!(!status.success(), "{fault}: it went on to a clean end behind {worked:?}");
                End::Struck
            }
        }
    };
    let server = place.serve();
    ledger.compare(&server.remote(), counts).await;
    assert!(
        counts.lost + counts.duplicated + counts.unexpected == 0,
        "{counts:?} at {fault}; again: {ONE}='{fault}' cargo test -p sealane-cli --test e2e faults"
    );
    assert_eq!(server.terminate(), Some(0), "{fault}");
    end
}

fn is_alive(server: &mut Serving) -> bool {
    matches!(server.child.try_wait(), Ok(None))
}

/// The fault at the first place, the second, … until the workload ends before it comes.
async fn series((calls, what): (&str, &str)) -> Counts {
    let mut counts = Counts::default();
    if let Ok(fault) = std::env::var(ONE) {
        let known = SERIES.iter().any(|(calls, what)| fault.starts_with(&format!("{calls}:{what}:when=")));
        assert!(known, "{ONE} is none of {SERIES:?} with a place behind it, such as ':when=7'");
        if fault.starts_with(&format!("{calls}:{what}:")) {
            round(&fault, &mut counts).await;
        }
        return counts;
    }
    for nth in 1..=PLACES_MAX {
        if round(&format!("{calls}:{what}:when={nth}"), &mut counts).await == End::Whole {
            println!("{calls} {what}: {counts:?}");
            assert!(counts.rounds > BEFORE + 20 && counts.found > 300, "{counts:?}");
            return counts;
        }
    }
    panic!("{PLACES_MAX} faults and the workload still does not end: {counts:?}");
}

// covers REL-1 (killed at every sync of a workload: nothing acknowledged is lost)
// covers REL-3 (extend)
// attack 73
#[tokio::test]
async fn killed_at_every_sync_nothing_is_lost_and_nothing_comes_twice() {
    series(SERIES[0]).await;
}

// covers REL-1 (a failed sync: no further answer, and nothing acknowledged is lost)
// attack 74
#[tokio::test]
async fn where_a_sync_fails_the_server_stops_and_nothing_is_lost() {
    series(SERIES[1]).await;
}

// covers REL-1 (a failed write: no further answer, and nothing acknowledged is lost)
#[tokio::test]
async fn where_a_write_fails_the_server_stops_and_nothing_is_lost() {
    series(SERIES[2]).await;
}
