import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Hash } from '../../../src/base/types.ts';
import {
  addToPool,
  aggregates,
  bestAggregate,
  countBits,
  forgetVotesBefore,
  hasBit,
  isKnown,
  MAX_AGGREGATES_PER_GROUP,
  MAX_GROUPS_PER_SLOT,
  newVotePool,
} from '../../../src/consensus/pos/pool.ts';
import type { Attestation, AttestationData } from '../../../src/consensus/pos/types.ts';
import { TAG_KEYS } from '../../../src/simulator/tags.ts';

const MEMBERS = 24;
const { signatures } = TAG_KEYS;
const root = (n: number): Hash => `0x${n.toString(16).padStart(64, '0')}` as Hash;
const message = new Uint8Array(32).fill(1);
const signers = Array.from({ length: MEMBERS }, (_, i) => TAG_KEYS.signer(0, i));
const data = (slot: number, head = 1): AttestationData => ({
  slot,
  committee: 0,
  head: root(head),
  source: { epoch: 0, root: root(0) },
  target: { epoch: 1, root: root(0) },
});

function vote(members: readonly number[], of: AttestationData = data(4)): Attestation {
  const bits = new Uint8Array(MEMBERS / 8);
  for (const member of members) bits[member >> 3] = (bits[member >> 3] ?? 0) | (1 << (member & 7));
  return {
    data: of,
    bits,
    signature: signatures.aggregate(members.map((member) => (signers[member] as (typeof signers)[0]).sign(message))),
  };
}
const members = ({ bits }: Attestation) => Array.from({ length: MEMBERS }, (_, i) => i).filter((i) => hasBit(bits, i));
const isSound = (attestation: Attestation) =>
  signatures.verify({
    publicKeys: members(attestation).map((i) => (signers[i] as (typeof signers)[0]).publicKey),
    message,
    signature: attestation.signature,
  });

describe('the pool of votes', () => {
  it('adds up votes for the same data, and says what is new', () => {
    const pool = newVotePool();
    expect(addToPool(pool, vote([1]), signatures)).toBe(true);
    expect(addToPool(pool, vote([9, 17]), signatures)).toBe(true);
    expect(addToPool(pool, vote([1]), signatures)).toBe(false);
    expect(addToPool(pool, vote([1, 9]), signatures)).toBe(false);
    expect(isKnown(pool, vote([9]))).toBe(true);
    expect(isKnown(pool, vote([2]))).toBe(false);
    const [all, ...more] = [...aggregates(pool)];
    expect(more).toEqual([]);
    expect(all && members(all)).toEqual([1, 9, 17]);
    expect(all && isSound(all)).toBe(true);
  });

  it('keeps votes for different data apart, newest first', () => {
    const pool = newVotePool();
    addToPool(pool, vote([1], data(4)), signatures);
    addToPool(pool, vote([2], data(4, 2)), signatures);
    addToPool(pool, vote([3], data(5)), signatures);
    expect([...aggregates(pool)].map(members)).toEqual([[3], [1], [2]]);
    forgetVotesBefore(pool, 5);
    expect([...aggregates(pool)].map(members)).toEqual([[3]]);
    expect(bestAggregate(pool, data(4))).toBeUndefined();
  });

  it('never loses a vote and never makes an unsound aggregate, however they overlap', () => {
    const votes = fc.array(fc.uniqueArray(fc.nat(MEMBERS - 1), { minLength: 1, maxLength: 6 }), { maxLength: 12 });
    fc.assert(
      fc.property(votes, (lists) => {
        const pool = newVotePool();
        const seen = new Set<number>();
        for (const list of lists) {
          const isNew = list.some((member) => !seen.has(member));
          expect(addToPool(pool, vote(list), signatures)).toBe(isNew);
          for (const member of list) seen.add(member);
        }
        const all = [...aggregates(pool)];
        expect(new Set(all.flatMap(members))).toEqual(seen);
        for (const each of all) expect(isSound(each)).toBe(true);
      }),
    );
  });

  it('is bounded', () => {
    const pool = newVotePool();
    for (let head = 0; head < MAX_GROUPS_PER_SLOT + 10; head++) addToPool(pool, vote([1], data(4, head)), signatures);
    expect(pool.groups.get(4)).toHaveLength(MAX_GROUPS_PER_SLOT);
    for (let i = 1; i < MEMBERS; i++) addToPool(pool, vote([0, i], data(6)), signatures);
    expect([...aggregates(pool)].filter(({ data: { slot } }) => slot === 6).length).toBeLessThanOrEqual(MAX_AGGREGATES_PER_GROUP);
    expect(countBits(Uint8Array.from([255, 1]))).toBe(9);
  });
});
