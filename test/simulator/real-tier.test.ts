import { describe, expect, test } from 'vitest';
import { Random } from '../../src/base/random.ts';
import { Address } from '../../src/base/types.ts';
import { runBatchIn } from '../../src/simulator/batch.ts';
import type { Fault } from '../../src/simulator/faults.ts';
import { checkLinearizable } from '../../src/simulator/linearizability.ts';
import { AsyncWork } from '../../src/simulator/real/async-work.ts';
import { REAL_RANGES } from '../../src/simulator/real/ranges.ts';
import { type RealTierOptions, realTier } from '../../src/simulator/real/real-tier.ts';
import { carryOutReal, planReal, REAL_RUNNER } from '../../src/simulator/real/run.ts';
import { COUNTER } from '../../src/simulator/real/visits.ts';
import { Course, type Plan, type Result } from '../../src/simulator/run.ts';
import { subjectOf } from '../../src/simulator/subjects/custom.ts';
import { powSubject } from '../../src/simulator/subjects/pow.ts';
import type { TraceSink } from '../../src/simulator/trace.ts';
import { sequencerModule } from './engines/sequencer.ts';
import { ForgetfulDatabase, TornDatabase } from './real-tier-databases.ts';

/** A time limit for each slice costs more than the slice. */
const UNWATCHED = { sliceLimitMs: Number.POSITIVE_INFINITY };
const SECONDS = 1_000;

/** What nothing excuses. */
const failures = ({ violations }: Result) => violations.filter(({ expected }) => !expected);

describe('seeds', () => {
  test('hold, reach the marks of this tier, and are the same twice', { timeout: 90 * SECONDS }, async () => {
    const seeds = Array.from({ length: 10 }, (_, seed) => String(seed + 1));
    const options = { transfersPerMinute: 15 };
    const batch = await runBatchIn(REAL_RUNNER, { ...UNWATCHED, subject: powSubject, seeds, options, faultEvents: 1_000, twiceEvery: 5 });
    expect(batch.failed.flatMap(failures)).toEqual([]);
    expect(batch.unstable).toEqual([]);
    expect(batch.events).toBeGreaterThan(10_000);
    for (const mark of ['a block creates a contract', 'a block calls a contract', 'a reorganisation']) {
      expect([mark, batch.marks.get(mark)]).not.toEqual([mark, 0]);
    }
  });

  test('are drawn within the ranges of this tier', () => {
    for (let seed = 0; seed < 100; seed++) {
      const { options, tier } = planReal({ subject: powSubject, seed: String(seed) });
      expect(tier).toBe('real');
      expect(options.nodes).toBeGreaterThanOrEqual(REAL_RANGES.nodes.low);
      expect(options.nodes).toBeLessThanOrEqual(REAL_RANGES.nodes.high);
      expect(options.faultsMs).toBeLessThanOrEqual(REAL_RANGES.faultsMs.high);
    }
  });

  test('of an engine with a log and instant finality hold as well', { timeout: 60 * SECONDS }, async () => {
    const subject = subjectOf(sequencerModule(), 'sequencer');
    const options = { nodes: 3, faultsMs: 20_000, transfersPerMinute: 60 };
    const batch = await runBatchIn(REAL_RUNNER, { ...UNWATCHED, subject, seeds: ['1', '2', '3'], options, faultEvents: 1_000 });
    expect(batch.failed.flatMap(failures)).toEqual([]);
    expect(batch.marks.get('a block calls a contract')).toBeGreaterThan(0);
  });
});

test('coming to rest more often than needed changes nothing', { timeout: 60 * SECONDS }, async () => {
  const plan = planReal({ subject: powSubject, seed: '2', options: { nodes: 3, faultsMs: 60_000, transfersPerMinute: 20 } });
  const work = new AsyncWork();
  const course = new Course(plan, await realTier(plan.subject, plan.options, work), null, UNWATCHED);
  while (course.goesOn) {
    let hasStepped = false;
    course.slice(() => {
      const isDue = hasStepped;
      hasStepped = true;
      return isDue;
    });
    work.touch();
    await work.settle();
    await course.simulation.settle();
  }
  const expected = await carryOutReal(plan, null, UNWATCHED);
  expect(course.end()).toEqual(expected);
  expect(expected.stats.events).toBeGreaterThan(300);
});

describe('counts that clients of a contract learn', () => {
  const contract = Address(`0x${'c0'.repeat(20)}`);
  const visit = (output: bigint | undefined, callMs: number, returnMs: number) => ({
    client: 0,
    input: contract,
    output,
    callMs,
    returnMs,
  });
  const never = visit(undefined, 0, Number.POSITIVE_INFINITY);

  test('are of one order of the visits, with those that never returned or without', () => {
    expect(checkLinearizable(COUNTER, [visit(2n, 0, 10), visit(1n, 5, 20), never]).result).toBe('linearizable');
    expect(checkLinearizable(COUNTER, [visit(1n, 0, 10), visit(3n, 20, 30), never]).result).toBe('linearizable');
  });

  test('are found out when two learn the same, or a later one learns less', () => {
    expect(checkLinearizable(COUNTER, [visit(1n, 0, 10), visit(1n, 5, 20), never]).result).toBe('illegal');
    expect(checkLinearizable(COUNTER, [visit(2n, 0, 10), visit(1n, 20, 30)]).result).toBe('illegal');
  });
});

