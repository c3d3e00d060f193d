//! How many streams there may be, in all and of one principal.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sealane_api::problem::{Code, Problem};
use sealane_core::limits;
use sealane_core::name::Principal;

/// The streams that are open.
#[derive(Debug, Default)]
pub struct Streams {
    open: Mutex<Open>,
}

#[derive(Debug, Default)]
struct Open {
    all: usize,
    of: BTreeMap<Principal, usize>,
}

/// A stream's place among them. Dropped, it is free again.
#[derive(Debug)]
pub struct StreamPlace {
    streams: Arc<Streams>,
    principal: Principal,
}

impl Streams {
    /// Takes a place.
    ///
    /// # Errors
    /// When there is none left.
    pub fn take(self: &Arc<Self>, principal: &Principal) -> Result<StreamPlace, Problem> {
        let mut open = self.open();
        let own = open.of.get(principal).copied().unwrap_or(0);
        if own >= limits::EVENT_STREAMS_OF_PRINCIPAL_MAX {
            let most = limits::EVENT_STREAMS_OF_PRINCIPAL_MAX;
            let detail = format!("a principal has at most {most} streams of events open: close one first");
            return Err(Problem::new(Code::LimitExceeded, detail));
        }
        if open.all >= limits::EVENT_STREAMS_MAX {
            let most = limits::EVENT_STREAMS_MAX;
            let detail = format!("at most {most} streams of events are open at once: try again later");
            return Err(Problem::new(Code::LimitExceeded, detail));
        }
        open.all += 1;
        open.of.insert(principal.clone(), own + 1);
        drop(open);
        Ok(StreamPlace { streams: Arc::clone(self), principal: principal.clone() })
    }

    fn open(&self) -> MutexGuard<'_, Open> {
        // Why poison is let go: two numbers, each of which is written whole.
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for StreamPlace {
    fn drop(&mut self) {
        let mut open = self.streams.open();
        open.all -= 1;
        match open.of.get_mut(&self.principal) {
            Some(own) if *own > 1 => *own -= 1,
            _ => drop(open.of.remove(&self.principal)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn principal(number: usize) -> Principal {
        Principal::parse(&format!("p{number}")).unwrap()
    }

    #[test]
    fn a_principal_has_so_many_streams_and_no_more_until_one_is_closed() {
        let streams = Arc::new(Streams::default());
        let most = limits::EVENT_STREAMS_OF_PRINCIPAL_MAX;
        let mut open: Vec<_> = (0..most).map(|_| streams.take(&principal(1)).unwrap()).collect();
        assert_eq!(streams.take(&principal(1)).unwrap_err().code, Code::LimitExceeded);
        let other = streams.take(&principal(2)).expect("another principal has its own");
        open.pop();
        open.push(streams.take(&principal(1)).expect("one was closed"));
        assert!(streams.take(&principal(1)).is_err());
        drop((open, other));
        let left = streams.open();
        assert!((left.all, left.of.len()) == (0, 0), "nothing stays behind");
    }

    #[test]
    fn so_many_streams_are_open_and_no_more_until_one_is_closed() {
        let streams = Arc::new(Streams::default());
        let mut open: Vec<_> =
            (0..limits::EVENT_STREAMS_MAX).map(|number| streams.take(&principal(number)).unwrap()).collect();
        assert_eq!(streams.take(&principal(9_999)).unwrap_err().code, Code::LimitExceeded);
        open.pop();
        assert!(streams.take(&principal(9_999)).is_ok());
    }
}
