//! Lines about what those who listen are told.

use sealane_core::queue::Event;
use sealane_core::queue::feed::{Step, What};
use sealane_core::record::RecordRef;

use crate::World;

impl World {
    /// Applies an event and notes what is told of it. Every change of a job's state is.
    pub fn apply_one(&mut self, event: &Event, record: RecordRef) {
        let job = event.job();
        let state = |world: &Self| job.and_then(|job| world.shard.job(&job)).map(|view| view.state);
        let before = state(self);
        self.told.extend(self.shard.step_away(event));
        self.shard.evolve(event, record);
        let step = self.shard.step(event);
        let after = state(self);
        assert!(before == after || step.is_some(), "{before:?} to {after:?} and nobody is told: {event:?}");
        if let Some(step) = &step {
            let view = self.shard.job(&step.job).expect("it is still known");
            assert_eq!((step.state, step.attempt, &*step.owner), (view.state, view.attempt, &view.owner));
            assert_eq!((&step.queue, step.at), (self.shard.queue_name(view.queue), event.at()));
        }
        self.told.extend(step);
    }

    /// What was told since the line before of this kind.
    pub fn told(&mut self) -> String {
        let told = std::mem::take(&mut self.told);
        let words: Vec<String> = told.iter().map(|step| self.in_short(step)).collect();
        if words.is_empty() { "nothing".to_owned() } else { words.join(" ") }
    }

    fn in_short(&self, step: &Step) -> String {
        let name = self.names.get(&step.job).map_or("?", String::as_str);
        let with = match step.what {
            What::Failed(category) => format!("({category})"),
            What::Dead(reason, category) => format!("({reason},{category})"),
            What::Held(reason) => format!("({reason})"),
            What::Cancelled(Some(reason)) => format!("({reason})"),
            What::Progress { percent } => format!("({percent})"),
            What::Reprioritised(priority) => format!("({priority})"),
            What::Moved | What::MovedAway => format!("({})", step.queue),
            _ => String::new(),
        };
        format!("{name}:{}{with}:{}#{}", step.what.kind(), step.state, step.attempt)
    }
}
