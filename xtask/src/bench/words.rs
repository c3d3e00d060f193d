//! Owns the words around the figures in `docs/benchmarks.md`.

pub(super) const HEAD: &str = "\
# Benchmarks

Written by a program; repeat it with

```sh
cargo xtask bench
```

It builds the release profile, fetches the other servers from the distribution and the npm registry without installing
them (`bench/fetch.sh`), starts all of them on loopback, each with an empty directory on the same disk, and leaves
nothing behind. Nothing else should run meanwhile: clients and servers share the processors, as they did here.
`--peers nats,postgres` takes some of them, `--out FILE` writes elsewhere.

";

pub(super) const CYCLE: &str = "\
Every connection repeats: produce a batch of jobs with 1 KiB bodies and wait until they are confirmed, take as many and
wait, acknowledge them and wait. With Sealane each body is sealed before and opened after, the connection is TLS 1.3,
every request is authenticated, authorised and audited, everything stored is encrypted, and each of the three answers
comes after an fdatasync. The others get plain text over TCP on loopback, without TLS; RabbitMQ and PostgreSQL know a
user without a secret, the rest nobody. Each body says which job it is. After each
run the jobs that came back are compared with those that were produced, and the server must have none left.";

pub(super) const BESIDE: &str = "\
Each of them is given what helps it:

- Redis: no snapshots, and its log is rewritten between runs only. Lists: `LPUSH`, `LMOVE` to a working list for each
  connection, `LREM`, pipelined by the batch. Streams: `XADD` pipelined, `XREADGROUP`, then `XACK` and `XDEL` together.
- BullMQ: two processes, connections shared so that commands are sent together, finished jobs removed, no renewal of
  locks. A job is fetched and completed by a command each; its own worker loop fetches the next with the completion.
- RabbitMQ: confirms awaited by the batch, deliveries pushed ahead, one acknowledgement for a batch, which has no answer
  to wait for. One node, so its log is nowhere else.
- NATS: publications and acknowledgements awaited by the batch, one fetch for a batch.
- PostgreSQL: a batch is one statement; a row is deleted in a transaction that stays open while it is worked, which
  saves the third sync.
- beanstalkd has no batches; there they are sent in one write and answered one by one.

The clients of the others are in `bench/`, in Rust, and in JavaScript for BullMQ, which is a library for it. On a shared machine like
this one rates move by a third from minute to minute; the ratio of two servers that took turns moves less, by about a
tenth.";

/// From a profile taken by hand; take a new one when the figures above have moved much.
pub(super) const WHERE: &str = "
## Where the time goes

Two processors run clients and server together, so the full cycle in batches is a matter of processor time, not of the
disk. A profile of 8 × 100, client and server together:

| share | what |
|---:|---|
| 24 % | ciphers and hashes: bodies, records, frames, receipts, TLS |
| 20 % | network, TLS records, HTTP, waking threads up |
| 14 % | memory: copying, allocating, freeing |
| 11 % | CBOR, written and read on both sides |
| 10 % | the kernel on its way to the disk |
| 8 % | the queue itself and its indexes |
| 13 % | everything else: checks, answers, the audit lines |

No single part stands out. What changed since the first figures: bodies travel as bytes, keys are prepared once, random
bytes come in blocks, bodies stored last are read from memory, zeros for new segments go past the cache, and the
program has an allocator that is quick across threads. Together they halved the cost of a full cycle.
";

pub(super) const TAIL: &str = "
## Your own server

`sealane bench` measures any server that you have an administrator's context for, and says how that server is set up;
[bench.md](bench.md) is about it.
";
