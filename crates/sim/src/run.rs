//! One run: a world from a seed, from the first start of its server to the last look at it. A run reads
//! no clock and draws nothing that does not come from its seed, so that one seed always tells one story.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use sealane::{Client, JobAct, JobId, JobOut, QueueMode};
use sealane_api::v1::JobListIn;
use tokio::time::sleep;

use crate::dice::Dice;
use crate::oracle::checks::firings;
use crate::oracle::{AtRest, Oracle, Tally, Violation};
use crate::plan::Plan;
use crate::trace::Trace;
use crate::workload::{self, Part, Scene, look_at_all, pause_all, worked};
use crate::world::{Host, Links, Network, Wind, tempt};

/// So long what is left may take to be worked off when nothing goes wrong any more.
const REST_SECONDS: u64 = 900;

/// So long nothing may have gone on before it is looked why.
const STUCK_SECONDS: u64 = 400;

/// The second time that a request arrives is at most so much later.
const LATE: Duration = Duration::from_secs(4);

/// How a run went.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// Its seed.
    pub seed: u64,
    /// How many things happened.
    pub steps: u64,
    /// A hash over all of them.
    pub hash: u64,
    pub(crate) tally: Tally,
    pub(crate) violation: Option<Violation>,
    /// The last things that happened.
    pub(crate) last: Vec<String>,
}

/// Runs a seed's world to its end, or to the first promise that is broken.
pub fn run(seed: u64) -> Outcome {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .expect("a runtime without input and output needs nothing from the system");
    runtime.block_on(async {
        let trace = Arc::new(Trace::new());
        let oracle = Arc::new(Oracle::new(Arc::clone(&trace)));
        tokio::select! {
            biased;
            () = oracle.failed.notified() => {}
            () = story(seed, Arc::clone(&trace), Arc::clone(&oracle)) => {}
        }
        let (violation, tally) = oracle.verdict();
        Outcome { seed, steps: trace.steps(), hash: trace.hash(), tally, violation, last: trace.last() }
    })
}

async fn story(seed: u64, trace: Arc<Trace>, oracle: Arc<Oracle>) {
    let dice = Dice::new(seed);
    let plan = Plan::draw(&dice);
    trace.note(format_args!("{plan:?}"));
    let host = Arc::new(Host::new(&dice, Arc::clone(&trace), Arc::clone(&oracle), plan.clock_back_ms));
    let links = Arc::new(Links::new(Network::CALM));
    host.start().await;
    let scene = Scene::set(
        plan.clone(),
        dice.clone(),
        Arc::clone(&trace),
        Arc::clone(&oracle),
        Arc::clone(&host),
        Arc::clone(&links),
    );
    let scene = match scene.await {
        Ok(scene) => Arc::new(scene),
        Err(error) => return oracle.fail("a calm server can be set up", error.to_string()),
    };

    links.set(plan.network);
    let wind = Wind { host: Arc::clone(&host), links: Arc::clone(&links), trace: Arc::clone(&trace) };
    let mut fate = tokio::spawn(tempt(wind.clone(), scene.clients(), dice.fork("storm"), plan.misfortunes));
    let crowd = workload::begin(&scene);
    for producer in crowd.producers {
        if producer.await.is_err() {
            oracle.fail("a producer does not panic", "one did".to_owned());
        }
    }

    // The storm is over.
    fate.abort();
    // Why awaited: it may be in the middle of a stop.
    let _ = (&mut fate).await;
    trace.note(format_args!("the storm is over"));
    scene.end();
    links.set(Network::CALM);
    host.kill(&crate::world::Loss::Seeded(dice.fork("last cut").draw()));
    host.start().await;
    let _fate = tokio::spawn(tempt(wind, scene.clients(), dice.fork("calm"), None));
    for person in crowd.people {
        if person.await.is_err() {
            oracle.fail("nobody panics", "an operator did".to_owned());
        }
    }
    // What arrives twice is here by now.
    sleep(LATE).await;
    let admin = scene.client("closing", Part::Admin);
    for queue in &scene.queues {
        if let Err(error) = admin.set_mode(queue.as_str(), QueueMode::Open).await {
            return oracle.fail("a calm server answers", error.to_string());
        }
    }
    pause_all(&scene).await;
    if !is_worked_off(&scene, &admin).await {
        return oracle.fail("what is left is worked off", format!("not in {REST_SECONDS} s"));
    }

    // The journal alone must know all that.
    host.stop().await;
    host.start().await;
    match look(&scene, &admin).await {
        Ok(rest) => oracle.at_rest(&rest),
        Err(error) => oracle.fail("a calm server answers", error.to_string()),
    }
    host.stop().await;
    if let Err(error) = host.compare_states() {
        oracle.fail("a snapshot is what was recorded", error);
    }
    match host.recorded() {
        Ok(events) => oracle.recorded(&events),
        Err(error) => oracle.fail("the journal opens", error),
    }
}