/** Three nodes with blocks every two seconds. */
function planned(seed: string, faultsMs: number, schedule: readonly Fault[]): Plan {
  return planReal({
    subject: powSubject,
    seed,
    schedule,
    options: {
      nodes: 3,
      survivors: [0, 1, 2],
      faultsMs,
      diskWriteMs: 400,
      executionMs: 50,
      latencyMs: 20,
      jitterMs: 5,
      transfersPerMinute: 40,
      hashRates: [300, 300, 300],
      engine: { blockTimeSeconds: 2, pauseAfterSeconds: 0, minimumDifficulty: 50, blockRewardWei: 5 },
    },
  });
}

describe('a node that is killed in the middle of a reorganisation', () => {
  const partition: Fault = { fault: 'partition', side: [0], direction: 'both', atMs: 5_000, forMs: 20_000 };

  /** When node 0 begins to write reorganisations, and when they are on its disk. */
  async function batches(): Promise<readonly { readonly fromMs: number; readonly toMs: number }[]> {
    const found: { fromMs: number; toMs: number }[] = [];
    let fromMs: number | null = null;
    const sink: TraceSink = ({ atUs, kind, node, data }) => {
      if (node === 0 && kind === 'head') fromMs = Number(data?.removed) > 0 ? atUs / 1_000 : fromMs;
      if (node !== 0 || kind !== 'durable' || fromMs === null) return;
      found.push({ fromMs, toMs: atUs / 1_000 });
      fromMs = null;
    };
    await carryOutReal(planned('1', 40_000, [partition]), sink, UNWATCHED);
    return found;
  }

  test('has all of it or nothing, on either edge of the batch and within it', { timeout: 60 * SECONDS }, async () => {
    const [reorganisation] = (await batches()).filter(({ fromMs }) => fromMs < 39_000);
    if (reorganisation === undefined) throw new RangeError('the partition led to no reorganisation');
    const { fromMs, toMs } = reorganisation;
    expect(toMs).toBeGreaterThan(fromMs);
    for (const atMs of [fromMs, fromMs + 0.001, (fromMs + toMs) / 2, toMs - 0.001, toMs, toMs + 0.001]) {
      const result = await carryOutReal(planned('1', 40_000, [partition, { fault: 'crash', node: 0, atMs, forMs: 500 }]), null, UNWATCHED);
      expect([atMs, failures(result)]).toEqual([atMs, []]);
      if (atMs > fromMs && atMs < toMs) expect(result.marks).toContain('a crash during a reorganisation');
    }
  });
});

describe('a node that is killed again and again', () => {
  /** Crashes, write errors and reorganisations, so dense that they meet. */
  function hammered(seed: string): Plan {
    const random = new Random(seed);
    const faultsMs = 100_000;
    const schedule: Fault[] = [];
    for (let atMs = 10_000; atMs < faultsMs; atMs += 1_000 + random.below(6_000)) {
      const node = random.below(3);
      const forMs = 100 + random.below(3_000);
      if (random.chance(0.6)) schedule.push({ fault: 'crash', node, atMs, forMs });
      else if (random.chance(0.4)) schedule.push({ fault: 'diskError', node, atMs, forMs });
      else schedule.push({ fault: 'partition', side: [node], direction: 'both', atMs, forMs: 5 * forMs });
    }
    return planned(seed, faultsMs, schedule);
  }

  const run = (seed: string, choices: RealTierOptions = {}) => carryOutReal(hammered(seed), null, UNWATCHED, choices);

  test('is like one that was not, and loses nothing that it acknowledged', { timeout: 60 * SECONDS }, async () => {
    const result = await run('1');
    expect(failures(result)).toEqual([]);
    expect(result.marks).toEqual(expect.arrayContaining(['a disk error stopped a node', 'a crash lost a head that was not durable']));
  });

  test('is found out when its database forgets a batch that it acknowledged', { timeout: 60 * SECONDS }, async () => {
    const result = await run('1', { newDatabase: (work) => new ForgetfulDatabase(work) });
    expect(failures(result)).not.toEqual([]);
  });

  test('is found out when a crash leaves half of a batch', { timeout: 60 * SECONDS }, async () => {
    const found: string[] = [];
    for (let seed = 1; seed <= 4 && found.length === 0; seed++) {
      const result = await run(String(seed), { newDatabase: (work) => new TornDatabase(work) });
      found.push(...failures(result).map(({ checker }) => checker));
    }
    expect(found).not.toEqual([]);
  });
});
