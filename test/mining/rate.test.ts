import { describe, expect, it } from 'vitest';
import { RateWindow } from '../../src/mining/rate.ts';

describe('RateWindow', () => {
  it('knows no rate before the first sample or without time having passed', () => {
    const rate = new RateWindow(10_000);
    expect(rate.perSecond(5, 100n)).toBe(0);
    rate.sample(5, 100n);
    expect(rate.perSecond(5, 100n)).toBe(0);
  });

  it('counts up to now, not up to the last sample', () => {
    const rate = new RateWindow(10_000);
    rate.sample(0, 0n);
    expect(rate.perSecond(500, 1_000n)).toBe(2_000);
  });

  it('forgets what lies before the window', () => {
    const rate = new RateWindow(10_000);
    for (let at = 0; at <= 60_000; at += 500) rate.sample(at, at < 30_000 ? BigInt(at) * 5n : 150_000n);
    expect(rate.perSecond(60_000, 150_000n)).toBe(0);
    expect(rate.perSecond(60_000, 160_000n)).toBeCloseTo(1_000, -2);
  });

  it('stays small however long it runs', () => {
    const rate = new RateWindow(10_000);
    for (let at = 0; at < 1_000_000; at += 500) rate.sample(at, BigInt(at));
    expect(rate.perSecond(1_000_000, 1_000_000n)).toBeCloseTo(1_000, -1);
  });
});
