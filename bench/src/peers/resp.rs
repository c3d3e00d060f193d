//! Owns the bytes between us and Redis: commands out, replies in, many at a time.

use crate::failure::{Failure, Tried as _};
use std::io::{self, BufRead, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

/// Longer lines and texts are no replies to what is asked here.
const REPLY_BYTES_MAX: usize = 1 << 20;
/// Longer lists are no replies either, nor deeper ones.
const LIST_MAX: usize = 1 << 12;
const DEPTH_MAX: u32 = 6;
/// No answer takes longer from a server that is well.
const ANSWER_TIME_MAX: Duration = Duration::from_secs(60);
const REWRITE_TIME_MAX: Duration = Duration::from_secs(60);

/// One connection.
pub(crate) struct Connection {
    incoming: BufReader<TcpStream>,
    outgoing: Vec<u8>,
}

/// What came back for one command.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Reply {
    Text(Vec<u8>),
    Number(i64),
    List(Vec<Reply>),
    Nothing,
}

impl Connection {
    pub(crate) fn open(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(ANSWER_TIME_MAX))?;
        Ok(Self { incoming: BufReader::with_capacity(1 << 16, stream), outgoing: Vec::new() })
    }

    /// Adds a command to what is sent next.
    pub(crate) fn push(&mut self, words: &[&[u8]]) {
        encode(words, &mut self.outgoing);
    }

    /// Sends what was added, in one go.
    pub(crate) fn send(&mut self) -> io::Result<()> {
        self.incoming.get_mut().write_all(&self.outgoing)?;
        self.outgoing.clear();
        Ok(())
    }

    /// The next reply, in the order of the commands.
    pub(crate) fn reply(&mut self) -> Result<Reply, Failure> {
        decode(&mut self.incoming, DEPTH_MAX).tried("read a reply")
    }

    /// One command that is answered with a count.
    pub(crate) fn number(&mut self, words: &[&[u8]]) -> Result<u64, Failure> {
        self.push(words);
        self.send().tried("ask for a count")?;
        match self.reply()? {
            Reply::Number(number) => u64::try_from(number).tried("count"),
            _ => Err(Failure::new("Redis did not answer with a count")),
        }
    }

    /// Has the log written anew, which is then as short as what is stored, and waits for it: what one
    /// measurement wrote shall not fill the disk nor run into the next.
    pub(crate) fn rewrite_log(&mut self) -> Result<(), Failure> {
        self.push(&[b"BGREWRITEAOF"]);
        self.send().tried("ask for a new log")?;
        self.reply()?;
        let end = Instant::now() + REWRITE_TIME_MAX;
        while Instant::now() < end {
            self.push(&[b"INFO", b"persistence"]);
            self.send().tried("ask about the log")?;
            match self.reply()? {
                Reply::Text(text) if !is_rewriting(&text) => return Ok(()),
                _ => thread::sleep(Duration::from_millis(20)),
            }
        }
        Err(Failure::new("Redis did not finish writing its log anew"))
    }
}

fn encode(words: &[&[u8]], to: &mut Vec<u8>) {
    to.extend_from_slice(format!("*{}\r\n", words.len()).as_bytes());
    for word in words {
        to.extend_from_slice(format!("${}\r\n", word.len()).as_bytes());
        to.extend_from_slice(word);
        to.extend_from_slice(b"\r\n");
    }
}

fn is_rewriting(persistence: &[u8]) -> bool {
    let text = String::from_utf8_lossy(persistence);
    ["aof_rewrite_in_progress:1", "aof_rewrite_scheduled:1"].iter().any(|word| text.contains(word))
}

fn decode(from: &mut impl BufRead, depth: u32) -> io::Result<Reply> {
    let mut line = Vec::new();
    from.take(REPLY_BYTES_MAX as u64).read_until(b'\n', &mut line)?;
    let line = line.strip_suffix(b"\r\n").ok_or_else(|| odd("a reply that breaks off"))?;
    let (kind, rest) = line.split_first().ok_or_else(|| odd("an empty reply"))?;
    let number = || std::str::from_utf8(rest).ok().and_then(|text| text.parse::<i64>().ok());
    match kind {
        b'+' => Ok(Reply::Text(rest.to_vec())),
        b'-' => Err(odd(&String::from_utf8_lossy(rest))),
        b':' => number().map(Reply::Number).ok_or_else(|| odd("a number that is none")),
        b'$' => match number() {
            Some(-1) => Ok(Reply::Nothing),
            length => {
                let length = length.and_then(|length| usize::try_from(length).ok());
                let length = length
                    .filter(|length| *length <= REPLY_BYTES_MAX)
                    .ok_or_else(|| odd("a text without end"))?;
                let mut text = vec![0; length + 2];
                from.read_exact(&mut text)?;
                text.truncate(length);
                Ok(Reply::Text(text))
            }
        },
        b'*' => match number() {
            Some(-1) => Ok(Reply::Nothing),
            length => {
                let length = length.and_then(|length| usize::try_from(length).ok());
                let length = length.filter(|length| *length <= LIST_MAX && depth > 0);
                let length = length.ok_or_else(|| odd("a list without end"))?;
                (0..length).map(|_| decode(from, depth - 1)).collect::<io::Result<_>>().map(Reply::List)
            }
        },
        _ => Err(odd("a reply of another kind")),
    }
}

fn odd(what: &str) -> io::Error {
    io::Error::other(format!("redis sent {what}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_and_replies_have_their_lengths_in_front() {
        let mut bytes = Vec::new();
        encode(&[b"LPUSH", b"q", b"a\r\nb"], &mut bytes);
        assert_eq!(bytes, b"*3\r\n$5\r\nLPUSH\r\n$1\r\nq\r\n$4\r\na\r\nb\r\n");
        let mut replies: &[u8] = b"*2\r\n:1\r\n*-1\r\n:7\r\n$4\r\na\r\nb\r\n$-1\r\n+OK\r\n-ERR no\r\n:";
        let mut next = || decode(&mut replies, 1);
        let list = Reply::List(vec![Reply::Number(1), Reply::Nothing]);
        assert_eq!(next().expect("a list"), list);
        assert_eq!(next().expect("a number"), Reply::Number(7));
        assert_eq!(next().expect("a text"), Reply::Text(b"a\r\nb".to_vec()));
        assert_eq!(next().expect("nothing"), Reply::Nothing);
        assert_eq!(next().expect("a word"), Reply::Text(b"OK".to_vec()));
        assert!(next().expect_err("an error").to_string().contains("ERR no"));
        assert!(next().is_err());
        assert!(decode(&mut &b"*1\r\n*1\r\n:1\r\n"[..], 1).is_err());
        assert!(decode(&mut &b"*4097\r\n"[..], 1).is_err());
    }

    #[test]
    fn a_log_that_is_still_being_written_is_seen() {
        assert!(is_rewriting(b"x:1\r\naof_rewrite_in_progress:1\r\n"));
        assert!(is_rewriting(b"aof_rewrite_scheduled:1\r\n"));
        assert!(!is_rewriting(b"aof_rewrite_in_progress:0\r\naof_rewrite_scheduled:0\r\n"));
    }
}
