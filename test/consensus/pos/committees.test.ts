/** Committees divide the voters of an epoch among its slots; proposers are drawn by stake; bits name members. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { present } from '../../../src/base/assert.ts';
import {
  bitsOf,
  committeeOf,
  dutiesOf,
  indexedAttestation,
  isActive,
  isAggregator,
  isWellFormed,
  membersOf,
  proposerOf,
  signedVote,
} from '../../../src/consensus/pos/committees.ts';
import { COMMITTEE_SEED, seedOf } from '../../../src/consensus/pos/randao.ts';
import { shuffledIndex } from '../../../src/consensus/pos/shuffle.ts';
import type { Attestation, StakeState, Validator } from '../../../src/consensus/pos/types.ts';
import { codeOf, ETHER, StakeChain, someHash } from './stake-chain.ts';

const chain = new StakeChain(11);
chain.run(21);
const { settings } = chain.rules;
const [vote] = chain.votesFor(chain.state, 21, () => true) as [Attestation];

function committees(state: StakeState, epoch: number, count = 4): number[][] {
  const duties = dutiesOf(settings, state, epoch);
  return Array.from({ length: count }, (_, i) => [...committeeOf(settings, duties, epoch * 4 + i, 0)]);
}

describe('consensus/pos committees', () => {
  it.each([4, 5, 6])('gives every active validator one slot of epoch %i', (epoch) => {
    const all = committees(chain.state, epoch);
    expect(all.flat().sort((a, b) => a - b)).toEqual(chain.state.validators.map((_, i) => i));
    for (const each of all) expect([2, 3]).toContain(each.length);
  });

  it('is the shuffle of the active validators by the seed', () => {
    const seed = seedOf(chain.state, 5, COMMITTEE_SEED);
    expect(committees(chain.state, 5).flat()).toEqual(Array.from({ length: 11 }, (_, i) => shuffledIndex(i, 11, seed)));
  });

  it('is known in the epoch before, and stays', () => {
    const early = dutiesOf(settings, chain.state, 6).shuffled;
    expect(dutiesOf(settings, chain.at(24), 6).shuffled).toEqual(early);
    expect(dutiesOf(settings, chain.at(28), 6).shuffled).toEqual(early);
    expect(dutiesOf(settings, chain.state, 5).shuffled).not.toEqual(early);
  });

  it('makes more committees of many validators', () => {
    const validator = present(chain.state.validators[0], 'a validator');
    const many = { ...chain.state, validators: Array.from({ length: 1_100 }, () => validator) };
    const duties = dutiesOf(settings, many, 5);
    expect(duties.committeesPerSlot).toBe(2);
    const sizes = [20, 21, 22, 23].flatMap((slot) => [0, 1].map((each) => committeeOf(settings, duties, slot, each).length));
    expect(sizes.reduce((sum, size) => sum + size, 0)).toBe(1_100);
    expect(() => committeeOf(settings, duties, 20, 2)).toThrow(/Invariant broken/);
  });

  it('leaves out who is not active yet or any more', () => {
    const validators = chain.state.validators.map((each, i) => ({ ...each, activationEpoch: i === 1 ? 6 : 0, exitEpoch: i === 2 ? 5 : 9 }));
    const state = { ...chain.state, validators };
    expect(
      committees(state, 5)
        .flat()
        .sort((a, b) => a - b),
    ).toEqual([0, 3, 4, 5, 6, 7, 8, 9, 10]);
    expect([4, 5, 8, 9].map((epoch) => isActive({ activationEpoch: 5, exitEpoch: 9 } as Validator, epoch))).toEqual([
      false,
      true,
      true,
      false,
    ]);
  });

  it('knows proposers of the current epoch, all of them active', () => {
    for (const slot of [20, 21, 22, 23]) expect(proposerOf(settings, chain.state, slot)).toBeLessThan(11);
    expect(() => proposerOf(settings, chain.state, 24)).toThrow(/Invariant broken/);
    const nobody = { ...chain.state, validators: chain.state.validators.map((each) => ({ ...each, exitEpoch: 1 })) };
    expect(proposerOf(settings, nobody, 21)).toBeUndefined();
  });

  it('draws proposers by stake', () => {
    const rich = chain.state.validators.map((each, i) => ({ ...each, effectiveBalance: (i === 7 ? 320n : 32n) * ETHER }));
    const drawn = Array.from({ length: 400 }, (_, i) => {
      const mixes = chain.state.randaoMixes.map(() => someHash(i % 250));
      return proposerOf(settings, { ...chain.state, validators: [...rich], randaoMixes: mixes, slot: 40 * i }, 40 * i);
    });
    const share = drawn.filter((index) => index === 7).length / drawn.length;
    // Half of all stake; 400 fair draws come within 0.4 and 0.6 but once in 10,000 times, and these are always the same.
    expect(share).toBeGreaterThan(0.4);
    expect(share).toBeLessThan(0.6);
    expect(new Set(drawn).size).toBe(11);
  });

  it('gives the same answer whether or not it was asked before', () => {
    const fresh = { ...chain.state, validators: chain.state.validators.map((each) => ({ ...each })) };
    expect(dutiesOf(settings, fresh, 5)).toEqual({ ...dutiesOf(settings, chain.state, 5), proposers: new Map() });
    expect(proposerOf(settings, fresh, 22)).toBe(proposerOf(settings, chain.state, 22));
  });

  it('lets all add up votes in small committees and about 16 in large ones', () => {
    const signatures = Array.from({ length: 512 }, (_, i) => new Uint8Array(96).fill(i % 256, 0, 48).fill(i >> 8, 48));
    expect(signatures.every((each) => isAggregator(31, each))).toBe(true);
    const chosen = signatures.filter((each) => isAggregator(512, each)).length;
    expect(chosen).toBeGreaterThan(4);
    expect(chosen).toBeLessThan(40);
  });

  it('turns bits into ascending indices, and back', () => {
    const members = fc.uniqueArray(fc.integer({ min: 0, max: 500 }), { minLength: 1, maxLength: 40 });
    fc.assert(
      fc.property(members, fc.infiniteStream(fc.boolean()), (committee, coins) => {
        const chosen = committee.filter(() => coins.next().value);
        fc.pre(chosen.length > 0);
        const bits = bitsOf(committee, new Set(chosen));
        expect(membersOf(committee, bits)).toEqual([...chosen].sort((a, b) => a - b));
      }),
    );
  });

  it.each<[string, Uint8Array]>([
    ['none set', new Uint8Array([0, 0])],
    ['too short', new Uint8Array([1])],
    ['too long', new Uint8Array([1, 0, 0])],
    ['empty', new Uint8Array(0)],
    ['a bit beyond the committee', new Uint8Array([1, 2])],
  ])('refuses bits: %s', (_, bits) => {
    expect(codeOf(() => membersOf([1, 2, 3, 4, 5, 6, 7, 8, 9], bits))).toBe('pos/attestation-bits');
  });

  it('finds the voters of a vote, and what they signed', () => {
    const indexed = indexedAttestation(settings, chain.state, vote);
    expect(indexed.indices).toEqual(committees(chain.state, 5)[1]?.sort((a, b) => a - b));
    expect(chain.rules.signatures.verify(signedVote(chain.rules.params, chain.state.validators, indexed))).toBe(true);
    const other = { ...indexed, data: { ...indexed.data, head: someHash(9) } };
    expect(chain.rules.signatures.verify(signedVote(chain.rules.params, chain.state.validators, other))).toBe(false);
  });

  it.each<[string, string, Partial<Attestation['data']>]>([
    ['pos/attestation-committee', 'no such committee', { committee: 1 }],
    ['pos/attestation-epoch', 'a slot of another epoch than the target', { slot: 19 }],
    ['pos/attestation-epoch', 'a target of long ago', { slot: 9, target: { epoch: 2, root: someHash(1) } }],
    ['pos/attestation-epoch', 'a target in the far future', { slot: 2 ** 40, target: { epoch: 2 ** 38, root: someHash(1) } }],
  ])('%s: %s', (code, _, changes) => {
    expect(codeOf(() => indexedAttestation(settings, chain.state, { ...vote, data: { ...vote.data, ...changes } }))).toBe(code);
  });

  it.each<[readonly number[], boolean]>([
    [[0], true],
    [[0, 3, 10], true],
    [[], false],
    [[3, 3], false],
    [[4, 3], false],
    [[3, 11], false],
  ])('indices %j are well-formed: %s', (indices, expected) => {
    expect(isWellFormed({ ...chain.indexed(vote.data, [1]), indices }, chain.state.validators)).toBe(expected);
  });
});
