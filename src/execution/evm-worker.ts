/** The entry of an EVM worker thread: takes one job after the other, and may be killed in the middle of any. */
import { parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads';
import { present } from '../base/assert.ts';
import { BoundedMap } from '../base/bounded.ts';
import { explain, RuleError } from '../base/errors.ts';
import type { Hash } from '../base/types.ts';
import { type CallHost, runCallJob } from './calls.ts';
import {
  type Answer,
  type Assignment,
  type Job,
  type JobKind,
  type JobResults,
  NO_JOB,
  READ_OPEN,
  type Read,
  type ReadAnswer,
  SIGNAL,
  type WorkerSettings,
} from './evm-protocol.ts';
import { KeptBlock } from './kept-block.ts';
import { runSimulation } from './simulation.ts';
import { buildTestBlock } from './test-block.ts';
import { TimeLimit } from './time-limit.ts';
import { runTraceJob } from './tracing/trace-job.ts';
import type { StateSource } from './types.ts';

/** About 10 MB of nodes and at most 6 MB of code. Both are named by their hashes, so neither can be out of date. */
const MAX_NODES = 20_000;
const MAX_CODES = 256;

const jobs = present(parentPort, 'the port to the node');
const { params, gasCap, reads, signal } = workerData as WorkerSettings;
const signals = new Int32Array(signal);

function read(question: Read): ReadAnswer {
  Atomics.store(signals, SIGNAL.read, READ_OPEN);
  reads.postMessage(question);
  Atomics.wait(signals, SIGNAL.read, READ_OPEN);
  return receiveMessageOnPort(reads)?.message as ReadAnswer;
}

function cached(capacity: number, type: 'node' | 'code'): (hash: Hash) => Uint8Array | undefined {
  const known = new BoundedMap<Hash, Uint8Array>(capacity);
  return (hash) => {
    const held = known.get(hash);
    if (held !== undefined) return held;
    const bytes = read({ type, hash });
    if (!(bytes instanceof Uint8Array)) return undefined;
    known.set(hash, bytes);
    return bytes;
  };
}

const source: StateSource = { node: cached(MAX_NODES, 'node'), code: cached(MAX_CODES, 'code') };

/** All of one job at a time. */
const kept = new KeptBlock();
let underway: number = NO_JOB;
const pacer = new TimeLimit(() => Atomics.load(signals, SIGNAL.interrupt) === underway);

function work(job: Job, host: CallHost): Promise<JobResults[JobKind]> {
  if (job.kind === 'trace') return runTraceJob(host, job.request);
  if (job.kind === 'simulate') return runSimulation(host, job.request);
  if (job.kind === 'buildTestBlock') return buildTestBlock(host, job.request);
  return runCallJob(job.kind, host, job.request, kept);
}

async function run(job: Job, timeoutMs: number): Promise<Answer> {
  pacer.begin(timeoutMs);
  const ancestorHash = (number: number) => read({ type: 'ancestor', number }) as Hash | undefined;
  const host = { params, source, gasCap, randomness: job.randomness, ancestorHash, pacer };
  try {
    return { type: 'done', result: await work(job, host) };
  } catch (error) {
    if (error instanceof RuleError) return { type: 'failed', blame: true, code: error.code, message: error.message };
    return { type: 'failed', blame: false, code: 'evm/failed', message: explain(error) };
  }
}

async function take(assignment: Assignment): Promise<void> {
  if (assignment.type === 'goOn') {
    Atomics.store(signals, SIGNAL.job, NO_JOB);
    return;
  }
  const { id, job, timeoutMs } = assignment;
  if (Atomics.compareExchange(signals, SIGNAL.job, NO_JOB, id) !== NO_JOB) return;
  underway = id;
  const outcome = await run(job, timeoutMs);
  const answer: Answer = pacer.wasInterrupted ? { type: 'interrupted' } : outcome;
  // Unless those after it were taken back meanwhile.
  Atomics.compareExchange(signals, SIGNAL.job, id, NO_JOB);
  jobs.postMessage(answer);
}

let turn: Promise<void> = Promise.resolve();
jobs.on('message', (assignment: Assignment) => {
  turn = turn.then(() => take(assignment));
});
jobs.postMessage({ type: 'ready' } satisfies Answer);
