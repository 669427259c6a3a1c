/** Changes of members: their encoding, the steps that are allowed, and where the chain says who decides. */
import { describe, expect, it } from 'vitest';
import { present } from '../../../src/base/assert.ts';
import type { Hash } from '../../../src/base/types.ts';
import { type Block, payloadCommitment } from '../../../src/chain/block.ts';
import { hashHeader } from '../../../src/chain/header.ts';
import { encodeRlp } from '../../../src/chain/rlp.ts';
import type { ChainView } from '../../../src/chain/tree.ts';
import {
  checkChange,
  decodeChange,
  decodeMembership,
  encodeChange,
  encodeMembership,
  forgetting,
  learning,
  promoting,
  removing,
  settling,
} from '../../../src/consensus/members/changes.ts';
import { Councils } from '../../../src/consensus/members/councils.ts';
import { Membership } from '../../../src/consensus/members/membership.ts';
import { placeId } from '../../../src/simulator/places.ts';
import { TAG_KEYS } from '../../../src/simulator/tags.ts';
import { childOf, GENESIS, nodeOf } from '../../simulator/support.ts';

const memberOf = (place: number) => ({ node: placeId(place), publicKey: TAG_KEYS.signer(place, 0).publicKey });
const { signatures } = TAG_KEYS;
const PLAIN = new Membership([0, 1, 2].map(memberOf), 'crash');
const LEARNING = learning(PLAIN, memberOf(3));
const JOINT = promoting(LEARNING, memberOf(3));
const FOUR = settling(JOINT);
const LEAVING = removing(PLAIN, placeId(0));

describe('a membership', () => {
  it('keeps its id while it is plain, and has another with every step', () => {
    expect(new Membership(PLAIN.voters, 'crash', { learners: [], incoming: null }).id).toBe(PLAIN.id);
    expect(forgetting(LEARNING, placeId(3)).id).toBe(PLAIN.id);
    expect(new Set([PLAIN, LEARNING, JOINT, FOUR, LEAVING, settling(LEAVING)].map(({ id }) => id)).size).toBe(6);
  });

  it('that is joint decides with a quorum of each side', () => {
    expect(JOINT.members.map(({ node }) => node)).toEqual([0, 1, 2, 3].map(placeId));
    expect(
      [
        [0, 1],
        [0, 3],
        [0, 1, 3],
        [1, 2, 3],
        [0, 1, 2],
      ].map((places) => JOINT.isQuorum(places)),
    ).toEqual([false, false, true, true, true]);
    expect(
      [
        [0, 1],
        [1, 2],
        [0, 2],
      ].map((places) => LEAVING.isQuorum(places)),
    ).toEqual([false, true, false]);
  });

  it('tells learners, who have no place', () => {
    expect([...LEARNING.audience(placeId(0))]).toEqual([1, 2, 3].map(placeId));
    expect([...LEARNING.others(placeId(0))]).toEqual([1, 2].map(placeId));
    expect([LEARNING.placeOf(placeId(3)), LEARNING.has(placeId(3)), PLAIN.has(placeId(3))]).toEqual([undefined, true, false]);
  });

  it.each([PLAIN, LEARNING, JOINT, FOUR, LEAVING])('is read as it was written', (membership) => {
    expect(decodeMembership(encodeMembership(membership), 'crash', signatures).id).toBe(membership.id);
    const certificate = Uint8Array.of(1, 2, 3);
    const change = decodeChange(encodeChange({ membership, certificate }), 'crash', signatures);
    expect([change.membership.id, change.certificate]).toEqual([membership.id, certificate]);
  });
});

describe('a payload', () => {
  const key = new Uint8Array(48);
  const none = new Uint8Array(0);
  it.each([
    ['no list', Uint8Array.of(1)],
    ['too few fields', encodeRlp([1, [], [], []])],
    ['another format', encodeRlp([2, [], [], [], none])],
    ['nobody', encodeRlp([1, [], [], [], none])],
    ['a key that is none', encodeRlp([1, [[Uint8Array.of(65), key]], [], [], none])],
    ['somebody twice', encodeChange({ membership: { ...LEARNING, learners: [memberOf(0)] } as unknown as Membership, certificate: null })],
    [
      'one key for two',
      encodeChange({
        membership: { ...LEARNING, learners: [{ ...memberOf(0), node: placeId(9) }] } as unknown as Membership,
        certificate: null,
      }),
    ],
    ['more than there may be', new Uint8Array(100_000).fill(0xc1)],
  ])('with %s is refused', (_what, payload) => {
    expect(() => decodeChange(payload, 'crash', signatures)).toThrow(expect.objectContaining({ code: 'members/payload' }));
  });
});

