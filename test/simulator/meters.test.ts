/** What a run of proof-of-work measures, beside figures that were found elsewhere. */
import { describe, expect, it } from 'vitest';
import type { Fault } from '../../src/simulator/faults.ts';
import type { Options } from '../../src/simulator/options.ts';
import { run } from '../../src/simulator/run.ts';
import { FOR_EVER_MS } from '../../src/simulator/schedule.ts';
import { powSubject } from '../../src/simulator/subjects/pow.ts';

const HOUR_MS = 3_600_000;
const BLOCK_SECONDS = 10;

/** A network without faults of its own, and without transfers. */
function quiet(hashRates: readonly number[], hours: number): Partial<Options> {
  return {
    nodes: hashRates.length,
    survivors: hashRates.map((_, place) => place),
    hashRates,
    faultsMs: hours * HOUR_MS,
    latencyMs: 20,
    jitterMs: 5,
    executionMs: 1,
    diskWriteMs: 1,
    transfersPerMinute: 0,
    engine: { blockTimeSeconds: BLOCK_SECONDS, pauseAfterSeconds: 0, minimumDifficulty: 50, blockRewardWei: 5 },
  };
}

describe('the figures of proof-of-work', () => {
  it('are those of exponential waits where the hash rate is constant', () => {
    const { ok, figures } = run({ subject: powSubject, seed: '1', schedule: [], options: quiet([500, 500], 12) });
    expect(ok).toBe(true);
    expect(figures['blocks / expected']).toBeCloseTo(1, 1);
    // Of an exponential distribution with this mean: ln 2 and ln 100 times the mean.
    expect(figures['median wait (s)']).toBeGreaterThan(BLOCK_SECONDS * Math.log(2) * 0.9);
    expect(figures['median wait (s)']).toBeLessThan(BLOCK_SECONDS * Math.log(2) * 1.1);
    expect(figures['wait of 99% (s)']).toBeGreaterThan(BLOCK_SECONDS * Math.log(100) * 0.9);
    expect(figures['wait of 99% (s)']).toBeLessThan(BLOCK_SECONDS * Math.log(100) * 1.1);
    expect(figures['hash power against it (%)']).toBe(0);
  });

  it('are near what was simulated for ASERT (half-life of 30 blocks) when the hash rate is once and eight times as high in turn', () => {
    const [hours, turnMs] = [12, HOUR_MS / 2];
    const schedule = Array.from({ length: hours }, (_, hour): Fault[] =>
      [0, 1].map((node) => ({ fault: 'hashRate', node, factor: 8, atMs: (2 * hour + 1) * turnMs, forMs: turnMs })),
    ).flat();
    const { ok, figures } = run({ subject: powSubject, seed: '1', schedule, options: quiet([500, 500], hours) });
    expect(ok).toBe(true);
    // Found elsewhere: 1.01, and 71 s.
    expect(figures['blocks / expected']).toBeGreaterThan(0.99);
    expect(figures['blocks / expected']).toBeLessThan(1.03);
    expect(figures['wait of 99% (s)']).toBeGreaterThan(60);
    expect(figures['wait of 99% (s)']).toBeLessThan(82);
  });

  it('say how much of the hash power was against the network, which may then lose what it had agreed on', () => {
    const rewriting: Fault = { fault: 'byzantine', node: 2, behaviour: 'rewriting', atMs: 0, forMs: FOR_EVER_MS };
    const { ok, figures, violations } = run({
      subject: powSubject,
      seed: '1',
      schedule: [rewriting],
      options: quiet([200, 200, 600], 3),
    });
    expect(ok).toBe(true);
    expect(figures['hash power against it (%)']).toBeCloseTo(60);
    expect(figures['deepest reorganisation']).toBeGreaterThan(24);
    const lost = violations.filter(({ checker }) => checker === 'CommonPrefix');
    expect(lost.length).toBeGreaterThan(0);
    for (const { expected, message } of lost) {
      expect(expected).toBe(true);
      expect(message).toContain('60% of the hash power');
    }
  });
});
