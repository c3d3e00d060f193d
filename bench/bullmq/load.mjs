// node load.mjs PORT CONNECTIONS BATCH MILLISECONDS [SHARE OF SHARES]: full cycles against BullMQ, for a
// time, counted and checked; prints one line of JSON.
//
// BullMQ is this library: it has no server of its own beside Redis, so its users' processes are its
// price as well. In its favour: lanes share connections, which it then uses by the batch; finished jobs
// are removed; locks are long enough not to be renewed; and there are two processes, since one runs on
// one processor only.

import { fork } from "node:child_process";
import { createHash } from "node:crypto";
import { Queue, Worker } from "bullmq";
import { Redis } from "ioredis";

const QUEUE = "jobs";
const FILL = "x".repeat(1024 - 16);
const EMPTY_LOOKS_MAX = 10_000;
const PROCESSES = 2;

const [port, connections, batch, milliseconds, share] = process.argv.slice(2).map(Number);

function connect() {
  return new Redis({ port, maxRetriesPerRequest: null, enableAutoPipelining: true, retryStrategy: () => null });
}

function open() {
  const connections = [connect(), connect()];
  const queue = new Queue(QUEUE, { connection: connections[0], defaultJobOptions: { removeOnComplete: true } });
  const options = { connection: connections[1], autorun: false, lockDuration: 300_000, skipLockRenewal: true };
  const worker = new Worker(QUEUE, null, options);
  // The library leaves connections that it was given open, and with them the process.
  const close = async () => {
    await worker.close();
    await queue.close();
    for (const connection of connections) connection.disconnect();
  };
  return { queue, worker, close };
}

// A number that stands for a job, so that all that was produced can be compared with all that came back.
function mixed(name) {
  return createHash("sha1").update(name).digest().readBigUInt64BE();
}

async function lane(number, { queue, worker }, until, seen) {
  const token = `lane-${number}`;
  let next = 0;
  const step = async () => {
    const names = Array.from({ length: batch }, () => `${number}:${next++}`.padStart(16, "0"));
    const jobs = names.map((name) => ({ name: "bench", data: name + FILL }));
    if (batch === 1) await queue.add("bench", jobs[0].data);
    else await queue.addBulk(jobs);
    for (const name of names) seen.produced += mixed(name);
    let left = batch;
    for (let looks = 0; left > 0; looks++) {
      if (looks > EMPTY_LOOKS_MAX) throw new Error("BullMQ does not hand out the jobs that were added");
      const wishes = Array.from({ length: left }, () => worker.getNextJob(token, { block: false }));
      const taken = (await Promise.all(wishes)).filter((job) => job);
      for (const job of taken) {
        if (job.data.length !== 1024) throw new Error("a body came back with another length");
        seen.taken += mixed(job.data.slice(0, 16));
      }
      await Promise.all(taken.map((job) => job.moveToCompleted("", token, false)));
      left -= taken.length;
    }
  };
  if (until === undefined) return step();
  while (performance.now() < until) {
    const begin = performance.now();
    await step();
    seen.steps.push((performance.now() - begin) * 1000);
  }
}

// One process: some of the lanes. The first line says that all are warm; told to go, it measures.
async function work(lanes) {
  const bull = open();
  const seen = { produced: 0n, taken: 0n, steps: [] };
  await Promise.all(lanes.map((number) => lane(`w${number}`, bull, undefined, seen)));
  process.send("warm");
  await new Promise((go) => process.once("message", go));
  const cpu = process.cpuUsage();
  const begin = performance.now();
  await Promise.all(lanes.map((number) => lane(number, bull, begin + milliseconds, seen)));
  const took = performance.now() - begin;
  const { user, system } = process.cpuUsage(cpu);
  process.send({ ...seen, produced: `${seen.produced}`, taken: `${seen.taken}`, took, cpu: user + system });
  await bull.close();
  process.disconnect();
}

function quantile(sorted, part) {
  return Math.round(sorted[Math.max(0, Math.ceil(sorted.length * part) - 1)] ?? 0);
}

async function all() {
  const processes = Math.min(PROCESSES, connections);
  const children = Array.from({ length: processes }, (_, share) =>
    fork(import.meta.filename, [port, connections, batch, milliseconds, share], { stdio: "inherit" }),
  );
  const said = (child) =>
    new Promise((told, failed) => {
      child.once("message", told);
      child.once("exit", () => failed(new Error("a process of the generator ended")));
    });
  try {
    await Promise.all(children.map(said));
    const results = children.map(said);
    for (const child of children) child.send("go");
    const done = await Promise.all(results);
    const sum = (of) => done.map(of).reduce((one, other) => one + other);
    const mask = (1n << 64n) - 1n;
    const produced = sum((one) => BigInt(one.produced)) & mask;
    if (produced !== (sum((one) => BigInt(one.taken)) & mask)) throw new Error("other jobs came back than were added");
    const { queue, close } = open();
    const left = await queue.getJobCountByTypes("wait", "active", "delayed", "prioritized", "failed", "completed");
    await queue.obliterate({ force: true });
    const redis = connect();
    await redis.bgrewriteaof();
    for (let tries = 0; /aof_rewrite_(in_progress|scheduled):1/.test(await redis.info("persistence")); tries++) {
      if (tries > 1000) throw new Error("Redis did not finish writing its log anew");
      await new Promise((later) => setTimeout(later, 20));
    }
    redis.disconnect();
    await close();
    if (left > 0) throw new Error(`BullMQ still has ${left} jobs that were completed`);
    const steps = done.flatMap((one) => one.steps).sort((one, other) => one - other);
    const jobs = steps.length * batch;
    console.log(
      JSON.stringify({
        jobs,
        jobs_per_s: (jobs * 1000) / Math.max(...done.map((one) => one.took)),
        p50_us: quantile(steps, 0.5),
        p99_us: quantile(steps, 0.99),
        client_cpu_us_per_job: sum((one) => one.cpu) / Math.max(jobs, 1),
      }),
    );
  } finally {
    for (const child of children) child.kill();
  }
}

if (share === undefined) {
  await all();
} else {
  const lanes = Array.from({ length: connections }, (_, number) => number);
  await work(lanes.filter((number) => number % Math.min(PROCESSES, connections) === share));
}
