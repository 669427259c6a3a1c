/** Who decides, and how many are enough. */
import { describe, expect, it } from 'vitest';
import { NodeId } from '../../../src/base/types.ts';
import { faultyOf, type Member, Membership, quorumOf } from '../../../src/consensus/members/membership.ts';
import { TAG_KEYS } from '../../../src/simulator/tags.ts';

const MEMBERS: readonly Member[] = [0, 1, 2, 3].map((i) => ({ node: NodeId(`n${i}`), publicKey: TAG_KEYS.signer(i, 0).publicKey }));

describe('quorums', () => {
  it.each([
    [3, 2, 1],
    [4, 3, 1],
    [5, 3, 2],
    [7, 4, 3],
  ])('of %i members that crash are %i, and bear %i', (members, quorum, faulty) => {
    expect([quorumOf(members, 'crash'), faultyOf(members, 'crash')]).toEqual([quorum, faulty]);
  });

  it.each([
    [4, 3, 1],
    [5, 4, 1],
    [6, 4, 1],
    [7, 5, 2],
    [10, 7, 3],
  ])('of %i members that may lie are %i, and bear %i', (members, quorum, faulty) => {
    expect([quorumOf(members, 'byzantine'), faultyOf(members, 'byzantine')]).toEqual([quorum, faulty]);
  });

  it('always meet, in a member that follows the protocol, and are there without the faulty ones', () => {
    for (let members = 3; members <= 255; members++) {
      expect(2 * quorumOf(members, 'crash') - members).toBeGreaterThan(0);
      expect(members - faultyOf(members, 'crash')).toBeGreaterThanOrEqual(quorumOf(members, 'crash'));
      if (members < 4) continue;
      expect(2 * quorumOf(members, 'byzantine') - members).toBeGreaterThan(faultyOf(members, 'byzantine'));
      expect(members - faultyOf(members, 'byzantine')).toBeGreaterThanOrEqual(quorumOf(members, 'byzantine'));
    }
  });
});

describe('a membership', () => {
  it('knows its places, and strangers as such', () => {
    const membership = new Membership(MEMBERS, 'byzantine');
    expect(membership).toMatchObject({ size: 4, quorum: 3, faulty: 1 });
    expect([membership.placeOf(NodeId('n2')), membership.placeOf(NodeId('stranger'))]).toEqual([2, undefined]);
    expect([membership.nodeAt(3), membership.nodeAt(4)]).toEqual(['n3', undefined]);
    expect([...membership.others(NodeId('n1'))]).toEqual(['n0', 'n2', 'n3']);
  });

  it('has an id that its members and their order make', () => {
    const { id } = new Membership(MEMBERS, 'crash');
    expect(new Membership(MEMBERS, 'byzantine').id).toBe(id);
    expect(new Membership([...MEMBERS].reverse(), 'crash').id).not.toBe(id);
    expect(new Membership(MEMBERS.slice(1), 'crash').id).not.toBe(id);
  });

  it('has nobody twice', () => {
    expect(() => new Membership([...MEMBERS, ...MEMBERS], 'crash')).toThrow(/another node/);
  });
});
