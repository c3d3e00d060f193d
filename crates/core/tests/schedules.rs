//! Runs the tables of schedules in `tests/schedules/`: one command a line, the expected answer behind
//! `->`, times counted from midnight of 2026-01-01 in UTC.
//!
//! ```text
//! put     daily cron=0_30_2_*_*_* zone=Europe/Berlin | every=10s [from=5s] [missed=once] [overlap=skip]
//!               [jitter=5s] [begins=1h] [ends=2h] [content=other] [id=7] [ttl=1h] [attempts=2] [sealed] [keyed] [to=orders]
//!               [as=anna] (who may touch only what is his own) [closed=1] (whose key does not open the queue)
//!                                        -> put | known | refused CODE
//! pass    30s                            -> everything that became of schedules, second by second of their due times
//! back    30s                            -> ok: the clock is set back
//! pause daily · resume daily · remove daily  -> ok | known | refused CODE
//! fire    daily                          -> daily@30s | refused CODE: out of turn
//! restart                                -> ok: the shard is made anew from its events
//! work    1 · break 1                    -> so many jobs completed · dead
//! stray   daily 30s                      -> as `pass`: a firing of that time is handed in, due or not
//! job     daily                          -> what the job of the last firing was given
//! depth   3 · drain · open · sealing required  -> ok
//! show    daily                          -> next=… fired=… last=… skips=… because=…
//! ```

#[path = "support/through_rows.rs"]
mod through_rows;

use std::collections::BTreeMap;
use std::path::Path;

use sealane_core::cadence::Cadence;
use sealane_core::id::{JobId, LeaseId, ScheduleId};
use sealane_core::job::{Category, JobInput, Priority, State};
use sealane_core::name::{CronPattern, Kind, Principal, QueueName, ScheduleName, ZoneName};
use sealane_core::queue::{
    Command, Event, Fire, Firing, IdempotencyKey, JobOptions, Lease, MissedPolicy, OnConflict, OverlapPolicy,
    PutSchedule, QueueMode, QueueSettings, Receipt, Refusal, ScheduleAct, ScheduleSettings, SealingPolicy,
    SessionMode, Settle, Shard, UniqueKey, invariants,
};
use sealane_core::record::RecordRef;
use sealane_core::time::{Millis, Time};
use sealane_core::token::Token;

const START: u64 = 1_767_225_600_000;

type Options<'a> = BTreeMap<&'a str, &'a str>;

struct World {
    shard: Shard,
    now: Time,
    history: Vec<(Event, RecordRef)>,
    names: BTreeMap<ScheduleId, String>,
    /// Firings that became jobs: none twice, ever.
    fired: BTreeMap<JobId, Firing>,
}

impl World {
    fn new() -> Self {
        let mut world = Self {
            shard: Shard::default(),
            now: Time::from_unix_ms(START),
            history: Vec::new(),
            names: BTreeMap::new(),
            fired: BTreeMap::new(),
        };
        world.settings(|_| {});
        world
    }

    fn apply(&mut self, events: &[Event]) {
        for event in events {
            let record = RecordRef { lsn: self.history.len() as u64, bytes: 1 };
            self.shard.evolve(event, record);
            self.history.push((event.clone(), record));
            invariants::check(&self.shard).unwrap_or_else(|error| panic!("{error} after {event:?}"));
            if let Event::ScheduleFired { schedule, due, job, .. } = event {
                let again = self.fired.insert(*job, Firing { schedule: *schedule, due: *due });
                assert_eq!(again, None, "a firing became two jobs");
            }
        }
    }

    fn run(&mut self, command: &Command<'_>) -> Result<Vec<Event>, String> {
        let events =
            self.shard.decide(self.now, command).map_err(|refusal| format!("refused {}", code(&refusal)))?;
        self.apply(&events);
        Ok(events)
    }

    fn settings(&mut self, change: impl FnOnce(&mut QueueSettings)) {
        let mut settings = QueueSettings { sealing: SealingPolicy::Allowed, ..QueueSettings::default() };
        change(&mut settings);
        self.run(&Command::PutQueue { queue: &orders(), settings }).expect("a queue");
    }

