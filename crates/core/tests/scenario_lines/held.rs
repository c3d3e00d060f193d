//! Lines about held jobs.

use std::collections::BTreeMap;

use sealane_core::job::HoldReason;
use sealane_core::name::{Principal, QueueName};
use sealane_core::queue::{HeldFilter, Look};
use sealane_core::time::Time;

use crate::{START, World, millis, token};

impl World {
    pub fn held_filter(options: &BTreeMap<&str, &str>) -> HeldFilter {
        let time = |text: &&str| Time::from_unix_ms(START).plus(millis(text));
        HeldFilter {
            reason: options.get("reason").map(|word| HoldReason::parse(word).expect("a reason")),
            kind: options.get("kind").map(|text| token(text)),
            tag: options.get("tag").map(|text| token(text)),
            owner: options.get("owner").map(|name| Principal::parse(name).expect("a principal")),
            held_from: options.get("from").map(time),
            held_before: options.get("before").map(time),
        }
    }

    pub fn held(&self, options: &BTreeMap<&str, &str>) -> String {
        let queue = QueueName::parse(options.get("of").unwrap_or(&"orders")).expect("a queue name");
        let number = self.shard.queue_number(&queue).expect("a known queue");
        let page = self.shard.held_page(number, &Self::held_filter(options), None, Look::Through(9));
        let mut told: Vec<String> = page.jobs.iter().map(|(_, job)| self.names[&job.id].clone()).collect();
        if page.not_known > 0 {
            told.push(format!("not_known={}", page.not_known));
        }
        assert_eq!(page.meant, page.jobs.len() as u64);
        if told.is_empty() { "nothing".to_owned() } else { told.join(" ") }
    }
}
