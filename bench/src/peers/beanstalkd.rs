//! Beanstalkd's own text protocol: put, reserve, delete. It has no batches; ours are sent in one
//! write each and answered one by one, which it allows.

use crate::body::{BODY_BYTES, Ledger};
use crate::failure::{Failure, Tried as _};
use crate::threads::Client;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

const LINE_BYTES_MAX: u64 = 4_096;
/// The answer to `stats-tube` is a page of text.
const PAGE_BYTES_MAX: usize = 1 << 16;
const ANSWER_TIME_MAX: Duration = Duration::from_secs(60);

/// One connection.
pub(crate) struct Beanstalkd {
    incoming: BufReader<TcpStream>,
    outgoing: Vec<u8>,
}

impl Client for Beanstalkd {
    fn open(address: SocketAddr, _lane: u32) -> Result<Self, Failure> {
        let stream = TcpStream::connect(address).tried("connect to beanstalkd")?;
        stream.set_nodelay(true).tried("set up the connection")?;
        stream.set_read_timeout(Some(ANSWER_TIME_MAX)).tried("set up the connection")?;
        Ok(Self { incoming: BufReader::with_capacity(1 << 16, stream), outgoing: Vec::new() })
    }

    fn step(&mut self, batch: u32, ledger: &mut Ledger) -> Result<(), Failure> {
        for _ in 0..batch {
            // Priority 0, no delay, a minute to run.
            self.outgoing.extend_from_slice(format!("put 0 0 60 {BODY_BYTES}\r\n").as_bytes());
            self.outgoing.extend_from_slice(&ledger.produce());
            self.outgoing.extend_from_slice(b"\r\n");
        }
        self.send()?;
        for _ in 0..batch {
            self.expect("INSERTED ")?;
        }
        for _ in 0..batch {
            self.outgoing.extend_from_slice(b"reserve-with-timeout 30\r\n");
        }
        self.send()?;
        for _ in 0..batch {
            let said = self.expect("RESERVED ")?;
            let (id, bytes) = said.split_once(' ').unwrap_or_default();
            let bytes = bytes.parse().tried("read a length")?;
            let body = self.page(bytes)?;
            ledger.take(&body)?;
            self.outgoing.extend_from_slice(format!("delete {id}\r\n").as_bytes());
        }
        self.send()?;
        for _ in 0..batch {
            self.expect("DELETED")?;
        }
        Ok(())
    }

    fn left(&mut self) -> Result<u64, Failure> {
        self.outgoing.extend_from_slice(b"stats-tube default\r\n");
        self.send()?;
        let bytes = self.expect("OK ")?.parse().tried("read a length")?;
        let page = self.page(bytes)?;
        waiting(&String::from_utf8_lossy(&page))
            .ok_or_else(|| Failure::new("beanstalkd told no numbers of jobs"))
    }
}

impl Beanstalkd {
    fn send(&mut self) -> Result<(), Failure> {
        self.incoming.get_mut().write_all(&self.outgoing).tried("send to beanstalkd")?;
        self.outgoing.clear();
        Ok(())
    }

    /// The rest of a line that begins like this.
    fn expect(&mut self, word: &str) -> Result<String, Failure> {
        let mut line = String::new();
        (&mut self.incoming).take(LINE_BYTES_MAX).read_line(&mut line).tried("read from beanstalkd")?;
        let rest = line.trim_end().strip_prefix(word).map(str::to_owned);
        rest.ok_or_else(|| Failure::new(format!("beanstalkd said `{}` instead of {word}", line.trim_end())))
    }

    /// So many bytes and the end of a line.
    fn page(&mut self, bytes: usize) -> Result<Vec<u8>, Failure> {
        if bytes > PAGE_BYTES_MAX {
            return Err(Failure::new("beanstalkd sent more than it was given"));
        }
        let mut page = vec![0; bytes + 2];
        self.incoming.read_exact(&mut page).tried("read from beanstalkd")?;
        page.truncate(bytes);
        Ok(page)
    }
}

/// Jobs in any state, added up.
fn waiting(page: &str) -> Option<u64> {
    let states = ["ready", "reserved", "delayed", "buried"].map(|state| format!("current-jobs-{state}: "));
    let of =
        |name: &String| page.lines().find_map(|line| line.strip_prefix(name.as_str()))?.parse::<u64>().ok();
    states.iter().map(of).sum::<Option<u64>>()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jobs_in_every_state_are_counted() {
        let page = "---\nname: default\ncurrent-jobs-urgent: 9\ncurrent-jobs-ready: 1\ncurrent-jobs-reserved: 2\ncurrent-jobs-delayed: 0\ncurrent-jobs-buried: 4\n";
        assert_eq!(waiting(page), Some(7));
        assert_eq!(waiting(&page.replace("buried", "bored")), None);
    }
}
