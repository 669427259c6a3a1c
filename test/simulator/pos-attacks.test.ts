/** Attacks on the fork choice of proof-of-stake, each with what must come of it, and what came of it before there was a remedy. */
import { describe, expect, it } from 'vitest';
import type { Block } from '../../src/chain/block.ts';
import { type Release, reorganisingExAnte } from '../../src/simulator/behaviours/pos-attacks.ts';
import type { Fault } from '../../src/simulator/faults.ts';
import { GENESIS_SECONDS } from '../../src/simulator/genesis.ts';
import { byzantine, EPOCH_MS, type Played, play, SLOT_MS, SLOTS } from './pos-play.ts';

/** Of real time, on a machine that is busy with much else. */
const LIMIT_MS = 180_000;
const GWEI = 1_000_000_000n;
const ETHER_OF_KEY = 32;
const KEYS = Array.from({ length: 8 }, () => ETHER_OF_KEY);
const EVERYBODY_ELSE = [0, 1, 2];
const ATTACKER = 3;
/** Epochs from the newest final one to the current one, without any faults. */
const NEAR = 3;
const boostless = (places: readonly number[]): Fault[] => places.map((node) => byzantine('boostless', node));

describe('an ex-ante reorganisation', () => {
  const stakes = [KEYS, KEYS, KEYS, KEYS];
  const committee = (stakes.flat().length * ETHER_OF_KEY) / SLOTS;
  /** Of an average committee. */
  const BOOST = 0.4;

  /** Of those blocks that came beside one that was kept back, and gave way to it: how much stood behind the other, in committees. */
  function given(others: readonly Fault[]): { readonly played: Played; readonly attempts: number; readonly weights: readonly number[] } {
    const releases: Release[] = [];
    const exAnte = reorganisingExAnte((release) => releases.push(release));
    const schedule = [byzantine('exAnte', ATTACKER), ...others];
    const played = play({ stakes, schedule, behaviours: { exAnte }, epochs: 40, untilFaultsEnd: true });
    const slots = new Set(played.chain(0).map(({ facts }) => Number(facts.carried)));
    // The next proposer may be the attacker itself, or away.
    const proposed = new Set(played.of('announced').flatMap(({ node, block }) => (node === ATTACKER ? [] : [slotOf(block)])));
    const settled = releases.filter(({ slot, weight }) => weight > 0n && proposed.has(slot + 1) && slot < Math.max(...slots) - SLOTS);
    const lost = settled.filter(({ slot }) => !slots.has(slot + 1));
    return { played, attempts: settled.length, weights: lost.map(({ weight }) => Number(weight / GWEI) / committee) };
  }

  it(
    'fails with proposer boost below the 40% of a committee that the boost is worth, and succeeds without',
    () => {
      const boosted = given([]);
      const before = given(boostless(EVERYBODY_ELSE));
      for (const { played, attempts } of [boosted, before]) {
        expect(played.violations).toEqual([]);
        expect(attempts).toBeGreaterThan(20);
        expect(played.lateEpochs(0)).toBeLessThanOrEqual(NEAR + 1);
      }
      expect(boosted.weights.every((weight) => weight > BOOST)).toBe(true);
      // A quarter of the stake is seldom so much of a committee; any part of one was enough.
      expect(boosted.weights.length).toBeLessThan(boosted.attempts / 4);
      expect(before.weights.length).toBeGreaterThan(before.attempts / 3);
      expect(before.weights.filter((weight) => weight < BOOST).length).toBeGreaterThan(10);
    },
    LIMIT_MS,
  );
});

function slotOf({ header }: Block): number {
  return ((header.timestamp - GENESIS_SECONDS) * 1_000) / SLOT_MS;
}

