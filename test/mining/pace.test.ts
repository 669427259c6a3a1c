import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Pace } from '../../src/mining/pace.ts';

/** Runs a worker of this speed for so long in virtual time; answers how many hashes it made and how long it worked. */
function simulate(pace: Pace, options: { limit: number; hashesPerMs: number; fromMs: number; untilMs: number }) {
  const { limit, hashesPerMs, untilMs } = options;
  let [now, hashes, busyMs, longestBatchMs] = [options.fromMs, 0, 0, 0];
  while (now < untilMs) {
    const restMs = pace.restMs(now, limit);
    if (restMs > 0) {
      now += restMs;
      continue;
    }
    const count = pace.batch(limit);
    const batchMs = count / hashesPerMs;
    pace.did(count, now, now + batchMs, limit);
    now += batchMs;
    hashes += count;
    busyMs += batchMs;
    longestBatchMs = Math.max(longestBatchMs, batchMs);
  }
  return { hashes, busyMs, longestBatchMs };
}

describe('Pace', () => {
  it('works all the time without a limit, in batches of about 10 ms at any speed', () => {
    for (const hashesPerMs of [1, 500, 8_000]) {
      const pace = new Pace();
      simulate(pace, { limit: 0, hashesPerMs, fromMs: 0, untilMs: 2_000 });
      expect(pace.batch(0) / hashesPerMs).toBeCloseTo(10, 0);
      expect(pace.restMs(2_000, 0)).toBe(0);
    }
  });

  it('never makes more than the limit allows, nor much less', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 5_000_000 }), fc.integer({ min: 100, max: 10_000 }), (limit, hashesPerMs) => {
        const seconds = 20;
        const { hashes } = simulate(new Pace(), { limit, hashesPerMs, fromMs: 0, untilMs: seconds * 1_000 });
        const reachable = Math.min(limit, hashesPerMs * 1_000);
        const batch = Math.max(1, limit * 0.025);
        expect(hashes).toBeLessThanOrEqual(limit * seconds + batch);
        expect(hashes).toBeGreaterThanOrEqual(reachable * seconds * 0.99 - batch);
      }),
    );
  });

  it('costs a fiftieth of a core at 100,000 hashes per second of 5,000,000', () => {
    const { busyMs, longestBatchMs } = simulate(new Pace(), { limit: 100_000, hashesPerMs: 5_000, fromMs: 0, untilMs: 10_000 });
    expect(busyMs / 10_000).toBeCloseTo(0.02, 3);
    expect(longestBatchMs).toBeLessThan(1);
  });

  it('saves up no more than a tenth of a second while idle', () => {
    const pace = new Pace();
    const rates = { limit: 1_000, hashesPerMs: 1_000 };
    simulate(pace, { ...rates, fromMs: 0, untilMs: 1_000 });
    const { hashes } = simulate(pace, { ...rates, fromMs: 60_000, untilMs: 61_000 });
    expect(hashes).toBeLessThanOrEqual(1_000 + 100 + 25);
  });

  it('forgives what was owed under another limit', () => {
    const pace = new Pace();
    simulate(pace, { limit: 0, hashesPerMs: 8_000, fromMs: 0, untilMs: 100 });
    pace.did(80_000, 100, 110, 1_000_000);
    expect(pace.restMs(110, 1_000_000)).toBeGreaterThan(50);
    expect(pace.restMs(110, 10)).toBe(0);
    expect(pace.batch(10)).toBe(1);
  });
});
