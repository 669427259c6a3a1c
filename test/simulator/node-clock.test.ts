import { expect, test } from 'vitest';
import { Random } from '../../src/base/random.ts';
import { readFault } from '../../src/simulator/fault-codec.ts';
import { NodeClock } from '../../src/simulator/node-clock.ts';
import { drawOptions } from '../../src/simulator/options.ts';
import { carryOut, planRun } from '../../src/simulator/run.ts';
import { drawSchedule, FAULT_RANGES } from '../../src/simulator/schedule.ts';
import { powSubject } from '../../src/simulator/subjects/pow.ts';
import { World } from '../../src/simulator/world.ts';

const US_PER_SECOND = 1_000_000;

function open() {
  const world = new World('clock');
  const clock = new NodeClock(world, 5_000);
  const rest = () => {
    while (world.step(100 * US_PER_SECOND));
  };
  return { world, clock, rest };
}

test('a clock that runs right shows the time of the world', () => {
  const { world, clock } = open();
  world.step(3 * US_PER_SECOND);
  expect([clock.nowMs(), clock.wallMs()]).toEqual([3_000, 8_000]);
});

test('a timer that runs under two rates fires when the local clock says so', () => {
  const { world, clock, rest } = open();
  const fired: number[] = [];
  clock.setTimer(2_000, () => fired.push(world.nowMs));
  world.after(US_PER_SECOND, () => clock.setRate(0.5));
  rest();
  // One second at the right rate; the other second takes two.
  expect(fired).toEqual([3_000]);
});

test('the monotonic clock keeps what it gained, the wall clock is set right', () => {
  const { world, clock } = open();
  clock.setRate(1.1);
  world.step(10 * US_PER_SECOND);
  expect([clock.nowMs(), clock.wallMs()]).toEqual([11_000, 16_000]);
  clock.setRate(1);
  expect([clock.nowMs(), clock.wallMs()]).toEqual([11_000, 15_000]);
  world.step(20 * US_PER_SECOND);
  expect([clock.nowMs(), clock.wallMs()]).toEqual([21_000, 25_000]);
});

test('a cancelled timer does not come back with a new rate', () => {
  const { clock, rest } = open();
  let fired = 0;
  const timer = clock.setTimer(1_000, () => fired++);
  clock.cancelTimer(timer);
  clock.setRate(2);
  rest();
  expect(fired).toBe(0);
});

test('drawn drifts stay within the declared range and survive a scenario file', () => {
  const random = new Random('drifts');
  const options = drawOptions(random.stream('options'), powSubject, { faultsMs: 100 * 600_000 });
  const drifts = drawSchedule(random, options, powSubject, ['drift']);
  expect(drifts.length).toBeGreaterThan(10);
  for (const drift of drifts) {
    if (drift.fault !== 'drift') throw new RangeError('another fault was drawn');
    const partsPerMillion = Math.abs(drift.factor - 1) * 1e6;
    expect(partsPerMillion).toBeGreaterThan(FAULT_RANGES.driftPpm.low - 1);
    expect(partsPerMillion).toBeLessThan(FAULT_RANGES.driftPpm.high + 1);
    expect(readFault(JSON.parse(JSON.stringify(drift)), 'schedule[0]')).toEqual(drift);
  }
});

test('a drift changes the course of a run, and is over when the faults are', () => {
  const plan = planRun({ subject: powSubject, seed: '1', options: { nodes: 3, faultsMs: 120_000 }, schedule: [] });
  const drift = { fault: 'drift', node: 1, factor: 1.05, atMs: 1_000, forMs: 1e9 } as const;
  const [without, withDrift] = [carryOut(plan), carryOut({ ...plan, schedule: [drift] })];
  expect(withDrift.traceHash).not.toBe(without.traceHash);
  expect(withDrift.violations).toEqual([]);
});
