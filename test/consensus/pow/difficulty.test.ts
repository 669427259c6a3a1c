/**
 * How the difficulty behaves over time, in pure arithmetic: no hashing, only seeded waiting times. The miners mine as the
 * engine does: at the difficulty of the moment, which falls to the minimum once a pause is reached.
 */
import { describe, expect, it } from 'vitest';
import { present } from '../../../src/base/assert.ts';
import { EMPTY } from '../../../src/base/bytes.ts';
import { Random } from '../../../src/base/random.ts';
import type { Hash } from '../../../src/base/types.ts';
import type { HeaderNode } from '../../../src/chain/tree.ts';
import { isPause, nextDifficulty, recentTimes } from '../../../src/consensus/pow/rules.ts';
import { GENESIS_TIME, Headers, type TestNet, testNet } from './support.ts';

const BLOCK_TIME = 10;
const PAUSE_AFTER = 200;
const RATE = 1_000_000;
const HOUR = 3_600;
const DAY = 86_400;

/** Hashes a second at a time in seconds since genesis. */
type HashRate = (time: number) => number;

/** Times of the blocks found until `end`, in seconds since genesis. */
function run(net: TestNet, seed: string, rate: HashRate, end: number): number[] {
  const random = new Random(seed);
  const view = new Headers(net.genesis);
  const found: number[] = [];
  let parent = net.genesis;
  for (let now = 0; ; ) {
    const times = recentTimes(parent, view);
    // Exponential waiting has no memory, so mining may be looked at in slices in which difficulty and rate are constant.
    const timestamp = Math.max(GENESIS_TIME + Math.floor(now), times.median + 1);
    const difficulty = nextDifficulty(net.rules, parent, view, times, timestamp);
    const slice = 1 - (now % 1);
    const hashesPerSecond = rate(now);
    const wait = hashesPerSecond === 0 ? Number.POSITIVE_INFINITY : random.waiting(Number(difficulty) / hashesPerSecond);
    now += Math.min(wait, slice);
    if (now >= end) return found;
    if (wait >= slice) continue;
    const uncounted = isPause(net.rules.settings, times, timestamp) ? timestamp - times.newest - PAUSE_AFTER : 0;
    const hash = `0x${(parent.header.number + 1).toString(16).padStart(64, '0')}` as Hash;
    const header = { ...parent.header, parentHash: parent.hash, number: parent.header.number + 1, timestamp, difficulty };
    const facts = { weight: parent.facts.weight + difficulty, carried: parent.facts.carried + BigInt(uncounted) };
    const node: HeaderNode = { header, seal: EMPTY, hash, facts };
    view.nodes.set(hash, node);
    parent = node;
    found.push(now);
  }
}

function count(times: readonly number[], from: number, to: number): number {
  return times.filter((time) => time >= from && time < to).length;
}

/** The most blocks that came within any 100 seconds (10 are expected). */
function densest(times: readonly number[], from: number): number {
  const late = times.filter((time) => time >= from);
  let first = 0;
  return late.reduce((most, time, last) => {
    while (present(late[first], 'a time') <= time - 100) first++;
    return Math.max(most, last - first + 1);
  }, 0);
}

const net = testNet({ blockTimeSeconds: BLOCK_TIME, pauseAfterSeconds: PAUSE_AFTER, minimumDifficulty: 1_000 }, BigInt(RATE * BLOCK_TIME));
const withoutPauses = testNet({ blockTimeSeconds: BLOCK_TIME, minimumDifficulty: 1_000 }, BigInt(RATE * BLOCK_TIME));

describe('consensus/pow difficulty over time', () => {
  it('keeps the block time under a constant hash rate', () => {
    const times = run(net, 'constant', () => RATE, 10 * HOUR);
    expect(times.length / 3_600).toBeGreaterThan(0.97);
    expect(times.length / 3_600).toBeLessThan(1.03);
    expect(densest(times, 0)).toBeLessThan(30);
  });

  it('keeps it within a few percent while the hash rate alternates between 1x and 8x', () => {
    const times = run(net, 'alternating', (time) => (Math.floor(time / 600) % 2 === 0 ? RATE : 8 * RATE), 10 * HOUR);
    expect(times.length / 3_600).toBeGreaterThan(0.95);
    expect(times.length / 3_600).toBeLessThan(1.08);
  });

  it('starts from a genesis difficulty that is 1,000 times too low or too high within the first hour', () => {
    for (const factor of [1 / 1_000, 1_000]) {
      const times = run(net, 'start', () => RATE * factor, 3 * HOUR);
      expect(count(times, HOUR, 3 * HOUR) / 720).toBeGreaterThan(0.85);
      expect(count(times, HOUR, 3 * HOUR) / 720).toBeLessThan(1.15);
    }
  });

  it('recovers within two hours when 999 of 1,000 miners leave, and does not storm afterwards', () => {
    const times = run(net, 'exodus', (time) => (time < HOUR ? RATE : RATE / 1_000), 8 * HOUR);
    const gaps = times.slice(1).map((time, index) => time - present(times[index], 'a time'));
    // Minimum difficulty is found at once even so: nobody waits much longer than a pause.
    expect(Math.max(...gaps)).toBeLessThan(PAUSE_AFTER + 20);
    expect(count(times, 3 * HOUR, 8 * HOUR) / 1_800).toBeGreaterThan(0.9);
    expect(count(times, 3 * HOUR, 8 * HOUR) / 1_800).toBeLessThan(1.1);
    expect(densest(times, HOUR)).toBeLessThan(35);
  });

  it('goes on after a day of standstill as if it had not been', () => {
    const asleep = (time: number) => time >= HOUR && time < HOUR + DAY;
    const times = run(net, 'night', (time) => (asleep(time) ? 0 : RATE), DAY + 5 * HOUR);
    const woke = HOUR + DAY;
    expect(count(times, woke, woke + 60)).toBeGreaterThan(0);
    // The 200 s that count are owed as about 20 blocks; they come back over the following half-lives.
    expect(count(times, woke, woke + HOUR)).toBeLessThan(360 + 20 + 60);
    expect(densest(times, woke)).toBeLessThan(35);
    expect(count(times, woke + HOUR, woke + 4 * HOUR) / 1_080).toBeGreaterThan(0.93);
    expect(count(times, woke + HOUR, woke + 4 * HOUR) / 1_080).toBeLessThan(1.07);
  });

  it('would owe the whole day without pauses: a storm of blocks', () => {
    const asleep = (time: number) => time >= HOUR && time < HOUR + DAY;
    const times = run(withoutPauses, 'night', (time) => (asleep(time) ? 0 : RATE), DAY + 2 * HOUR);
    expect(count(times, HOUR + DAY, 2 * HOUR + DAY)).toBeGreaterThan(8_000);
  });

  it('stays usable when it runs for five minutes of every two hours', () => {
    const awake = (time: number) => time % (2 * HOUR) < 300;
    const times = run(net, 'naps', (time) => (awake(time) ? RATE : 0), 40 * HOUR);
    const perSession = times.length / 20;
    expect(perSession).toBeGreaterThan(25);
    expect(perSession).toBeLessThan(60);
    expect(densest(times, 0)).toBeLessThan(40);
  });
});