describe('balancing two branches', () => {
  function balanced(others: readonly Fault[]) {
    const played = play({ schedule: [byzantine('balancing', ATTACKER), ...others], epochs: 30, untilFaultsEnd: true, seed: '2' });
    expect(played.violations).toEqual([]);
    for (const place of EVERYBODY_ELSE) expect(played.lateEpochs(place)).toBeLessThanOrEqual(NEAR);
    // Whoever proposed two blocks is found out, in any case.
    expect(played.slashed(0).length).toBeGreaterThan(0);
    return { changes: reorganisations(played, EVERYBODY_ELSE).length, deepest: played.deepestReorg(...EVERYBODY_ELSE) };
  }

  it('ends with the next proposer, whose block has the boost; without, heads went back and forth', () => {
    const boosted = balanced([]);
    const before = balanced(boostless(EVERYBODY_ELSE));
    expect(boosted.deepest).toBeLessThanOrEqual(1);
    expect(boosted.changes).toBeLessThanOrEqual(3);
    expect(before.changes).toBeGreaterThan(2 * boosted.changes);
  });
});

describe('bouncing between two branches', () => {
  const FAR = 2;
  const honest = [0, 1, 2, 3, 4];
  const cut: Fault = { fault: 'partition', side: [0, 1, 2], direction: 'both', atMs: 5 * EPOCH_MS, forMs: 6 * EPOCH_MS };
  const HEALED_MS = cut.atMs + cut.forMs;

  it('after a partition moves nobody twice, and finality is back within four epochs', () => {
    const schedule = [byzantine('bouncing', 5), byzantine('bouncing', 6), cut];
    const stakes = [...honest, 5, 6].map(() => [ETHER_OF_KEY, ETHER_OF_KEY]);
    const played = play({ nodes: 7, stakes, schedule, epochs: 24, untilFaultsEnd: true });
    expect(played.violations).toEqual([]);
    for (const place of honest) {
      const moves = reorganisations(played, [place]).filter(({ atMs, removed }) => atMs > HEALED_MS && removed.length > FAR);
      expect(moves.length).toBeLessThanOrEqual(1);
      const [first] = played.of('finalized').filter(({ node, atMs }) => node === place && atMs > HEALED_MS);
      expect(((first?.atMs ?? Number.POSITIVE_INFINITY) - HEALED_MS) / EPOCH_MS).toBeLessThan(4.5);
      expect(played.lateEpochs(place)).toBeLessThanOrEqual(NEAR);
    }
    // Their keys.
    expect([10, 11, 12, 13]).toEqual(expect.arrayContaining([...played.slashed(0)]));
  });
});

describe('proposer boost that half of the nodes do not know (May 2022), with a proposer who is late', () => {
  const honest = [0, 1, 2, 3, 4];

  function late(others: readonly Fault[]) {
    const stakes = [...honest, 5].map(() => [ETHER_OF_KEY, ETHER_OF_KEY]);
    const played = play({ nodes: 6, stakes, schedule: [byzantine('lateProposing', 5), ...others], epochs: 30, untilFaultsEnd: true });
    expect(played.violations).toEqual([]);
    for (const place of honest) expect(played.lateEpochs(place)).toBeLessThanOrEqual(NEAR);
    return { changes: reorganisations(played, honest).length, deepest: played.deepestReorg(...honest) };
  }

  it('lets heads change more often, by no more than the seven blocks of then, and holds finality up by nothing', () => {
    const all = late([]);
    const half = late(boostless([0, 1, 2]));
    expect(half.changes).toBeGreaterThan(all.changes);
    expect(all.deepest).toBeLessThanOrEqual(1);
    expect(half.deepest).toBeLessThanOrEqual(7);
  });
});

describe('a quarter of the stake', () => {
  it.each([
    ['proposes after the votes, or some slots late', 'lateProposing'],
    ['shows its votes up to an epoch later', 'lateVoting'],
  ])('that %s gains nothing, is blamed by nobody, and holds nobody up', (_what, behaviour) => {
    const played = play({ schedule: [byzantine(behaviour, ATTACKER)], epochs: 24, untilFaultsEnd: true });
    expect(played.violations).toEqual([]);
    expect(played.of('offence')).toEqual([]);
    expect(played.slashed(0)).toEqual([]);
    for (const place of EVERYBODY_ELSE) {
      expect(played.lateEpochs(place)).toBeLessThanOrEqual(NEAR + 2);
      // Its own blocks, of two slots in a row.
      expect(played.deepestReorg(place)).toBeLessThanOrEqual(2);
    }
  });
});

function reorganisations(played: Played, places: readonly number[]) {
  return played.of('head').filter(({ node, removed }) => places.includes(node) && removed.length > 0);
}
