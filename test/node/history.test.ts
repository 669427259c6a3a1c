/** An hour of moments, one every five seconds, and no more than that. */
import { expect, it } from 'vitest';
import { HistoryKeeper, INTERVAL_MS, MAX_MOMENTS } from '../../src/node/history.ts';
import type { ClockPort } from '../../src/node/ports.ts';

/** Timers that fire when they are told to. */
function world() {
  let nowMs = 1_000_000;
  let next: (() => void) | null = null;
  const clock: ClockPort = {
    nowMs: () => nowMs,
    wallMs: () => nowMs,
    setTimer: (delayMs, callback) => {
      next = () => {
        nowMs += delayMs;
        callback();
      };
      return 1;
    },
    cancelTimer: () => {
      next = null;
    },
  };
  let head = 0;
  const share: { answer: () => Promise<number | null> } = { answer: async () => null };
  const history = new HistoryKeeper(clock, {
    now: () => ({ head: ++head, finalized: head - 1, hashesPerSecond: 7 }),
    participation: () => share.answer(),
  });
  const tick = async () => {
    next?.();
    await new Promise((resolve) => setImmediate(resolve));
  };
  return { history, tick, share, isWaiting: () => next !== null };
}

it('keeps what was to be seen every five seconds, and lets the oldest go', async () => {
  const { history, tick } = world();
  expect(history.moments).toEqual([]);
  await tick();
  expect(history.moments).toEqual([{ timeMs: 1_000_000 + INTERVAL_MS, head: 1, finalized: 0, hashesPerSecond: 7, participation: null }]);
  for (let more = 0; more < MAX_MOMENTS; more++) await tick();
  expect(history.moments).toHaveLength(MAX_MOMENTS);
  expect(history.moments.map(({ head }) => head).slice(0, 2)).toEqual([2, 3]);
  expect(MAX_MOMENTS * INTERVAL_MS).toBe(3_600_000);
});

it('goes on without the votes where nobody can say who voted, and ends when it is told to', async () => {
  const { history, tick, share, isWaiting } = world();
  share.answer = async () => 0.75;
  await tick();
  share.answer = () => Promise.reject(new RangeError('no'));
  await tick();
  expect(history.moments.map(({ participation }) => participation)).toEqual([0.75, null]);
  history.stop();
  expect(isWaiting()).toBe(false);
  expect(history.moments).toHaveLength(2);
});
