/**
 * The batch of proof-of-stake that every change has to pass: seeds as they come, and a run for each way to misbehave, since seeds have
 * too many of them to meet all. Faults end after so many events, as in `pow-batch.test.ts`; what is owed after them, until
 * finality has come back, costs some thousand more. One seed alone: synod simulate --engine pos --duration 1800 --events 5000 --seed 7
 */
import { beforeAll, describe, expect, it } from 'vitest';
import type { SeedReport, SeedTask } from '../../src/cli/seeds/task.ts';
import { runOnThreads } from '../../src/cli/seeds/threads.ts';
import type { Fault } from '../../src/simulator/faults.ts';
import { COMMON_MARKS } from '../../src/simulator/marks.ts';
import { FOR_EVER_MS } from '../../src/simulator/schedule.ts';
import { posSubject } from '../../src/simulator/subjects/pos.ts';
import { missedMarks, Tally } from '../../src/simulator/tally.ts';

const SEEDS = 40;
const FAULT_EVENTS = 5_000;
const FAULTS_MS = 1_800_000;
/** As many as bear a twin, who takes two places, and one more. */
const ROLE_NODES = 7;
const ROLE_EVENTS = 3_000;
/** Every so many-th seed is run twice. */
const TWICE_EVERY = 10;
const THREADS = 2;
const LIMIT_MS = 600_000;
/** Of real time, for some thousand events: a machine that is busy with much else is not to be taken for an endless loop. */
const SLICE_LIMIT_MS = 120_000;

function taskOf(seed: string, faultEvents: number): SeedTask {
  return { engine: 'pos', seed, options: { faultsMs: FAULTS_MS }, limits: { faultEvents, sliceLimitMs: SLICE_LIMIT_MS } };
}

/** A node that misbehaves from the beginning, and nothing else that goes wrong. */
function roleTask(behaviour: string): SeedTask {
  const role: Fault = { fault: 'byzantine', node: 0, behaviour, atMs: 0, forMs: FOR_EVER_MS };
  const options = { nodes: ROLE_NODES, survivors: Array.from({ length: ROLE_NODES }, (_, place) => place), faultsMs: FAULTS_MS };
  return { ...taskOf(`role ${behaviour}`, ROLE_EVENTS), options, schedule: [role] };
}

function* tasks(): Generator<SeedTask, undefined> {
  for (let seed = 1; seed <= SEEDS; seed++) yield { ...taskOf(String(seed), FAULT_EVENTS), isRepeated: seed % TWICE_EVERY === 0 };
  for (const behaviour of posSubject.behaviours.keys()) yield roleTask(behaviour);
}

describe(`${SEEDS} seeds of proof-of-stake, and each way to misbehave`, () => {
  const reports: SeedReport[] = [];
  const tally = new Tally([...COMMON_MARKS, ...posSubject.marks]);

  beforeAll(async () => {
    const startedMs = performance.now();
    await runOnThreads({ jobs: THREADS, tasks: tasks(), onReport: (report) => reports.push(report) });
    for (const report of reports) tally.add(report);
    const seconds = (performance.now() - startedMs) / 1_000;
    console.log(`${tally.events} events, ${Math.round(tally.events / seconds)}/s on ${THREADS} threads that were not alone`);
  }, LIMIT_MS);

  it('violate nothing that their faults do not excuse', () => {
    const failed = reports.filter(({ ok }) => !ok);
    expect(failed.map(({ seed, violations }) => [seed, violations.find(({ expected }) => !expected)])).toEqual([]);
  });

  it('are the same when they are run twice', () => {
    const repeated = reports.filter(({ isStable }) => isStable !== null);
    expect(repeated).toHaveLength(SEEDS / TWICE_EVERY);
    expect(repeated.filter(({ isStable }) => !isStable).map(({ seed }) => seed)).toEqual([]);
  });

  it('are as many as they should be, and long enough', () => {
    expect(reports).toHaveLength(SEEDS + posSubject.behaviours.size);
    expect(tally.events).toBeGreaterThan(SEEDS * FAULT_EVENTS + posSubject.behaviours.size * ROLE_EVENTS);
  });

  it('reach every mark of coverage', () => {
    expect(missedMarks(tally)).toEqual([]);
  });
});