describe('a step', () => {
  it.each([
    [PLAIN, LEARNING],
    [LEARNING, PLAIN],
    [LEARNING, JOINT],
    [JOINT, FOUR],
    [PLAIN, LEAVING],
    [LEAVING, settling(LEAVING)],
  ])('is allowed', (before, after) => {
    expect(() => checkChange(before, after, 1)).not.toThrow();
  });

  it.each([
    ['no change', PLAIN, PLAIN],
    ['a voter who was no learner', PLAIN, promoting(LEARNING, memberOf(3))],
    ['voters without a joint membership', LEARNING, FOUR],
    ['two learners at once', PLAIN, learning(LEARNING, memberOf(4))],
    ['the way back', JOINT, LEARNING],
    ['one joint membership after another', JOINT, LEAVING],
    ['the last voter', new Membership([memberOf(0)], 'crash'), new Membership([memberOf(0)], 'crash', { incoming: [memberOf(1)] })],
    ['another order', PLAIN, new Membership([1, 0, 2].map(memberOf), 'crash', { learners: [memberOf(3)] })],
  ])('that is %s is not', (_what, before, after) => {
    expect(() => checkChange(before, after, 1)).toThrow(expect.objectContaining({ code: 'members/change' }));
  });
});

describe('who decides', () => {
  const hashOf = ({ header }: Block): Hash => hashHeader(header);
  const payload = encodeChange({ membership: LEARNING, certificate: null });
  const plain = (parent: Block, id = PLAIN.id) => childOf(parent, 0, { mixHash: id, extraData: '0x' });

  /** A chain of so many blocks, of which one brings a learner, and another takes it away. */
  function chainWith(length: number, comes: number, goes: number): Block[] {
    const blocks = [GENESIS.block];
    for (let height = 1; height <= length; height++) {
      const parent = present(blocks.at(-1), 'the last');
      const membership = height === comes ? LEARNING : PLAIN;
      const isChange = height === comes || height === goes;
      const bytes = isChange ? encodeChange({ membership, certificate: null }) : new Uint8Array(0);
      const id = height >= comes && height < goes ? LEARNING.id : PLAIN.id;
      blocks.push({ ...childOf(parent, 0, { mixHash: id, extraData: payloadCommitment(bytes) }), payload: bytes });
    }
    return blocks;
  }

  function viewOf(blocks: readonly Block[], seen: Hash[] = []): ChainView {
    const byHash = new Map(blocks.map((block) => [hashOf(block), block]));
    const get = (hash: Hash) => {
      seen.push(hash);
      const block = byHash.get(hash);
      return block && nodeOf(block);
    };
    const head = nodeOf(present(blocks.at(-1), 'the last'));
    const canonical = (number: number) => blocks[number] && hashOf(blocks[number]);
    return { head, get, canonical, block: (hash: Hash) => byHash.get(hash) } as unknown as ChainView;
  }

  const councils = () => new Councils({ ...GENESIS.params, engine: { name: 'raft', settings: {} } }, PLAIN, signatures, []);

  it('is found from the head down, and in few steps', () => {
    const seen: Hash[] = [];
    expect(councils().atHead(viewOf(chainWith(1_000, 137, 2_000), seen)).membership.id).toBe(LEARNING.id);
    expect(seen.length).toBeLessThan(20);
  });

  it('is found for a block that is not the head', () => {
    const blocks = chainWith(30, 7, 20);
    const view = viewOf(blocks);
    const idAt = (height: number) => councils().at(nodeOf(present(blocks[height], 'a block')), view)?.membership.id;
    expect([0, 6, 7, 19, 20, 30].map(idAt)).toEqual([PLAIN, PLAIN, LEARNING, LEARNING, PLAIN, PLAIN].map(({ id }) => id));
    const cut = viewOf(blocks.slice(12));
    expect(councils().at(nodeOf(present(blocks[15], 'a block')), cut)).toBeUndefined();
  });

  it('is nobody here below the block on which the engine began: others decided there, whatever its blocks name', () => {
    const blocks = chainWith(30, 7, 20);
    const params = { ...GENESIS.params, engine: { name: 'raft', settings: {} }, baseHeight: 15 };
    const family = new Councils(params, PLAIN, signatures, []);
    const idAt = (height: number) => family.at(nodeOf(present(blocks[height], 'a block')), viewOf(blocks))?.membership.id;
    expect([3, 14, 15, 20].map(idAt)).toEqual([undefined, undefined, PLAIN.id, PLAIN.id]);
  });

  it('is what the parent names, unless a payload says otherwise; what carries something else names the same', () => {
    const [family, view] = [councils(), viewOf([GENESIS.block])];
    const parent = nodeOf(GENESIS.block);
    expect(family.admit(plain(GENESIS.block), parent, view).membership.id).toBe(PLAIN.id);
    const foreign = { ...plain(GENESIS.block), payload: Uint8Array.of(0xff, 1) };
    expect(family.admit(foreign, parent, view).membership.id).toBe(PLAIN.id);
    const change = { ...plain(GENESIS.block, LEARNING.id), payload };
    expect(family.admit(change, parent, view).membership.id).toBe(LEARNING.id);
    expect(() => family.admit(plain(GENESIS.block, LEARNING.id), parent, view)).toThrow(
      expect.objectContaining({ code: 'members/membership' }),
    );
    const orphan = plain(childOf(plain(GENESIS.block, JOINT.id), 0, { mixHash: JOINT.id }), JOINT.id);
    expect(() => family.admit(orphan, nodeOf(plain(plain(GENESIS.block, JOINT.id), JOINT.id)), view)).toThrow(
      expect.objectContaining({ code: 'members/unknown', blame: false }),
    );
  });
});
