/**
 * Events of the simulator for each second of a core, beside the loop that every simulation is at least: take the next event
 * from the heap, put another in. By the time that its thread had the processor; the thread is such as `synod simulate --jobs`
 * and the tests have. Alone: `node test/benchmarks/simulator.ts`.
 */
import { isMainThread, parentPort, Worker } from 'node:worker_threads';
import { useKeccak } from '../../src/base/keccak.ts';
import { Random } from '../../src/base/random.ts';
import { THREAD_LIMITS } from '../../src/cli/seeds/threads.ts';
import { keccak256 } from '../../src/execution/keccak.ts';
import { cheapHash } from '../../src/simulator/cheap-hash.ts';
import { EventQueue } from '../../src/simulator/event-queue.ts';
import { run } from '../../src/simulator/run.ts';
import { powSubject } from '../../src/simulator/subjects/pow.ts';
import { type BenchRow, interleave, printRows, ratioOf } from './row.ts';

/** Without crypto. Signatures and proofs are tags in every row; what is left of it is keccak-256 of headers and bodies. */
const WANTED_PER_SECOND = 200_000;
const ROUNDS = 5;
const HEAP_EVENTS = 1_000_000;
/** What waits in the queue of a busy network. */
const PENDING = 200;
const MAX_DELAY_US = 100_000;
/** Networks of two to seven nodes, for so many events each, as in the batch of the tests. */
const NODES = [2, 3, 4, 5, 6, 7];
const SMALL = 2;
const LARGE = 7;
const FAULT_EVENTS = 19_000;
const FAULTS_MS = 4 * 3_600_000;
const US_PER_SECOND = 1_000_000;

export function benchSimulator(): Promise<BenchRow[]> {
  return new Promise((resolve, reject) => {
    const thread = new Worker(new URL(import.meta.url), { resourceLimits: THREAD_LIMITS });
    thread.once('message', resolve);
    thread.once('error', reject);
  });
}

async function measure(): Promise<BenchRow[]> {
  const { heap, plain, hashed, small, large } = await interleave(
    {
      heap: turnHeap,
      plain: withoutCrypto(() => simulate(NODES)),
      hashed: () => simulate(NODES),
      small: withoutCrypto(() => simulate([SMALL])),
      large: withoutCrypto(() => simulate([LARGE])),
    },
    ROUNDS,
  );
  const share = (perSecond: number) =>
    `${(perSecond / WANTED_PER_SECOND).toFixed(2)} of the ${WANTED_PER_SECOND.toLocaleString('en-US')} wanted`;
  const row = (name: string, value: number, note = ''): BenchRow => ({
    name,
    value,
    unit: 'events/s',
    ratio: ratioOf(value, heap, 'heap loop'),
    note: `${share(value)}${note}`,
  });
  return [
    { name: 'bare heap loop', value: heap, unit: 'events/s', note: `${PENDING} events wait` },
    row('proof-of-work, without crypto', plain, '; events that the queue delivers, with faults and all checkers'),
    row('the same with keccak-256', hashed, ', as seeds are run'),
    // Few nodes build and check blocks most of the time, many send each other messages.
    row(`${SMALL} nodes, without crypto`, small),
    row(`${LARGE} nodes, without crypto`, large),
  ];
}

function withoutCrypto(work: () => number): () => number {
  return () => {
    useKeccak(cheapHash);
    try {
      return work();
    } finally {
      useKeccak(keccak256);
    }
  };
}

/** Each event does nothing but schedule the next one. */
function turnHeap(): number {
  const queue = new EventQueue();
  const random = new Random('heap');
  let nowUs = 0;
  const act = () => void queue.push(nowUs + random.below(MAX_DELAY_US), act);
  for (let i = 0; i < PENDING; i++) act();
  return perCoreSecond(() => {
    for (let events = 0; events < HEAP_EVENTS; events++) {
      const next = queue.pop(Number.POSITIVE_INFINITY);
      nowUs = next?.atUs ?? nowUs;
      next?.action?.();
    }
    return HEAP_EVENTS;
  });
}

function simulate(sizes: readonly number[]): number {
  return perCoreSecond(() => {
    const results = sizes.map((nodes) =>
      run({ subject: powSubject, seed: String(nodes), options: { nodes, faultsMs: FAULTS_MS }, faultEvents: FAULT_EVENTS }),
    );
    const failed = results.find(({ ok }) => !ok);
    if (failed !== undefined) console.log(`  seed ${failed.plan.seed}: ${failed.violations[0]?.message}`);
    return results.reduce((sum, { stats }) => sum + stats.events, 0);
  });
}

function perCoreSecond(work: () => number): number {
  const before = process.threadCpuUsage();
  const count = work();
  const { user, system } = process.threadCpuUsage(before);
  return (US_PER_SECOND * count) / (user + system);
}

if (!isMainThread) parentPort?.postMessage(await measure());
else if (import.meta.main) printRows('Simulator: events of one thread', await benchSimulator());