    fn line(&mut self, line: &str) -> String {
        let mut words = line.split_whitespace();
        let verb = words.next().expect("a verb");
        let (named, bare): (Vec<&str>, Vec<&str>) = words.partition(|word| word.contains('='));
        let options: Options<'_> = named.iter().filter_map(|word| word.split_once('=')).collect();
        match verb {
            "put" => self.put(&bare, &options),
            "pass" => {
                self.now = self.now.plus(millis(bare[0]));
                self.pass()
            }
            "back" => {
                self.now = self.now.minus(millis(bare[0]));
                self.pass()
            }
            "pause" => self.act(bare[0], ScheduleAct::Pause),
            "resume" => self.act(bare[0], ScheduleAct::Resume),
            "remove" => {
                let schedule = ScheduleName::parse(bare[0]).expect("a name");
                let removed = self.run(&Command::RemoveSchedule { schedule: &schedule });
                removed.map_or_else(|refused| refused, |_| "ok".to_owned())
            }
            "fire" => self.fire(bare[0]),
            "restart" => {
                let mut recovered = Shard::default();
                self.history.iter().for_each(|(event, record)| recovered.evolve(event, *record));
                assert!(recovered == self.shard, "the stored events make another shard");
                self.shard = through_rows::through_rows(&recovered);
                self.run(&Command::Start).map_or_else(|refused| refused, |_| "ok".to_owned())
            }
            "work" => self.work(bare[0].parse().expect("a number"), &Settle::Complete),
            "break" => {
                let (category, code, fingerprint) = (Category::Permanent, None, None);
                let outcome = Settle::Fail { category, code, fingerprint, retry_after: None, random: 0 };
                self.work(bare[0].parse().expect("a number"), &outcome)
            }
            "stray" => self.stray(bare[0], millis(bare[1])),
            "job" => self.given(bare[0]),
            "depth" => {
                let depth = bare[0].parse().expect("a number");
                self.settings(|settings| settings.max_depth = depth);
                "ok".to_owned()
            }
            "sessions" => {
                let mode = SessionMode::parse(bare[0]).expect("a mode");
                self.settings(|settings| settings.sessions.mode = mode);
                "ok".to_owned()
            }
            "sealing" => {
                let policy = SealingPolicy::parse(bare[0]).expect("a policy");
                self.settings(|settings| settings.sealing = policy);
                "ok".to_owned()
            }
            "drain" => self.mode(QueueMode::Draining),
            "open" => self.mode(QueueMode::Open),
            "show" => self.show(bare[0]),
            other => panic!("no such verb: {other}"),
        }
    }

    fn put(&mut self, bare: &[&str], options: &Options<'_>) -> String {
        let (name, sealed) = (bare[0], bare.contains(&"sealed"));
        let duration = |key: &str| options.get(key).map(|text| millis(text));
        let time = |key: &str| duration(key).map(|after| Time::from_unix_ms(START).plus(after));
        let cadence = match options.get("cron") {
            Some(pattern) => Cadence::Cron {
                pattern: CronPattern::parse(&pattern.replace('_', " ")).expect("printable"),
                zone: ZoneName::parse(options.get("zone").unwrap_or(&"UTC")).expect("printable"),
            },
            None => Cadence::Every {
                every: duration("every").expect("cron or every"),
                from: time("from").unwrap_or(self.now),
            },
        };
        let settings = ScheduleSettings {
            cadence,
            begins_at: time("begins"),
            ends_at: time("ends"),
            missed: options
                .get("missed")
                .map_or(MissedPolicy::Skip, |word| MissedPolicy::parse(word).expect("a policy")),
            overlap: options
                .get("overlap")
                .map_or(OverlapPolicy::Allow, |word| OverlapPolicy::parse(word).expect("a policy")),
            jitter: duration("jitter").unwrap_or_default(),
            priority: Priority::Normal,
            ttl: duration("ttl"),
            max_attempts: options.get("attempts").map(|text| text.parse().expect("a number")),
            options: bare.contains(&"keyed").then(keyed),
        };
        let number =
            options.get("id").map_or_else(|| name.as_bytes()[0], |text| text.parse().expect("a number"));
        let id = ScheduleId::from_bytes([number; 16]);
        let content = options.get("content").map_or(0, |text| text.as_bytes()[0]);
        let input = input(sealed);
        let queue = QueueName::parse(options.get("to").unwrap_or(&"orders")).expect("a queue name");
        let bare_closed = options.contains_key("closed");
        let put = PutSchedule {
            id,
            name: &ScheduleName::parse(name).expect("a name"),
            queue: &queue,
            owner: &Principal::parse(options.get("as").unwrap_or(&"owner")).expect("a principal"),
            settings: &settings,
            input: &input,
            own_only: options.contains_key("as"),
            opens: &|_| !bare_closed,
            digest: [content; 16],
        };
        match self.run(&Command::PutSchedule(put)) {
            Err(refused) => refused,
            Ok(events) if events.is_empty() => "known".to_owned(),
            Ok(_) => {
                self.names.insert(id, name.to_owned());
                "put".to_owned()
            }
        }
    }

