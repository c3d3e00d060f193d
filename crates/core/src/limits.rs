//! Every bound of the product, in one table. `docs/limits.md` is made from it, and one test tries
//! each line at its limit and one beyond.

/// One bound, as the docs and the boundary test see it.
#[derive(Clone, Copy, Debug)]
pub struct Limit {
    /// The constant's name.
    pub name: &'static str,
    /// The highest allowed value.
    pub value: u64,
    /// What is counted.
    pub unit: &'static str,
    /// What is bounded, in words.
    pub what: &'static str,
    /// The error code a caller gets beyond it, or what happens instead.
    pub beyond: &'static str,
}

macro_rules! limits {
    ($($name:ident : $type:ty = $value:expr, $unit:literal, $what:literal, $beyond:literal;)*) => {
        $(#[doc = concat!("Highest ", $what, ", in ", $unit, ".")] pub const $name: $type = $value;)*
        /// All bounds.
        pub const ALL: &[Limit] = &[
            $(Limit { name: stringify!($name), value: $name as u64, unit: $unit, what: $what, beyond: $beyond },)*
        ];
    };
}

limits! {
    NAMESPACE_BYTES_MAX: usize = 64, "bytes", "namespace", "invalid_request";
    QUEUE_NAME_BYTES_MAX: usize = 128, "bytes", "queue name", "invalid_request";
    PRINCIPAL_BYTES_MAX: usize = 128, "bytes", "principal", "invalid_request";
    KIND_BYTES_MAX: usize = 128, "bytes", "kind", "invalid_request";
    SESSION_ID_BYTES_MAX: usize = 256, "bytes", "session id", "invalid_request";
    CORRELATION_ID_BYTES_MAX: usize = 256, "bytes", "correlation id", "invalid_request";
    SUBJECT_BYTES_MAX: usize = 256, "bytes", "subject", "invalid_request";
    TAG_BYTES_MAX: usize = 64, "bytes", "tag", "invalid_request";
    TAGS_MAX: usize = 16, "tags", "tags of a job", "invalid_request";
    CONTENT_TYPE_BYTES_MAX: usize = 128, "bytes", "content type", "invalid_request";
    ATTRIBUTES_MAX: usize = 64, "attributes", "clear attributes of a job", "invalid_request";
    ATTRIBUTE_NAME_BYTES_MAX: usize = 128, "bytes", "attribute name", "invalid_request";
    ATTRIBUTE_VALUE_BYTES_MAX: usize = 4_096, "bytes", "attribute value", "invalid_request";
    BODY_BYTES_MAX: usize = 1_048_576, "bytes", "body of a job as stored (a sealed one counts sealed)", "body_too_large";
    OUTCOME_BYTES_MAX: usize = 1_048_576, "bytes", "result or error of an attempt as stored", "body_too_large";
    PROGRESS_MESSAGE_BYTES_MAX: usize = 8_192, "bytes", "message of a progress report as stored", "body_too_large";
    LOG_ENTRY_BYTES_MAX: usize = 65_536, "bytes", "log entry of a report as stored: one line or some", "body_too_large";
    LOG_ENTRIES_MAX: usize = 256, "entries", "log entries kept of one job", "the oldest leave first, and are counted";
    LOG_BYTES_MAX: usize = 1_048_576, "bytes", "log kept of one job, as stored", "the oldest entries leave first";
    LOG_ENTRIES_OF_ALL_MAX: usize = 500_000, "entries", "log entries kept of all jobs of a namespace together", "the oldest leave first";
    CHECKPOINT_BYTES_MAX: usize = 1_048_576, "bytes", "checkpoint as stored", "body_too_large";
    REPORTS_MAX: u32 = 100_000, "reports", "reports of one attempt", "job_state";
    LOG_PAGE_MAX: usize = 100, "entries", "log entries in one answer", "invalid_request";
    BATCH_ITEMS_MAX: usize = 1_000, "items", "jobs in one batch, lease or settle request", "invalid_request";
    REQUEST_BYTES_MAX: usize = 16_777_216, "bytes", "request body over HTTP (a batch's bodies together, in JSON as base64)", "body_too_large";
    REQUEST_HEADER_BYTES_MAX: usize = 16_384, "bytes", "request line and headers together", "431 or a closed connection";
    REQUEST_DEPTH_MAX: usize = 8, "levels", "nesting of a request's JSON or CBOR", "invalid_request";
    DELAY_MS_MAX: u64 = 30 * 86_400_000, "ms", "delay_ms (where the queue's horizon is not another one), retry_after_ms and back-offs", "invalid_request";
    TTL_MS_MAX: u64 = 3_650 * 86_400_000, "ms", "ttl_ms", "invalid_request";
    ATTEMPTS_MAX: u32 = 1_000, "attempts", "max_attempts", "invalid_request";
    AGEING_PASSES_MAX: u32 = 32, "hand-outs", "hand-outs of more urgent classes, critical apart, that a class with a waiting job lets pass", "its oldest job is next";
    HORIZON_MS_MAX: u64 = 3_650 * 86_400_000, "ms", "horizon_ms: how far in the future a job may be sent for", "invalid_request";
    ATTEMPTS_REMEMBERED_MAX: usize = 20, "attempts", "attempts of a job that are remembered one by one", "the oldest leave first";
    ATTEMPTS_KEPT_MAX: usize = 500_000, "attempts", "attempts remembered one by one by all jobs of a namespace together", "the oldest of the job that ends its next one leaves first";
    ERROR_CODE_BYTES_MAX: usize = 64, "bytes", "code of a failed attempt", "invalid_request";
    INSTANCE_BYTES_MAX: usize = 64, "bytes", "instance: what a worker calls itself", "invalid_request";
    CODE_VERSION_BYTES_MAX: usize = 64, "bytes", "code_version of a worker", "invalid_request";
    RETRY_JITTER_PERCENT_MAX: u8 = 100, "percent", "jitter_percent of a back-off", "invalid_request";
    RUN_MS_MAX: u64 = 7 * 86_400_000, "ms", "max_run_ms: the longest run, whatever its heartbeats", "invalid_request";
    LEASE_MS_MAX: u64 = 12 * 3_600_000, "ms", "lease_ms", "invalid_request";
    LEASE_WAIT_MS_MAX: u64 = 300_000, "ms", "wait_ms of a lease request", "invalid_request";
    JOB_WAIT_MS_MAX: u64 = 300_000, "ms", "wait_ms of a request that waits for a job to end", "invalid_request";
    JOB_WAITERS_MAX: usize = 10_000, "requests", "requests waiting for jobs to end at once", "limit_exceeded";
    LEASE_BODIES_BYTES_MAX: usize = 8_388_608, "bytes", "bodies in one answer to a lease request, beyond which no further job is added", "the rest stays ready";
    LEASE_WAITERS_MAX: usize = 10_000, "requests", "lease requests waiting for work at once", "limit_exceeded";
    REDRIVES_MAX: u32 = 10, "re-drives", "re-drives of one job", "job_state";
    SESSION_IDLE_MS_MAX: u64 = 12 * 3_600_000, "ms", "session_idle_ms: how long a session's holder may have no job of it and say nothing", "invalid_request";
    SESSION_HOLD_MS_MAX: u64 = 12 * 3_600_000, "ms", "hold_ms, and session_hold_ms: the longest hold of a session, however often renewed", "invalid_request";
    SESSIONS_HELD_MAX: usize = 1_000, "sessions", "sessions that one principal holds at once", "limit_exceeded";
    SESSION_STATES_MAX: usize = 100_000, "sessions", "sessions of a namespace that remember something", "limit_exceeded";
    SESSION_STATE_BYTES_MAX: usize = 65_536, "bytes", "what a session remembers, as stored (sealed it counts sealed)", "body_too_large";
    SESSION_LOOKS_MAX: usize = 10_000, "jobs", "jobs looked at for a circle when one that others wait for is moved or re-driven into a session", "job_state";
    SESSION_PAGE_MAX: u32 = 1_000, "sessions", "sessions of one page of a list", "invalid_request";
    REDRIVE_RATE_MAX: u32 = 100_000, "jobs per second", "rate of a re-drive or of a release of held jobs", "invalid_request";
    LOOKED_AT_MAX: u64 = 10_000, "jobs", "jobs that one listing or preview looks at", "the answer says where to go on";
    ANALYSIS_LABELS_MAX: usize = 100, "values", "values of one sort in an analysis of dead-letter, the most frequent ones", "counted together as other";
    ANALYSIS_HOURS_MAX: usize = 168, "hours", "hours in an analysis of dead-letter, the last ones", "counted together as other";
    DEAD_LABELLED_PER_TURN_MAX: usize = 100, "jobs", "dead and held jobs whose records are read between two turns, so that they are found by kind and tag", "the rest follows";
    SWEEP_JOBS_PER_TURN_MAX: usize = 1_000, "jobs", "jobs of bulk work done between two turns of the engine", "the rest follows in the next turn";
    QUEUE_DEPTH_MAX: u64 = 1_000_000, "jobs", "max_depth: jobs that wait in one queue", "invalid_request";
    RATE_STARTS_MAX: u32 = 1_000_000, "starts", "starts and burst of a rate", "invalid_request";
    RATE_PERIOD_MS_MAX: u64 = 31 * 86_400_000, "ms", "period_ms of a rate", "invalid_request";
    CONCURRENCY_MAX: u32 = 1_000_000, "jobs", "concurrency: jobs that run at once, of a queue or of a fair key", "invalid_request";
    FAIR_KEYS_MAX: usize = 100_000, "keys", "fair keys that one queue knows of: with jobs that have not ended, or a rate that is not full again", "limit_exceeded";
    FAIR_KEY_BYTES_MAX: usize = 256, "bytes", "fair key", "invalid_request";
    QUEUE_BODY_BYTES_MAX: u32 = 1_048_576, "bytes", "max_body_bytes: body of a job in one queue, as stored", "invalid_request";
    ROOT_IDS_MAX: usize = 8, "roots", "root_ids: roots that bodies in one queue may be sealed under", "invalid_request";
    QUEUES_MAX: usize = 10_000, "queues", "queues of a namespace", "limit_exceeded";
    JOBS_MAX: usize = 1_000_000, "jobs", "jobs of a namespace that are not finished (dead and held ones included)", "limit_exceeded";
    JOBS_PER_PRINCIPAL_MAX: usize = 750_000, "jobs", "jobs of one principal in a namespace that are not finished (dead and held ones included)", "limit_exceeded";
    FINISHED_JOBS_MAX: usize = 500_000, "jobs", "finished jobs still readable by id", "the oldest leave first; job ids as old as theirs are then refused as id_too_old";
    FLOW_NODES_MAX: usize = 1_000, "jobs", "jobs of a flow", "invalid_request";
    FLOW_NODE_NAME_BYTES_MAX: usize = 64, "bytes", "name of a node in a flow", "invalid_request";
    FLOW_BREADTH_MAX: usize = 1_000, "jobs", "jobs that one waits for, and jobs that wait for one", "invalid_request";
    FLOW_DEPTH_MAX: u32 = 100, "jobs", "jobs that wait for each other in a row", "invalid_request";
    FLOW_STEPS_PER_TURN_MAX: usize = 1_000, "steps", "jobs told of the end of one that they wait for between two turns of the engine", "the rest follows in the next turn";
    PARENT_RESULTS_BYTES_MAX: usize = 8_388_608, "bytes", "results of other jobs handed out with one that ran after them", "the rest is left out and said to be";
    CERTIFICATE_NAMES_MAX: usize = 32, "names", "`[tls] names` in the configuration", "the server does not start";
    IDEMPOTENCY_KEY_BYTES_MAX: usize = 256, "bytes", "idempotency key", "invalid_request";
    UNIQUE_KEY_BYTES_MAX: usize = 256, "bytes", "unique key", "invalid_request";
    IDEMPOTENCY_WINDOW_MS_MAX: u64 = 30 * 86_400_000, "ms", "idempotency_window_ms: how long a first answer is kept under its idempotency key", "invalid_request";
    IDEMPOTENCY_KEYS_MAX: usize = 500_000, "keys", "idempotency keys of a namespace inside their windows (at most 200 bytes of memory each)", "limit_exceeded";
    IDEMPOTENCY_KEYS_PER_PRINCIPAL_MAX: usize = 200_000, "keys", "idempotency keys of one principal inside their windows", "limit_exceeded";
    ACCESS_KEYS_MAX: usize = 10_000, "keys", "access keys that are not revoked", "limit_exceeded";
    ACCESS_KEY_QUEUES_MAX: usize = 64, "patterns", "queue patterns of an access key", "invalid_request";
    ACCESS_KEY_TTL_MS_MAX: u64 = 366 * 86_400_000, "ms", "life of an access key", "invalid_request";
    CONNECTIONS_MAX: usize = 4_096, "connections", "open connections of the server", "new connections wait in the system's backlog";
    ENGINE_REQUESTS_MAX: usize = 4_096, "requests", "requests queued before the engine", "the request waits";
    GROUP_BYTES_MAX: usize = 8_388_608, "bytes", "one journal group", "the rest goes into the next group";
    WORKER_RATE_JOBS_MAX: usize = 100_000, "jobs", "jobs per period of a worker's rate limit", "the worker is not built";
    WORKER_RATE_PERIOD_MS_MAX: u64 = 86_400_000, "ms", "period of a worker's rate limit", "the worker is not built";
    WORKER_CIRCUITS_MAX: usize = 1_000, "kinds", "kinds of jobs of one worker with a circuit breaker that is not closed and untroubled", "further kinds have none";
    WORK_REPORT_LINE_BYTES_MAX: usize = 2_097_152, "bytes", "line in which a worker's command reports", "the line is dropped, and the job's log says so";
    RECENT_INPUTS_BYTES_MAX: usize = 67_108_864, "bytes", "memory for the inputs of the jobs stored last", "older ones are read from the journal";
    HISTORY_RUN_ROWS_MAX: u32 = 1_048_576, "jobs", "jobs in one run of the history", "the next ones are in another run";
    HISTORY_RUNS_MAX: usize = 1_024, "runs", "runs of the history", "the oldest leave";
    HISTORY_ROW_TOKENS_MAX: usize = 32, "tokens", "tokens that a job of the history is found by, besides its state, queue and owner", "a job has fewer";
    HISTORY_STEPS_MAX: u64 = 10_000, "steps", "steps through the history that one page of a list takes", "the answer says where to go on";
    HISTORY_MERGE_ENTRIES_PER_STEP_MAX: usize = 16_384, "entries", "entries that a merge of the history's runs goes on by at once", "the rest follows";
    HISTORY_CACHE_BYTES_MAX: usize = 16_777_216, "bytes", "memory for pages of the history read last", "older ones are read again";
    LINKS_KEPT_MAX: usize = 1_000_000, "dependencies", "jobs that others of a namespace wait for or waited for, each as often as it is named, those of finished jobs included", "limit_exceeded";
    EVENTS_KEPT_MAX: usize = 32_768, "events", "events of jobs of a namespace that streams can read", "the oldest leave; who has not read them gets a reset";
    EVENTS_KEPT_BYTES_MAX: usize = 4_194_304, "bytes", "the same events in memory", "the oldest leave; who has not read them gets a reset";
    EVENTS_AT_ONCE_MAX: usize = 128, "events", "events that a stream takes and writes at once", "the rest follows";
    EVENT_FILTERS_MAX: usize = 32, "values", "values of one filter of a stream of events", "invalid_request";
    EVENT_STREAMS_MAX: usize = 256, "streams", "streams of events open at once", "limit_exceeded";
    EVENT_STREAMS_OF_PRINCIPAL_MAX: usize = 16, "streams", "streams of events that one principal has open at once", "limit_exceeded";
    EVENT_STALL_MS_MAX: u64 = 30_000, "ms", "how long a stream of events waits for a reader that takes nothing", "the connection is cut";
    EVENT_BYTES_MAX: usize = 65_536, "bytes", "one event as a client takes it", "the call that waits for it fails";
    METRICS_QUEUES_MAX: usize = 1_000, "queues", "queues that metrics tell apart", "the rest is told of together, as queue \"(others)\"";
    REASON_BYTES_MAX: usize = 256, "bytes", "reason for reading a job's body", "invalid_request";
    SCHEDULES_MAX: usize = 10_000, "schedules", "schedules of a namespace", "limit_exceeded";
    SCHEDULE_NAME_BYTES_MAX: usize = 128, "bytes", "schedule name", "invalid_request";
    CRON_PATTERN_BYTES_MAX: usize = 256, "bytes", "cron pattern", "invalid_request";
    ZONE_NAME_BYTES_MAX: usize = 64, "bytes", "time zone name", "invalid_request";
    SCHEDULE_EVERY_MS_MAX: u64 = 366 * 86_400_000, "ms", "every_ms of a schedule", "invalid_request";
    SCHEDULE_JITTER_MS_MAX: u64 = 86_400_000, "ms", "jitter_ms of a schedule", "invalid_request";
    SCHEDULE_LATE_MS_MAX: u64 = 60_000, "ms", "lateness with which a firing still counts as on time", "the firing is missed, and the schedule's policy decides";
    SCHEDULE_CATCH_UP_MS_MAX: u64 = 86_400_000, "ms", "age of missed firings that are made up for", "older ones are left out";
    FIRINGS_PER_TURN_MAX: usize = 100, "firings", "firings between two turns of the engine", "the rest follows in the next turn";
    EXPIRIES_PER_TURN_MAX: usize = 1_000, "jobs", "deadlines worked off between two turns of the engine", "the rest follows in the next turn";
}

/// A body's fingerprint has so many bytes.
pub const FINGERPRINT_BYTES: usize = 16;

/// Shortest lease in milliseconds.
pub const LEASE_MS_MIN: u64 = 100;

/// Shortest window of an idempotency key in milliseconds.
pub const IDEMPOTENCY_WINDOW_MS_MIN: u64 = 1_000;
/// Shortest interval of a schedule in milliseconds.
pub const SCHEDULE_EVERY_MS_MIN: u64 = 1_000;

/// How long a finished job stays readable, and how old a new job's id may be, in milliseconds.
pub const FINISHED_KEPT_MS: u64 = 3_600_000;

/// How far in the future a new job's id may lie, in milliseconds.
pub const ID_AHEAD_MS: u64 = 300_000;
