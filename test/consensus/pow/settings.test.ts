import { describe, expect, it } from 'vitest';
import type { Json } from '../../../src/base/types.ts';
import { parseSettings } from '../../../src/consensus/pow/settings.ts';

describe('consensus/pow settings', () => {
  it('has defaults: 10 s blocks, a half-life of 30 of them, no pause, difficulty 1, no reward', () => {
    expect(parseSettings({})).toEqual({
      blockTimeSeconds: 10,
      halfLifeSeconds: 300,
      pauseAfterSeconds: 0,
      minimumDifficulty: 1n,
      blockRewardWei: 0n,
      futureLimitSeconds: 60,
    });
  });

  it('derives the future limit from the half-life, at most 60 s', () => {
    expect(parseSettings({ blockTimeSeconds: 1 }).futureLimitSeconds).toBe(6);
    expect(parseSettings({ blockTimeSeconds: 600 }).futureLimitSeconds).toBe(60);
  });

  it.each([1, 2, 5, 10, 12, 15, 60, 600])('takes a pause of 20 block times with blocks of %i s', (blockTimeSeconds) => {
    expect(parseSettings({ blockTimeSeconds, pauseAfterSeconds: 20 * blockTimeSeconds }).pauseAfterSeconds).toBe(20 * blockTimeSeconds);
  });

  it.each([
    [1_000_000, 1_000_000n],
    ['1000000', 1_000_000n],
    ['0xf4240', 1_000_000n],
  ])('reads a minimum difficulty of %j', (minimumDifficulty, expected) => {
    expect(parseSettings({ minimumDifficulty }).minimumDifficulty).toBe(expected);
  });

  it.each<[string, { [key: string]: Json }]>([
    ['blockTimeSeconds', { blockTimeSeconds: 0 }],
    ['blockTimeSeconds', { blockTimeSeconds: '10' }],
    ['blockTimeSeconds', { blockTimeSeconds: 1.5 }],
    ['blockTimeSeconds', { blockTimeSeconds: 1e9 }],
    ['halfLifeSeconds', { halfLifeSeconds: 4, blockTimeSeconds: 1 }],
    ['halfLifeSeconds', { halfLifeSeconds: 9 }],
    ['halfLifeSeconds', { halfLifeSeconds: [300] }],
    ['pauseAfterSeconds', { pauseAfterSeconds: -1 }],
    ['pauseAfterSeconds', { pauseAfterSeconds: 169 }],
    ['pauseAfterSeconds', { pauseAfterSeconds: true }],
    ['blockRewardWei', { blockRewardWei: -1 }],
    ['blockRewardWei', { blockRewardWei: '2 ether' }],
    ['minimumDifficulty', { minimumDifficulty: 0 }],
    ['minimumDifficulty', { minimumDifficulty: -5 }],
    ['minimumDifficulty', { minimumDifficulty: '1e6' }],
    ['minimumDifficulty', { minimumDifficulty: '0x' }],
    ['minimumDifficulty', { minimumDifficulty: `1${'0'.repeat(70)}` }],
    ['minimumDifficulty', { minimumDifficulty: '9'.repeat(100_000) }],
    ['minimumDifficulty', { minimumDifficulty: 2 ** 60 }],
    ['minimumDifficulty', { minimumDifficulty: {} }],
    ['blockRewardWei', { blockRewardWei: -1 }],
    ['blockRewardWei', { blockRewardWei: '2 ether' }],
    ['blockRewardWei', { blockRewardWei: 2e18 }],
    ['blockRewardWei', { blockRewardWei: `1${'0'.repeat(30)}` }],
    ['blockTime', { blockTime: 10 }],
  ])('names the bad field %s', (field, settings) => {
    expect(() => parseSettings(settings)).toThrow(expect.objectContaining({ name: 'UsageError', code: 'genesis/pow', fields: { field } }));
    expect(() => parseSettings(settings)).toThrow(field);
  });
});
