//! Schedules, and who keeps them: put once, put again, paused and resumed while the world is what it is.
//! Asked by hand, in the bytes of the interface: the client library has no word for it.

use std::sync::Arc;

use http::Request;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use sealane::providers::server::{Bounds, Transport as _};
use sealane_api::format::Format;
use sealane_api::operation::{Operation, ScheduleGet, SchedulePause, SchedulePut, ScheduleResume};
use sealane_api::v1::{JobIn, ScheduleIn, ScheduleOut};
use sealane_core::name::QueueName;
use tokio::task::JoinHandle;

use super::scene::{PATIENCE, Part, Scene, rest};
use crate::dice::Dice;
use crate::world::{PLACE, Wire};

/// What every scheduled job holds.
pub(crate) const BODY: &[u8] = b"scheduled";

/// The schedules of a run.
pub(crate) fn names(scene: &Scene) -> Vec<String> {
    (0..scene.plan.schedules).map(|number| format!("s{number}")).collect()
}

/// Keeps a schedule until the run is ending, and pauses it then: it would fire for ever.
pub(super) fn begin(scene: &Arc<Scene>, name: String) -> JoinHandle<()> {
    let scene = Arc::clone(scene);
    tokio::spawn(async move {
        let keeper = Keeper::new(&scene, &format!("keeper-{name}"));
        let mut dice = scene.dice.fork(&name);
        let wish = wish(dice.pick(&scene.queues).clone(), &mut dice);
        let body = Format::Cbor.write(&wish, 0);
        let left_alone = dice.chance(500);
        while keeper.ask::<SchedulePut>(&name, Some(body.clone())).await.is_none() {
            rest(&mut dice, 10, 1_000).await;
        }
        while !scene.is_ending() {
            rest(&mut dice, 0, 5_000).await;
            match dice.between(0, 9) {
                _ if left_alone => {}
                0..=1 => drop(keeper.ask::<SchedulePut>(&name, Some(body.clone())).await),
                2..=4 => {
                    keeper.ask::<SchedulePause>(&name, None).await;
                    rest(&mut dice, 0, 4_000).await;
                    keeper.ask::<ScheduleResume>(&name, None).await;
                }
                _ => drop(keeper.ask::<ScheduleGet>(&name, None).await),
            }
        }
    })
}

/// Pauses all schedules for good.
pub(crate) async fn pause_all(scene: &Arc<Scene>) {
    ask_all::<SchedulePause>(scene, "closing-schedules").await;
}

/// How all schedules stand.
pub(crate) async fn look_at_all(scene: &Arc<Scene>) -> Vec<ScheduleOut> {
    ask_all::<ScheduleGet>(scene, "looking-at-schedules").await
}

async fn ask_all<O: Operation>(scene: &Arc<Scene>, client: &str) -> Vec<ScheduleOut> {
    let keeper = Keeper::new(scene, client);
    let mut schedules = Vec::new();
    for name in names(scene) {
        match keeper.ask::<O>(&name, None).await {
            Some(schedule) => schedules.push(schedule),
            None => scene.oracle.fail("a calm server answers", format!("not when asked about {name}")),
        }
    }
    schedules
}

fn wish(queue: QueueName, dice: &mut Dice) -> ScheduleIn {
    let word = |word: &&str| Some((*word).to_owned());
    ScheduleIn {
        id: None,
        queue,
        cron: None,
        time_zone: None,
        every_ms: Some(dice.between(1_000, 5_000)),
        first_at: None,
        begins_at: None,
        ends_at: None,
        missed: word(dice.pick(&["skip", "once", "all"])),
        overlap: word(dice.pick(&["allow", "allow", "skip"])),
        jitter_ms: Some(dice.between(0, 1) * 400),
        job: JobIn { kind: "sim".into(), body: BODY.to_vec().into(), ..JobIn::default() },
    }
}

/// A client that knows schedules.
struct Keeper {
    wire: Wire,
    authorization: String,
}

impl Keeper {
    fn new(scene: &Scene, name: &str) -> Self {
        let (wire, key) = scene.wire(name, 0, Part::Admin);
        Self { wire, authorization: format!("Bearer {key}") }
    }

    /// Asks once. Nothing where no answer came or it was a refusal.
    async fn ask<O: Operation>(&self, name: &str, body: Option<Vec<u8>>) -> Option<ScheduleOut> {
        let mut request = Request::builder()
            .method(O::METHOD.as_str())
            .uri(format!("{PLACE}{}", O::PATH.replace("{schedule}", name)))
            .header(AUTHORIZATION, &self.authorization)
            .header(ACCEPT, Format::Cbor.media_type());
        if body.is_some() {
            request = request.header(CONTENT_TYPE, Format::Cbor.media_type());
        }
        let request = request.body(body.unwrap_or_default()).expect("a path and headers of known parts");
        let bounds = Bounds { time: PATIENCE, bytes: 1 << 20 };
        let answer = self.wire.exchange(request, bounds).await.ok()?;
        if !answer.status().is_success() {
            return None;
        }
        Format::Cbor.read(answer.body()).ok()
    }
}
