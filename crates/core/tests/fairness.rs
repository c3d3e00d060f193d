//! How many jobs of others are served before one of mine, with one of the others a hundred times as busy.
//! Everything happens in virtual time: workers that take one job after the other, or several at once.

#![allow(clippy::unwrap_used, reason = "in a test a panic is the report")]

mod support;

use std::collections::{BTreeMap, VecDeque};

use sealane_core::id::JobId;
use sealane_core::job::Priority;
use sealane_core::limits;
use sealane_core::queue::{Event, Next, QueueSettings, Receipt};
use support::Bench;

const RUN_MS: u64 = 20;

/// The most of others' jobs that began between one of mine being ready and being taken.
struct Story {
    bench: Bench,
    sent: u64,
    /// Mine that wait, by how many of others' had begun when each was sent.
    mine: BTreeMap<JobId, u64>,
    others_begun: u64,
    /// The same when one of mine was taken last: before that the next was not first in my line.
    mine_taken: u64,
    worst: u64,
    running: VecDeque<(u64, Receipt)>,
}

impl Story {
    fn new() -> Self {
        let bench = Bench::kept(QueueSettings::default());
        Self {
            bench,
            sent: 0,
            mine: BTreeMap::new(),
            others_begun: 0,
            mine_taken: 0,
            worst: 0,
            running: VecDeque::new(),
        }
    }

    fn send(&mut self, key: &str, priority: Priority) -> JobId {
        self.sent += 1;
        self.bench.send_for(key, self.sent, priority);
        Bench::id(self.sent)
    }

    fn send_mine(&mut self, priority: Priority) {
        let id = self.send("mine", priority);
        self.mine.insert(id, self.others_begun);
    }

    /// Whoever is done takes again, `batch` at once, up to so many running.
    fn work(&mut self, workers: usize, batch: usize) {
        let now = self.bench.now.unix_ms();
        while self.running.front().is_some_and(|(until, _)| *until <= now) {
            let (_, receipt) = self.running.pop_front().unwrap();
            self.bench.complete(receipt);
        }
        while self.running.len() + batch <= workers {
            let taken = self.bench.take(batch);
            if taken.is_empty() {
                break;
            }
            for receipt in taken {
                match self.mine.remove(&receipt.job) {
                    Some(sent) => {
                        self.worst = self.worst.max(self.others_begun - sent.max(self.mine_taken));
                        self.mine_taken = self.others_begun;
                    }
                    None => self.others_begun += 1,
                }
                self.running.push_back((now + RUN_MS, receipt));
            }
        }
    }
}

/// A second in steps of a millisecond: one of mine, a hundred of each loud one's, in the given classes.
fn second(story: &mut Story, loud: &[&str], theirs: &[Priority], mine: Priority, load: (usize, usize)) {
    for ms in 0..1_000_u64 {
        if ms % 10 == 0 {
            for key in loud {
                for class in theirs {
                    story.send(key, *class);
                }
            }
        }
        if ms == 505 {
            story.send_mine(mine);
        }
        story.work(load.0, load.1);
        story.bench.pass(1);
    }
}

// covers QUE-2 (fair round robin between keys)
// attack 62
#[test]
fn with_others_at_a_hundred_times_my_load_each_of_them_is_served_at_most_once_before_me() {
    for (loud, load) in [
        (&["a"][..], (1, 1)),
        (&["a"][..], (4, 1)),
        (&["a"][..], (16, 4)),
        (&["a", "b", "c", "d", "e"][..], (1, 1)),
        (&["a", "b", "c", "d", "e"][..], (8, 8)),
    ] {
        let mut story = Story::new();
        let waiting = |story: &Story| story.bench.shard.queues().next().unwrap().counts.waiting();
        for round in 0..4 {
            second(&mut story, loud, &[Priority::Normal], Priority::Normal, load);
            if round == 1 {
                story.bench.restart();
            }
        }
        if load.0 == 1 {
            assert!(waiting(&story) > 100, "there is a backlog that I would be at the end of");
        }
        assert!(story.mine.is_empty(), "all of mine were served");
        assert!(story.worst <= loud.len() as u64, "{} with {loud:?} and {load:?}", story.worst);
    }
}

