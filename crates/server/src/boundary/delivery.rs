//! What leaves with an answer and is taken back when the answer reaches nobody: leases, a session's hold.
//!
//! A handler puts it beside its answer ([`Authorized::carried`](crate::authz::Authorized::carried)); the
//! walk ties it to the answer's bytes. Whoever writes the answer lets go of the bytes once the transport has
//! taken the last of them, or when the connection is over: the first means delivered, the second does not.
//! What the transport has taken and the network lost is not known here: then the lease ends by time. It knows
//! nothing of what is carried.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use axum::body::Bytes;

/// Something that an answer carries. Dropped before [`Delivery::delivered`] was called, it goes back.
pub trait Delivery: Send + 'static {
    /// The answer is with the transport: what it carries is the caller's.
    fn delivered(self: Box<Self>);
}

/// The place for what one answer carries.
#[derive(Clone, Default)]
pub struct Carried(Arc<Mutex<Option<Box<dyn Delivery>>>>);

impl Carried {
    /// Lets the answer carry this.
    pub fn put(&self, delivery: impl Delivery) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(Box::new(delivery));
    }

    pub(super) fn take(&self) -> Option<Box<dyn Delivery>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl std::fmt::Debug for Carried {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Carried")
    }
}

/// The connection that a request came by, as far as its answers care: whether it is over.
#[derive(Clone, Debug, Default)]
pub struct Connection(Arc<AtomicBool>);

impl Connection {
    /// Says that it is over when it is dropped. It must be dropped before whatever writes the answers.
    pub fn held_open(&self) -> HeldOpen {
        HeldOpen(self.clone())
    }

    fn is_over(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }
}

/// A connection stands while this is there.
#[derive(Debug)]
pub struct HeldOpen(Connection);

impl Drop for HeldOpen {
    fn drop(&mut self) {
        self.0.0.store(true, Ordering::SeqCst);
    }
}

/// An answer's bytes as the transport takes them, without a copy. Without a known connection, who takes
/// them is there.
pub(super) fn tied(bytes: Vec<u8>, carried: Option<Box<dyn Delivery>>, by: Option<Connection>) -> Bytes {
    match carried {
        None => Bytes::from(bytes),
        carried => Bytes::from_owner(Tied { bytes, carried, by }),
    }
}

struct Tied {
    bytes: Vec<u8>,
    carried: Option<Box<dyn Delivery>>,
    by: Option<Connection>,
}

impl AsRef<[u8]> for Tied {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for Tied {
    fn drop(&mut self) {
        let over = self.by.as_ref().is_some_and(Connection::is_over);
        if let Some(carried) = self.carried.take().filter(|_| !over) {
            carried.delivered();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    struct Watched(mpsc::Sender<&'static str>, bool);

    impl Delivery for Watched {
        fn delivered(mut self: Box<Self>) {
            self.1 = true;
        }
    }

    impl Drop for Watched {
        fn drop(&mut self) {
            let _ = self.0.send(if self.1 { "delivered" } else { "back" });
        }
    }

    fn answer(by: &Connection) -> (Bytes, mpsc::Receiver<&'static str>) {
        let (said, heard) = mpsc::channel();
        let carried = Carried::default();
        carried.put(Watched(said, false));
        (tied(b"answer".to_vec(), carried.take(), Some(by.clone())), heard)
    }

    // covers JOB-5 (delivered is what the transport took to its end, on a connection that stands)
    #[test]
    fn what_an_answer_carries_is_delivered_with_its_last_byte_and_goes_back_with_the_connection() {
        let connection = Connection::default();
        let open = connection.held_open();
        let (mut taken, heard) = answer(&connection);
        let first = taken.split_to(3);
        drop(taken);
        assert!(heard.try_recv().is_err(), "a part of it is not written yet");
        drop(first);
        assert_eq!(heard.try_recv(), Ok("delivered"));

        let (cut, heard) = answer(&connection);
        drop(open);
        assert!(heard.try_recv().is_err());
        drop(cut);
        assert_eq!(heard.try_recv(), Ok("back"));
    }
}