    /// As the engine does it: what is due, one after the other, until nothing is.
    fn pass(&mut self) -> String {
        let events = self.shard.expire(self.now);
        self.apply(&events);
        let mut told = Vec::new();
        while let Some(due) = self.shard.due_schedule(self.now) {
            let firing = Firing { schedule: due.schedule, due: due.due };
            let fire = Fire { firing, job: firing.job(hash), asked: false, readable: true };
            let events = self.run(&Command::Fire(fire)).expect("a firing is never refused");
            assert!(!events.is_empty(), "what is due is seen to");
            told.extend(events.iter().filter_map(|event| self.told(event)));
            assert!(told.len() < 10_000, "an end is not in sight");
        }
        if told.is_empty() {
            return "nothing".to_owned();
        }
        if told.len() > 8 {
            return format!("{} … {}, {} in all", told[0], told[told.len() - 1], told.len());
        }
        told.join(" ")
    }

    fn told(&self, event: &Event) -> Option<String> {
        let (schedule, due, how) = match event {
            Event::ScheduleFired { schedule, due, .. } => (schedule, due, String::new()),
            Event::ScheduleSkipped { schedule, due, reason, .. } => (schedule, due, format!(":{reason}")),
            _ => return None,
        };
        Some(format!("{}@{}{how}", self.names[schedule], seconds(*due)))
    }

    fn act(&mut self, name: &str, act: ScheduleAct) -> String {
        let schedule = ScheduleName::parse(name).expect("a name");
        self.run(&Command::ActOnSchedule { schedule: &schedule, act }).map_or_else(
            |refused| refused,
            |events| if events.is_empty() { "known" } else { "ok" }.to_owned(),
        )
    }

    fn fire(&mut self, name: &str) -> String {
        let schedule = ScheduleName::parse(name).expect("a name");
        let Some(view) = self.shard.schedule(&schedule) else { return "unknown".to_owned() };
        let firing = Firing { schedule: view.id, due: self.now };
        let fire = Fire { firing, job: firing.job(hash), asked: true, readable: true };
        match self.run(&Command::Fire(fire)) {
            Err(refused) => refused,
            Ok(events) => events.iter().filter_map(|event| self.told(event)).collect::<Vec<_>>().join(" "),
        }
    }

    fn work(&mut self, jobs: usize, outcome: &Settle) -> String {
        let lease_ids: Vec<LeaseId> = (0..jobs)
            .map(|number| {
                LeaseId::from_bytes([u8::try_from(number + self.history.len() % 200).unwrap_or(0); 16])
            })
            .collect();
        let holder = Principal::parse("worker").expect("a principal");
        let lease =
            Lease { queue: &orders(), holder: &holder, runner: None, lease: None, lease_ids: &lease_ids };
        let leased = self.run(&Command::Lease(lease)).expect("a lease");
        for event in &leased {
            let Event::JobLeased { job, lease, .. } = event else { continue };
            let receipt = Receipt { job: *job, attempt: 1, lease: *lease, lock: None };
            self.run(&Command::Settle { receipt, outcome }).expect("settled");
        }
        leased.len().to_string()
    }

