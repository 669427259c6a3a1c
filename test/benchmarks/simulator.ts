/**
 * Events of the simulator for each second of a core, beside the loop that every simulation is at least: take the next event
 * from the heap, put another in. By the time that this thread had the processor. Alone: `node test/benchmarks/simulator.ts`.
 */
import { Random } from '../../src/base/random.ts';
import { EventQueue } from '../../src/simulator/event-queue.ts';
import { run } from '../../src/simulator/run.ts';
import type { Subject } from '../../src/simulator/subject.ts';
import { powSubject } from '../../src/simulator/subjects/pow.ts';
import { type BenchRow, interleave, printRows, ratioOf } from './row.ts';

/** Without crypto: signatures and proofs are tags, but headers are hashed. */
const WANTED_PER_SECOND = 200_000;
const ROUNDS = 7;
const HEAP_EVENTS = 1_000_000;
/** What waits in the queue of a busy network. */
const PENDING = 200;
const MAX_DELAY_US = 100_000;
/** Networks of two to seven nodes, for so many events each, as in the batch of the tests. */
const NODES = [2, 3, 4, 5, 6, 7];
const FAULT_EVENTS = 19_000;
const FAULTS_MS = 4 * 3_600_000;
const US_PER_SECOND = 1_000_000;

export async function benchSimulator(): Promise<BenchRow[]> {
  const { heap, pow } = await interleave({ heap: turnHeap, pow: () => simulate(powSubject) }, ROUNDS);
  const wanted = `${(pow / WANTED_PER_SECOND).toFixed(2)} of the ${WANTED_PER_SECOND.toLocaleString('en-US')} wanted`;
  return [
    { name: 'bare heap loop', value: heap, unit: 'events/s', note: `${PENDING} events wait` },
    {
      name: 'proof-of-work',
      value: pow,
      unit: 'events/s',
      ratio: ratioOf(pow, heap, 'heap loop'),
      note: `events that the world's queue delivers, with faults, all checkers and hashed headers; ${wanted}`,
    },
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

function simulate(subject: Subject): number {
  return perCoreSecond(() => {
    const results = NODES.map((nodes) =>
      run({ subject, seed: String(nodes), options: { nodes, faultsMs: FAULTS_MS }, faultEvents: FAULT_EVENTS }),
    );
    const failed = results.find(({ ok }) => !ok);
    if (failed !== undefined) console.log(`  ${subject.name}, seed ${failed.plan.seed}: ${failed.violations[0]?.message}`);
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
