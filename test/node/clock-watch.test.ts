import { expect, it } from 'vitest';
import { watchClock } from '../../src/node/clock-watch.ts';
import type { ClockPort } from '../../src/node/ports.ts';

it('reports jumps of the wall clock once each, in both directions, and none for the passage of time', () => {
  let nowMs = 0;
  let wallMs = 1_000_000;
  let tick: (() => void) | null = null;
  const clock: ClockPort = {
    nowMs: () => nowMs,
    wallMs: () => wallMs,
    setTimer: (_delayMs, callback) => {
      tick = callback;
      return callback;
    },
    cancelTimer: () => {
      tick = null;
    },
  };
  const pass = (monotonicMs: number, wallDeltaMs: number) => {
    nowMs += monotonicMs;
    wallMs += wallDeltaMs;
    tick?.();
  };
  const jumps: number[] = [];
  const stop = watchClock(clock, (jumpMs) => jumps.push(jumpMs));
  pass(10_000, 10_000);
  pass(10_000, 10_500);
  pass(10_000, 3_610_000);
  pass(10_000, 10_000);
  pass(10_000, -50_000);
  expect(jumps).toEqual([3_600_000, -60_000]);
  stop();
  expect(tick).toBeNull();
});
