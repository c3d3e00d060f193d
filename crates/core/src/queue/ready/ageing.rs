//! Whose turn it is among the classes.

use crate::job::Priority;
use crate::limits;

pub(in crate::queue) const CLASSES: usize = Priority::ALL.len();
const CRITICAL: usize = 0;

/// How many hand-outs of more urgent classes each class has let pass since its own turn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Passed(pub(super) [u32; CLASSES]);

impl Passed {
    /// Whose turn it is, of those with anything to hand out.
    pub(super) fn next(self, has: [bool; CLASSES]) -> Option<usize> {
        if has[CRITICAL] {
            return Some(CRITICAL);
        }
        let overdue = (0..CLASSES)
            .filter(|class| has[*class] && self.0[*class] >= limits::AGEING_PASSES_MAX)
            .max_by_key(|class| self.0[*class]);
        overdue.or_else(|| (0..CLASSES).find(|class| has[*class]))
    }

    /// A job of this class was handed out. A class whose jobs only wait for the limits of their keys
    /// waits all the same: else a key with room for one would always give it to its more urgent jobs.
    pub(super) fn served(&mut self, served: usize, waits: [bool; CLASSES]) {
        for (class, (passes, waits)) in self.0.iter_mut().zip(waits).enumerate() {
            if class == served || !waits {
                *passes = 0;
            } else if class > served && served != CRITICAL {
                *passes = passes.saturating_add(1);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [bool; CLASSES] = [true; CLASSES];

    fn without(class: usize) -> [bool; CLASSES] {
        std::array::from_fn(|other| other != class)
    }

    #[test]
    fn what_critical_jobs_pass_does_not_age() {
        let mut passed = Passed::default();
        (0..2 * limits::AGEING_PASSES_MAX).for_each(|_| passed.served(CRITICAL, ALL));
        assert_eq!(passed.next(without(CRITICAL)), Some(1), "the more urgent one, since nobody is overdue");
        (0..limits::AGEING_PASSES_MAX).for_each(|_| passed.served(1, ALL));
        assert_ne!(passed.next(without(CRITICAL)), Some(1));
    }

    #[test]
    fn a_class_that_nobody_waits_in_forgets_what_it_let_pass() {
        let (mut passed, last) = (Passed::default(), CLASSES - 1);
        (0..limits::AGEING_PASSES_MAX).for_each(|_| passed.served(1, ALL));
        (0..CLASSES).for_each(|class| passed.served(1, without(class)));
        assert_eq!(passed.next(std::array::from_fn(|class| class == 1 || class == last)), Some(1));
    }
}
