/** Making a failure smaller: ddmin against its definition, and whole runs whose cause is known. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { CheckerFactory } from '../../src/simulator/checkers/checker.ts';
import type { Fault } from '../../src/simulator/faults.ts';
import { type Result, run } from '../../src/simulator/run.ts';
import { ddmin, MAX_SHRINK_RUNS, shrink } from '../../src/simulator/shrink.ts';
import type { Subject } from '../../src/simulator/subject.ts';
import { subjectOf } from '../../src/simulator/subjects/custom.ts';
import { sequencerModule } from './engines/sequencer.ts';

const upTo = (count: number) => Array.from({ length: count }, (_, i) => i);

describe('ddmin', () => {
  it('finds exactly what is needed, wherever it is', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 60 }), fc.uniqueArray(fc.nat(59), { maxLength: 6 }), (length, needed) => {
        const causes = needed.filter((item) => item < length).toSorted((a, b) => a - b);
        const found = ddmin(upTo(length), (subset) => causes.every((cause) => subset.includes(cause)));
        expect(found).toEqual(causes);
      }),
      { seed: 1, numRuns: 200 },
    );
  });

  it('finds a list of which nothing can be spared, whatever makes it fail', () => {
    const anyTwo = (subset: readonly number[]) => subset.filter((item) => item % 3 === 0).length >= 2;
    const found = ddmin(upTo(40), anyTwo);
    expect(found).toHaveLength(2);
    expect(anyTwo(found)).toBe(true);
  });

  it('keeps the order, and asks for no more than the square of the length', () => {
    let asked = 0;
    const all = (subset: readonly number[]) => {
      asked++;
      return subset.length === 30;
    };
    expect(ddmin(upTo(30), all)).toEqual(upTo(30));
    expect(asked).toBeLessThan(30 * 30);
  });

  it('gives nothing where nothing is needed', () => {
    expect(ddmin(upTo(9), () => true)).toEqual([]);
    expect(ddmin([], () => false)).toEqual([]);
  });
});

describe('shrink', () => {
  /** Objects when a clog of node 2 begins while node 1 is down. */
  const planted: CheckerFactory = ({ report }) => {
    let isDown = false;
    return {
      name: 'Planted',
      observe(observation) {
        if (observation.type !== 'fault') return;
        const { fault, active } = observation;
        if (fault.fault === 'crash' && fault.node === 1) isDown = active;
        if (fault.fault === 'clog' && fault.node === 2 && active && isDown) report({ message: 'both at once' });
      },
    };
  };
  /** Objects to another thing, which smaller schedules bring about. */
  const distraction: CheckerFactory = ({ report }) => {
    let noises = 0;
    return {
      name: 'Distraction',
      observe(observation) {
        if (observation.type === 'fault' && observation.fault.fault === 'noise') noises++;
        if (observation.type === 'calm' && noises === 0) report({ message: 'it is too quiet' });
      },
    };
  };
  const OPTIONS = { nodes: 3, faultsMs: 60_000, transfersPerMinute: 0 };
  const CAUSE: readonly Fault[] = [
    { fault: 'crash', node: 1, atMs: 20_000, forMs: 9_000 },
    { fault: 'clog', node: 2, atMs: 24_000, forMs: 8_000 },
  ];
  const OTHERS: readonly Fault[] = [
    { fault: 'crash', node: 2, atMs: 1_000, forMs: 2_000 },
    { fault: 'noise', loss: 0.1, duplicate: 0, reorder: 0, atMs: 2_000, forMs: 5_000 },
    { fault: 'crash', node: 1, atMs: 5_000, forMs: 1_000 },
    { fault: 'clock', node: 0, offsetMs: 300, atMs: 10_000, forMs: 30_000 },
    { fault: 'partition', side: [0], direction: 'in', atMs: 15_000, forMs: 2_000 },
    { fault: 'slowDisk', node: 0, factor: 3, atMs: 21_000, forMs: 3_000 },
    { fault: 'clogLink', from: 0, to: 1, atMs: 22_000, forMs: 5_000 },
    { fault: 'clog', node: 2, atMs: 40_000, forMs: 2_000 },
    { fault: 'diskError', node: 1, atMs: 45_000, forMs: 1_000 },
  ];

  const failing = (invariants: Subject['invariants'], schedule = [...OTHERS, ...CAUSE]): Result => {
    const subject = { ...subjectOf(sequencerModule(), 'x.ts'), invariants };
    return run({ subject, seed: '1', options: OPTIONS, schedule: schedule.toSorted((a, b) => a.atMs - b.atMs) });
  };

  it('leaves the faults that it takes, as short as they may be, and fails by the same checker', () => {
    const steps: number[] = [];
    const failed = failing([planted, distraction]);
    expect(failed.violations.map(({ checker }) => checker)).toEqual(['Planted']);
    const { result, runs } = shrink(failed, (faults) => steps.push(faults));
    const { schedule, options } = result.plan;
    expect(schedule.map(({ fault }) => fault)).toEqual(['crash', 'clog']);
    const [crash, clog] = schedule;
    expect(crash).toMatchObject({ node: 1, atMs: 20_000, forMs: 4_500 });
    expect(clog).toMatchObject({ node: 2, atMs: 24_000 });
    expect(clog?.forMs).toBeLessThan(10);
    expect(options.faultsMs).toBeLessThan(30_000);
    expect(result.violations[0]).toMatchObject({ checker: 'Planted', atMs: 24_000 });
    expect(result.ok).toBe(false);
    expect(steps.at(-1)).toBe(2);
    expect(runs).toBeLessThanOrEqual(MAX_SHRINK_RUNS);
  });

  it('leaves no faults where none are needed', () => {
    const { result } = shrink(failing([distraction], [OTHERS[0] as Fault]));
    expect(result.plan.schedule).toEqual([]);
    expect(result.violations.map(({ checker }) => checker)).toEqual(['Distraction']);
  });

  it('gives back a run that did not fail', () => {
    const passed = failing([], []);
    expect(passed.ok).toBe(true);
    expect(shrink(passed).result).toBe(passed);
  });
});
