//! Pages of runs that were read a moment ago, as they are before encryption. The oldest make room.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::page::PAGE_BYTES;

/// A page of a run.
type PageId = (u64, u32);

/// Keeps at most so many pages.
pub(super) struct PageCache {
    pages_max: usize,
    kept: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    pages: BTreeMap<PageId, Arc<Vec<u8>>>,
    order: VecDeque<PageId>,
}

impl PageCache {
    /// For so many bytes.
    pub(super) fn new(bytes_max: usize) -> Self {
        Self { pages_max: bytes_max / PAGE_BYTES, kept: Mutex::default() }
    }

    pub(super) fn get(&self, run: u64, page: u32) -> Option<Arc<Vec<u8>>> {
        self.kept().pages.get(&(run, page)).cloned()
    }

    pub(super) fn put(&self, run: u64, page: u32, content: &Arc<Vec<u8>>) {
        if self.pages_max == 0 {
            return;
        }
        let mut kept = self.kept();
        // Another thread may have read the same one.
        if kept.pages.insert((run, page), Arc::clone(content)).is_some() {
            return;
        }
        kept.order.push_back((run, page));
        while kept.order.len() > self.pages_max {
            if let Some(oldest) = kept.order.pop_front() {
                kept.pages.remove(&oldest);
            }
        }
    }

    /// How many there are.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.kept().pages.len()
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        // Why poison is no news: nothing between these locks and unlocks panics halfway.
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_pages_make_room() {
        let cache = PageCache::new(3 * PAGE_BYTES);
        for page in [1, 2, 2, 3, 4] {
            cache.put(7, page, &Arc::new(vec![9]));
        }
        assert_eq!(cache.len(), 3);
        assert!(cache.get(7, 1).is_none() && cache.get(8, 4).is_none());
        assert_eq!(cache.get(7, 2), Some(Arc::new(vec![9])));
        assert!(cache.get(7, 4).is_some());
        let none = PageCache::new(PAGE_BYTES - 1);
        none.put(7, 1, &Arc::new(vec![]));
        assert_eq!(none.len(), 0);
    }
}
