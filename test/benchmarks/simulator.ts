/**
 * Events of the simulator for each second of a core, beside the loop that every simulation is at least: take the next event
 * from the heap, put another in. By the time that this thread had the processor. Alone: `node test/benchmarks/simulator.ts`.
 */
import { Random } from '../../src/base/random.ts';
import { EventQueue } from '../../src/simulator/event-queue.ts';
import { run } from '../../src/simulator/run.ts';
import { powSubject } from '../../src/simulator/subjects/pow.ts';
import { type BenchRow, interleave, printRows, ratioOf } from './row.ts';

/** Without crypto: signatures and proofs are tags, but headers are hashed. */
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

export async function benchSimulator(): Promise<BenchRow[]> {
  const { heap, mixed, small, large } = await interleave(
    { heap: turnHeap, mixed: () => simulate(NODES), small: () => simulate([SMALL]), large: () => simulate([LARGE]) },
    ROUNDS,
  );
  const share = (perSecond: number) =>
    `${(perSecond / WANTED_PER_SECOND).toFixed(2)} of the ${WANTED_PER_SECOND.toLocaleString('en-US')} wanted`;
  const row = (name: string, value: number, note: string): BenchRow => ({
    name,
    value,
    unit: 'events/s',
    ratio: ratioOf(value, heap, 'heap loop'),
    note: `${note}${share(value)}`,
  });
  return [
    { name: 'bare heap loop', value: heap, unit: 'events/s', note: `${PENDING} events wait` },
    row('proof-of-work', mixed, 'events that the queue delivers, with faults, all checkers and hashed headers; '),
    // Few nodes build and check blocks most of the time, many send each other messages.
    row(`${SMALL} nodes`, small, ''),
    row(`${LARGE} nodes`, large, ''),
  ];
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

if (import.meta.main) printRows('Simulator: events of one thread', await benchSimulator());
