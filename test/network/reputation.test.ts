import { describe, expect, test } from 'vitest';
import { RuleError } from '../../src/base/errors.ts';
import {
  BAN_THRESHOLD,
  DEFAULT_OFFENCE,
  FIRST_BAN_MS,
  HALF_LIFE_MS,
  MAX_BAN_MS,
  RELAYED_OFFENCE,
  Reputation,
  SLOW_OFFENCE,
  weightOf,
} from '../../src/network/reputation.ts';
import { TokenBucket } from '../../src/network/token-bucket.ts';

describe('reputation', () => {
  test('offences in short order bring a ban, and it ends', () => {
    const reputation = new Reputation();
    for (let i = 0; i < 3; i++) expect(reputation.offence('a', DEFAULT_OFFENCE, i * 10_000)).toBe(false);
    expect(reputation.offence('a', DEFAULT_OFFENCE, 30_000)).toBe(true);
    expect(reputation.isBanned('a', 30_000 + FIRST_BAN_MS - 1)).toBe(true);
    expect(reputation.isBanned('a', 30_000 + FIRST_BAN_MS)).toBe(false);
    expect(reputation.isBanned('b', 0)).toBe(false);
  });

  test('offences fade: the same number spread out brings none', () => {
    const reputation = new Reputation();
    for (let i = 0; i < 100; i++) expect(reputation.offence('a', DEFAULT_OFFENCE, i * HALF_LIFE_MS)).toBe(false);
    expect(reputation.score('a', 99 * HALF_LIFE_MS)).toBeGreaterThanOrEqual(-2 * DEFAULT_OFFENCE);
    expect(reputation.score('a', 200 * HALF_LIFE_MS)).toBeCloseTo(0);
  });

  test('each further ban lasts longer, up to the cap', () => {
    const reputation = new Reputation();
    const lasts: number[] = [];
    let nowMs = 0;
    for (let i = 0; i < 10; i++) {
      reputation.offence('a', BAN_THRESHOLD, nowMs);
      lasts.push(reputation.bannedForMs('a', nowMs));
      nowMs += lasts.at(-1) ?? 0;
    }
    expect(lasts.slice(0, 3)).toEqual([FIRST_BAN_MS, 2 * FIRST_BAN_MS, 4 * FIRST_BAN_MS]);
    expect(Math.max(...lasts)).toBe(MAX_BAN_MS);
  });

  test('offences during a ban change nothing, so that it cannot be prolonged by others', () => {
    const reputation = new Reputation();
    reputation.offence('a', BAN_THRESHOLD, 0);
    expect(reputation.offence('a', BAN_THRESHOLD, 1)).toBe(false);
    expect(reputation.bannedForMs('a', 1)).toBe(FIRST_BAN_MS - 1);
  });

  test('memory is bounded: the longest quiet are forgotten', () => {
    const reputation = new Reputation(100);
    for (let i = 0; i < 10_000; i++) reputation.offence(`peer ${i}`, BAN_THRESHOLD, i);
    expect(reputation.size).toBe(100);
    expect(reputation.isBanned('peer 9999', 10_000)).toBe(true);
    expect(reputation.isBanned('peer 1', 10_000)).toBe(false);
  });
});

describe('token bucket', () => {
  test('gives its burst at once and then its rate', () => {
    const bucket = new TokenBucket(10, 20, 0);
    expect(bucket.take(20, 0)).toBe(true);
    expect(bucket.take(1, 99)).toBe(false);
    expect(bucket.take(1, 100)).toBe(true);
    expect(bucket.take(20, 100_000)).toBe(true);
    expect(bucket.take(1, 100_000)).toBe(false);
  });

  test('says how long a debt lasts', () => {
    const bucket = new TokenBucket(10, 20, 0);
    expect(bucket.borrow(20, 0)).toBe(0);
    expect(bucket.borrow(5, 0)).toBe(500);
    expect(bucket.borrow(0, 500)).toBe(0);
  });
});

test('counts what may have been relayed in good faith, or is only slow, less than what its sender made', () => {
  const codes = ['block/size', 'tx/nonce', 'transfer/funds', 'sync/unresponsive', 'pow/seal', 'network/rejected-gossip', 'sync/withheld'];
  const weights = codes.map((code) => weightOf(new RuleError(code, 'No.')));
  const mild = [RELAYED_OFFENCE, RELAYED_OFFENCE, RELAYED_OFFENCE, SLOW_OFFENCE];
  expect(weights).toEqual([...mild, DEFAULT_OFFENCE, DEFAULT_OFFENCE, DEFAULT_OFFENCE]);
});