    fn stray(&mut self, name: &str, due: Millis) -> String {
        let schedule = ScheduleName::parse(name).expect("a name");
        let view = self.shard.schedule(&schedule).expect("it is known");
        let firing = Firing { schedule: view.id, due: Time::from_unix_ms(START).plus(due) };
        let fire = Fire { firing, job: firing.job(hash), asked: false, readable: true };
        let events = self.run(&Command::Fire(fire)).expect("a firing is never refused");
        if events.is_empty() { "nothing".to_owned() } else { format!("{} events", events.len()) }
    }

    fn given(&self, name: &str) -> String {
        let view = self.shard.schedule(&ScheduleName::parse(name).expect("a name")).expect("it is known");
        let job = self.shard.job(&view.last.expect("it fired").job).expect("it is remembered");
        let expires = job.expires_at.map_or_else(|| "never".to_owned(), seconds);
        let kept = self.shard.idempotency_keys();
        format!("attempts={} expires={expires} keys={kept}", job.max_attempts)
    }

    fn mode(&mut self, mode: QueueMode) -> String {
        self.run(&Command::SetMode { queue: &orders(), mode })
            .map_or_else(|refused| refused, |_| "ok".to_owned())
    }

    fn show(&self, name: &str) -> String {
        let Some(view) = self.shard.schedule(&ScheduleName::parse(name).expect("a name")) else {
            return "unknown".to_owned();
        };
        let mut told =
            view.next.map_or_else(|| "next=never".to_owned(), |next| format!("next={}", seconds(next)));
        told.push_str(&format!(" fired={}", view.fired));
        if let Some(last) = view.last {
            let job = self.shard.job(&last.job);
            told.push_str(&format!(" last={}", seconds(last.due)));
            if let Some(job) = job.filter(|job| job.state == State::Delayed) {
                assert!(job.run_at > last.due);
                told.push_str(" delayed");
            }
        }
        if let Some(skip) = view.last_skip {
            told.push_str(&format!(" skips={} because={}", view.skips, skip.reason));
        }
        told
    }
}

/// Keys of one job: what a template must not hand to each of its firings.
fn keyed() -> Box<JobOptions> {
    let key = Token::from_bytes([7; 16]);
    let idempotency = Some(IdempotencyKey { key, fingerprint: key });
    let unique = Some(UniqueKey { key, on_conflict: OnConflict::Refuse });
    Box::new(JobOptions { idempotency, unique, ..JobOptions::default() })
}

fn orders() -> QueueName {
    QueueName::parse("orders").expect("a queue name")
}

/// Any function of the parts does where nobody opens anything.
fn hash(parts: &[&[u8]]) -> [u8; 32] {
    let mut out = [0_u8; 32];
    let bytes = parts.iter().flat_map(|part| part.iter());
    for (place, byte) in bytes.enumerate() {
        let spot = place % 16;
        out[spot] = out[spot].rotate_left(3) ^ byte;
    }
    out
}

fn input(sealed: bool) -> JobInput {
    JobInput {
        kind: Kind::parse("k").expect("a kind"),
        body: Vec::new(),
        content_type: sealed.then(|| {
            sealane_core::name::ContentType::parse(sealane_core::sealed::CONTENT_TYPE)
                .expect("a content type")
        }),
        attributes: BTreeMap::new(),
        session_id: None,
        correlation_id: None,
        subject: None,
        tags: Vec::new(),
    }
}

fn seconds(time: Time) -> String {
    let ms = time.since(Time::from_unix_ms(START)).get();
    if ms.is_multiple_of(1_000) { format!("{}s", ms / 1_000) } else { format!("{ms}ms") }
}

fn millis(text: &str) -> Millis {
    let digits = text.trim_end_matches(char::is_alphabetic);
    let number: u64 = digits.parse().unwrap_or_else(|_| panic!("not a time: {text}"));
    let unit = match &text[digits.len()..] {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        other => panic!("no such unit: {other}"),
    };
    Millis::new(number * unit)
}