/// Beside it the same without keys, where it is first come, first served: what the test above is about.
#[test]
fn without_a_key_of_my_own_i_wait_behind_all_of_them() {
    let mut story = Story::new();
    for _ in 0..3 {
        second(&mut story, &["a"], &[Priority::Normal], Priority::Normal, (1, 1));
    }
    let backlog = story.bench.shard.queues().next().unwrap().counts.waiting();
    let id = story.send("a", Priority::Normal);
    story.mine.insert(id, story.others_begun);
    while !story.mine.is_empty() {
        story.work(1, 1);
        story.bench.pass(1);
    }
    assert!(story.worst >= backlog && backlog > 100, "{} behind {backlog}", story.worst);
}

// covers JOB-3 (ageing, with keys)
// attack 62
#[test]
fn in_a_less_urgent_class_it_is_so_many_for_each_turn_of_the_class() {
    // So many hand-outs a class lets pass, and one for each of two others that are overdue with it.
    let turn = u64::from(limits::AGEING_PASSES_MAX) + 2 + 1;
    let theirs = [Priority::High, Priority::Normal, Priority::Low, Priority::Bulk];
    for mine in [Priority::Normal, Priority::Low, Priority::Bulk] {
        for loud in [&["a"][..], &["a", "b", "c"][..]] {
            let mut story = Story::new();
            for round in 0..8 {
                second(&mut story, loud, &theirs, mine, (2, 1));
                if round == 3 {
                    story.bench.restart();
                }
            }
            let k = turn * (loud.len() as u64 + 1);
            assert!(story.worst <= k, "{} of {k} in {mine}", story.worst);
            let served = story.bench.shard.queues().next().unwrap().counts;
            assert!(
                served.waiting() > 1_000 && story.worst > 30,
                "{} of {k}: somebody has to wait",
                story.worst
            );
        }
    }
}

// covers JOB-3 (critical comes first)
// attack 62
#[test]
fn a_critical_job_behind_ten_thousand_is_next_whatever_its_key() {
    let mut bench = Bench::new(QueueSettings::default());
    for number in 0..10_000 {
        bench.send_for("loud", number, Priority::Bulk);
    }
    let held = bench.take(8);
    bench.send_for("loud", 10_000, Priority::Critical);
    bench.complete(held[0]);
    assert_eq!(bench.take(1)[0].job, Bench::id(10_000));
}

// attack 61
#[test]
fn a_hundred_thousand_that_fail_at_once_come_back_spread_out_and_hold_up_nobody() {
    const JOBS: u64 = 100_000;
    let mut bench = Bench::new(QueueSettings::default());
    for number in 0..JOBS {
        bench.send_for("storm", number, Priority::Normal);
    }
    let (mut due, mut random) = (BTreeMap::<u64, u64>::new(), 1_u32);
    for _ in 0..JOBS / 1_000 {
        for receipt in bench.take(1_000) {
            random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let Event::JobFailed { next: Next::Retry(at), .. } = bench.fail(receipt, random) else {
                panic!("it has attempts left")
            };
            *due.entry(at.since(bench.now).get()).or_default() += 1;
        }
    }
    // A second, a tenth of it either way: so many per millisecond on average.
    let (first, last) = (*due.first_key_value().unwrap().0, *due.last_key_value().unwrap().0);
    assert!(first >= 900 && last <= 1_100 && last - first >= 195, "{first} to {last}");
    let average = JOBS / 200;
    let most = due.values().max().unwrap();
    assert!(*most < 2 * average, "{most} in one millisecond, {average} on average");
    // All of them are back, and one of somebody else's is served after one of theirs.
    bench.pass(1_100);
    bench.send_for("mine", JOBS, Priority::Normal);
    let order: Vec<JobId> = bench.take(2).into_iter().map(|receipt| receipt.job).collect();
    assert!(order.contains(&Bench::id(JOBS)));
}