/// Waits until no job waits or runs.
async fn is_worked_off(scene: &Scene, admin: &Client) -> bool {
    for second in 0..REST_SECONDS {
        let mut busy = 0;
        for queue in &scene.queues {
            let Ok(queue) = admin.queue(queue.as_str()).await else { continue };
            busy += queue.jobs.blocked
                + queue.jobs.delayed
                + queue.jobs.ready
                + queue.jobs.running
                + queue.jobs.retrying;
        }
        if busy == 0 {
            return true;
        }
        if scene.plan.themes.sessions || scene.plan.themes.flows {
            release_all(admin).await;
        }
        if second == STUCK_SECONDS {
            untie_all(scene, admin).await;
        }
        sleep(Duration::from_secs(1)).await;
    }
    false
}

/// Releases what is held: others may stand behind it in their sessions.
async fn release_all(admin: &Client) {
    let wish = JobListIn { state: Some("held".to_owned()), ..JobListIn::default() };
    let Ok(held) = admin.jobs(&wish).await else { return };
    for job in held.jobs.iter().filter_map(|job| JobId::parse(&job.id).ok()) {
        // Why the result is let go: the oracle has seen it, and the next look shows what is left.
        let _ = admin.act(job, &JobAct::Release).await;
    }
}

/// Ends jobs that wait for one which waits for them: it was moved or re-driven, and came to stand behind
/// them in their session. Whoever waits for nothing and is blocked all the same, is forgotten.
async fn untie_all(scene: &Scene, admin: &Client) {
    let wish = JobListIn { state: Some("blocked".to_owned()), ..JobListIn::default() };
    let Ok(blocked) = admin.jobs(&wish).await else { return };
    for job in blocked.jobs.iter().filter_map(|job| JobId::parse(&job.id).ok()) {
        let Ok(JobOut { dependencies: Some(on), .. }) = admin.job(job).await else { continue };
        let mut waits = false;
        for parent in &on.blocked_by {
            let parent = admin.job(parent.0).await;
            waits |= parent.is_ok_and(|parent| {
                !matches!(parent.state.as_str(), "completed" | "cancelled" | "expired" | "dead")
            });
        }
        if !waits {
            return scene.oracle.fail("a job goes on when its parents have ended", format!("{job} does not"));
        }
        // Why the result is let go: as above.
        let _ = admin.act(job, &JobAct::Cancel { force: true }).await;
    }
}

/// A job, or nothing where there is none.
fn found(job: Result<JobOut, sealane::Error>) -> Result<Option<JobOut>, sealane::Error> {
    match job {
        Ok(job) => Ok(Some(job)),
        Err(error) if error.code().is_some_and(|code| code.as_str() == "not_found") => Ok(None),
        Err(error) => Err(error),
    }
}

/// Asks after every job and every queue, and opens what came of the jobs.
async fn look(scene: &Arc<Scene>, admin: &Client) -> Result<AtRest, sealane::Error> {
    let owner = scene.client("owner", Part::Submitter);
    // Scheduled jobs belong to who put the schedule; they are looked for by their times.
    let ids: Vec<_> = scene.oracle.look(|ledger| {
        let sent = ledger.jobs.iter().filter(|(_, facts)| !facts.is_scheduled);
        sent.map(|(id, _)| *id).collect()
    });
    let mut jobs = BTreeMap::new();
    for id in ids {
        let found = found(owner.job(id).await)?;
        if let Some(job) = &found {
            let body = scene.oracle.look(|ledger| ledger.body(id).map(<[u8]>::to_vec)).unwrap_or_default();
            match owner.open_result(job).await {
                Ok(None) => {}
                Ok(Some(result)) if result == worked(&body) => {}
                _ => scene.oracle.fail("a result arrives as it was sent", format!("job {id} has another")),
            }
        }
        jobs.insert(id, found);
    }
    let schedules = look_at_all(scene).await;
    let at = scene.trace.now();
    for schedule in &schedules {
        for due in firings::times(schedule, at) {
            let Some(id) = firings::id_of(&schedule.id, due) else { continue };
            jobs.insert(id, found(admin.job(id).await)?);
        }
    }
    let mut queues = Vec::new();
    for queue in &scene.queues {
        queues.push(admin.queue(queue.as_str()).await?);
    }
    Ok(AtRest { jobs, queues, schedules, at })
}

impl Outcome {
    /// Whether a promise was broken.
    pub fn has_failed(&self) -> bool {
        self.violation.is_some()
    }

    /// This one, if the same seed told the same story again.
    pub(crate) fn compared(mut self, again: &Self) -> Self {
        if (self.hash, self.steps) != (again.hash, again.steps) {
            let how = format!(
                "{:016x} in {} steps, then {:016x} in {}",
                self.hash, self.steps, again.hash, again.steps
            );
            self.violation = Some(Violation { promise: "one seed tells one story", how, step: self.steps });
        }
        self
    }

    /// The promise that was broken.
    pub fn promise(&self) -> Option<&'static str> {
        self.violation.as_ref().map(|broken| broken.promise)
    }
}
