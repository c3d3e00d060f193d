//! The trusted log: this program's own lines on standard error. `SEALANE_LOG` sets the level,
//! `SEALANE_LOG_FORMAT=json` makes each line a JSON object.

use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

/// Starts the log at this level, or at what the environment says.
pub(crate) fn start(level: LevelFilter) {
    let level = std::env::var("SEALANE_LOG").ok().and_then(|word| word.parse().ok()).unwrap_or(level);
    // Why only ours: what libraries log of a connection may hold what passes over it.
    // The audit lines are not a matter of level: whoever wants less sends standard error elsewhere.
    let ours = Targets::new().with_target("sealane", level).with_target("audit", LevelFilter::INFO);
    let lines = tracing_subscriber::registry().with(ours);
    let layer = tracing_subscriber::fmt::layer().with_writer(std::io::stderr).with_ansi(false);
    if std::env::var("SEALANE_LOG_FORMAT").is_ok_and(|form| form == "json") {
        lines.with(layer.json()).init();
    } else {
        lines.with(layer.with_target(false)).init();
    }
}
