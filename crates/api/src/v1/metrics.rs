//! What monitoring reads: a text of its own, in no format of ours.

use serde::Serialize;

/// The media type of metrics: OpenMetrics 1.0, which Prometheus reads.
pub const METRICS_TEXT: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Counters as OpenMetrics text.
#[derive(Clone, Debug, Serialize)]
pub struct MetricsOut(pub String);