fn code(refusal: &Refusal) -> String {
    match refusal {
        Refusal::Schedule(error) => format!("{error:?}"),
        Refusal::ScheduleSkips { reason } => reason.to_string(),
        other => format!("{other:?}"),
    }
    .split([' ', '{'])
    .next()
    .unwrap_or_default()
    .to_owned()
}

// covers JOB-12 (cron, intervals, missed firings, overlap, jitter, window, one job per firing across restarts)
// attack 63
#[test]
fn every_table_of_schedules_holds() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/schedules");
    let mut lines = 0;
    for entry in std::fs::read_dir(folder).expect("the folder") {
        let path = entry.expect("an entry").path();
        let mut world = World::new();
        for (number, line) in std::fs::read_to_string(&path).expect("a table").lines().enumerate() {
            let line = line.trim();
            if line == "new" {
                world = World::new();
            }
            if line.is_empty() || line.starts_with('#') || line == "new" {
                continue;
            }
            let place = format!("{}:{}", path.display(), number + 1);
            let (command, expected) =
                line.split_once("->").unwrap_or_else(|| panic!("{place}: no expectation"));
            assert_eq!(world.line(command.trim()), expected.trim(), "{place}: {}", command.trim());
            lines += 1;
        }
    }
    assert!(lines > 80, "tables are missing: {lines} lines");
}

// attack 63
#[test]
fn a_namespace_has_its_number_of_schedules_and_no_more() {
    let mut world = World::new();
    let id = |number: usize| ScheduleId::from_bytes((number as u128).to_be_bytes());
    let settings = ScheduleSettings {
        cadence: Cadence::Every { every: Millis::new(60_000), from: world.now },
        begins_at: None,
        ends_at: None,
        missed: MissedPolicy::Skip,
        overlap: OverlapPolicy::Allow,
        jitter: Millis::default(),
        priority: Priority::Normal,
        ttl: None,
        max_attempts: None,
        options: None,
    };
    let (queue, owner, input) = (orders(), Principal::parse("p").expect("a principal"), input(false));
    let mut put = |number: usize| {
        let name = ScheduleName::parse(&format!("s{number}")).expect("a name");
        let put = PutSchedule {
            id: id(number),
            name: &name,
            queue: &queue,
            owner: &owner,
            settings: &settings,
            input: &input,
            own_only: false,
            opens: &|_| true,
            digest: [0; 16],
        };
        let events = world.shard.decide(world.now, &Command::PutSchedule(put))?;
        events.iter().for_each(|event| world.shard.evolve(event, RecordRef { lsn: 0, bytes: 1 }));
        Ok(events.len())
    };
    for number in 0..sealane_core::limits::SCHEDULES_MAX {
        assert_eq!(put(number), Ok(1));
    }
    assert_eq!(put(sealane_core::limits::SCHEDULES_MAX), Err(Refusal::TooManySchedules));
    assert_eq!(put(0), Ok(0), "one that is there is no new one");
}

// covers JOB-12 (a cron pattern and a zone's name are bounded)
#[test]
fn patterns_and_zones_have_their_length() {
    use sealane_core::limits::{CRON_PATTERN_BYTES_MAX, ZONE_NAME_BYTES_MAX};
    let text = |count: usize| "*".repeat(count);
    assert!(CronPattern::parse(&text(CRON_PATTERN_BYTES_MAX)).is_ok());
    assert!(CronPattern::parse(&text(CRON_PATTERN_BYTES_MAX + 1)).is_err());
    assert!(ZoneName::parse(&text(ZONE_NAME_BYTES_MAX)).is_ok());
    assert!(ZoneName::parse(&text(ZONE_NAME_BYTES_MAX + 1)).is_err());
    for bad in ["", "a\nb", "a\u{0}", "ü"] {
        assert!(CronPattern::parse(bad).is_err() && ZoneName::parse(bad).is_err(), "{bad:?}");
    }
}
