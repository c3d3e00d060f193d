//! How the queues of a run are told to behave.

use sealane::QueueIn;
use sealane_api::v1::StartRate;

use crate::dice::Dice;
use crate::plan::Plan;

/// Settings that make things happen within minutes.
pub(super) fn settings(plan: &Plan, dice: &mut Dice) -> QueueIn {
    let sessions = plan.themes.sessions && dice.chance(700);
    // A schedule's jobs have no session.
    let required = plan.schedules == 0 && dice.chance(300);
    let mut settings = QueueIn {
        sealing: Some("allowed".to_owned()),
        lease_ms: Some(dice.between(1_000, 6_000)),
        max_attempts: Some(few(dice, 6)),
        retry_base_ms: Some(dice.between(50, 1_500)),
        retry_cap_ms: Some(10_000),
        max_run_ms: Some(dice.between(6_000, 60_000)),
        max_depth: dice.chance(300).then(|| dice.between(10, 60)),
        sessions: sessions.then(|| if required { "required" } else { "on" }.to_owned()),
        session_idle_ms: sessions.then(|| dice.between(500, 6_000)),
        session_hold_ms: sessions.then(|| dice.between(2_000, 20_000)),
        ..QueueIn::default()
    };
    if plan.themes.keys {
        settings.idempotency_window_ms = dice.chance(700).then(|| dice.between(1_000, 30_000));
    }
    if plan.themes.limits {
        settings.rate = dice.chance(400).then(|| rate(dice, 30));
        settings.concurrency = dice.chance(500).then(|| few(dice, 5));
    }
    if plan.themes.limits && plan.themes.fair_keys {
        settings.rate_per_key = dice.chance(400).then(|| rate(dice, 15));
        settings.concurrency_per_key = dice.chance(500).then(|| few(dice, 3));
    }
    settings
}

/// A rate that lets the work of a run be done within minutes.
fn rate(dice: &mut Dice, most: u64) -> StartRate {
    let starts = few(dice, most);
    let period_ms = u64::from(starts) * dice.between(50, 400);
    StartRate { starts, period_ms, burst: dice.chance(600).then(|| few(dice, most)) }
}

fn few(dice: &mut Dice, most: u64) -> u32 {
    u32::try_from(dice.between(1, most)).expect("a small number")
}
