/**
 * What a peer may send that no member following the protocol does: each is refused by its own error, or is dropped where an
 * honest message that comes late looks the same; and the node is afterwards as it was before.
 */
import { describe, expect, it } from 'vitest';
import type { NodeId } from '../../../src/base/types.ts';
import type { Block } from '../../../src/chain/block.ts';
import type { ZabMessage } from '../../../src/consensus/zab/messages.ts';
import { GENESIS } from '../../simulator/support.ts';
import { B, blocksOf, C, D, hashOfBlock, SELF, STRANGER } from '../members/world.ts';
import { follow, lead, placeOf, World } from './world.ts';

const [A1, A2, A3, A4] = blocksOf(GENESIS.block, [1, 1, 1, 1]) as [Block, Block, Block, Block];
const [X1, X2, X3] = blocksOf(GENESIS.block, [1, 1, 1], 7) as [Block, Block, Block];
const [FUTURE] = blocksOf(A2, [9]) as [Block];
const LEAP = 2 ** 40;
const GENESIS_ZXID = { epoch: 0, height: 0 };
const vote = (leader: NodeId) => ({ leader, current: 0, last: GENESIS_ZXID, isDesignated: false });
const proposal = (block: Block, before: Block, epoch = 1): ZabMessage => ({ type: 'propose', epoch, before: placeOf(before), block });
const snapshot = (blocks: readonly Block[], certificate: Uint8Array | null = null): ZabMessage => ({
  type: 'snapshot',
  epoch: 1,
  blocks,
  certificate,
});

/** Follows B in epoch 1; blocks 1 and 2 are decided. */
function following(): World {
  const world = new World();
  follow(world);
  world.receive(B, { type: 'newEpoch', epoch: 1 }, { type: 'newLeader', epoch: 1, initial: placeOf(GENESIS.block), round: 1 });
  world.receive(B, proposal(A1, GENESIS.block), proposal(A2, A1), { type: 'commit', epoch: 1, height: 2, round: 2 });
  expect(world.head).toBe(2);
  world.sent = [];
  return world;
}

/** Leads B and C in epoch 1. */
function leading(): World {
  const world = new World();
  lead(world);
  for (const from of [B, C]) world.receive(from, { type: 'ack', epoch: 1, isLed: true, durable: 0, has: 0, round: 0 });
  world.sent = [];
  return world;
}

const picture = ({ state, engine, head }: World) => ({ inspected: engine.inspect(state), round: state.round, head });

describe('a member that follows', () => {
  const refused: readonly (readonly [string, NodeId, ZabMessage, string])[] = [
    ['anything of a stranger', STRANGER, { type: 'newEpoch', epoch: 2 }, 'members/stranger'],
    ['an epoch that leaps', B, { type: 'newEpoch', epoch: LEAP }, 'zab/epoch-leap'],
    ['an election that leaps', D, { type: 'notification', round: LEAP, status: 'looking', vote: vote(D) }, 'zab/round-leap'],
    ['a vote for a stranger', D, { type: 'notification', round: 1, status: 'looking', vote: vote(STRANGER) }, 'zab/vote'],
    ['a block that is no child', B, { ...proposal(A3, A2), block: X3 } as ZabMessage, 'zab/not-a-child'],
    ['a block of an epoch to come', B, proposal(FUTURE, A2), 'zab/block-epoch'],
    ['a snapshot that is no chain', B, snapshot([A3, X3]), 'zab/not-a-child'],
    ['a snapshot of another history', B, snapshot([X1, X2, X3]), 'zab/contradicts-decided'],
    ['a snapshot of an epoch to come', B, snapshot([FUTURE]), 'zab/block-epoch'],
    ['a certificate that nobody signed', D, { type: 'certificate', certificate: new Uint8Array(180) }, 'members/certificate'],
  ];
  it.each(refused)('refuses %s', (_what, from, message, code) => {
    const world = following();
    const before = picture(world);
    world.receive(from, message);
    expect(world.offences).toEqual([{ from, code }]);
    expect(picture(world)).toEqual(before);
  });

  const late: readonly (readonly [string, NodeId, ZabMessage])[] = [
    ['what another than its leader says', C, proposal(A3, A2)],
    ['what its leader says in an older epoch', B, proposal(A3, A2, 0)],
    ['what its leader says in a later epoch', B, proposal(A3, A2, 2)],
    ['a proposal above a hole', B, proposal(A4, A3)],
    ['a decision beyond what it has, but for what it has', B, { type: 'commit', epoch: 1, height: 2 ** 40, round: 0 }],
    ['a snapshot that begins nobody knows where', B, snapshot([A4])],
    ['an acknowledgement', B, { type: 'ack', epoch: 1, isLed: true, durable: 1, has: 1, round: 1 }],
    ['an answer to a read that it did not ask', B, { type: 'readAt', read: { incarnation: 1, number: 7 }, height: 0 }],
    ['that somebody else hands over', C, { type: 'handOver', epoch: 1, to: D }],
  ];
  it.each(late)('drops %s', (_what, from, message) => {
    const world = following();
    const before = picture(world);
    world.receive(from, message);
    expect(world.offences).toEqual([]);
    expect(picture(world)).toEqual(before);
  });

  it('goes on with what is right after a flood from the future', () => {
    const world = following();
    const size = () => world.chain.blocks.size;
    const before = size();
    for (let i = 0; i < 500; i++) world.receive(B, proposal(A4, A3), proposal(A3, A2, 2 + i));
    expect(size()).toBe(before);
    world.receive(B, proposal(A3, A2), proposal(A4, A3), { type: 'commit', epoch: 1, height: 4, round: 3 });
    expect(world.chain.head.hash).toBe(hashOfBlock(A4));
  });
});

describe('a member that leads', () => {
  const refused: readonly (readonly [string, ZabMessage, string])[] = [
    ['a follower whose epoch leaps', { type: 'followerInfo', accepted: LEAP, current: 0, last: GENESIS_ZXID }, 'zab/epoch-leap'],
    ['that blocks are acknowledged which there are not', { type: 'ack', epoch: 1, isLed: true, durable: 9, has: 9, round: 0 }, 'zab/ack'],
    ['that a round is answered which has not begun', { type: 'ack', epoch: 1, isLed: true, durable: 0, has: 0, round: 99 }, 'zab/ack'],
  ];
  it.each(refused)('refuses %s', (_what, message, code) => {
    const world = leading();
    const before = picture(world);
    world.receive(B, message);
    expect(world.offences).toEqual([{ from: B, code }]);
    expect(picture(world)).toEqual(before);
  });

  it('does not count an answer of another epoch', () => {
    const world = leading();
    world.work(Uint8Array.of(1));
    for (const from of [B, C]) world.receive(from, { type: 'ack', epoch: 7, isLed: true, durable: 1, has: 1, round: 0 });
    expect(world.head).toBe(0);
  });

  it('has no command that it does not know', () => {
    const world = leading();
    for (const name of ['dance', 'toString']) world.admin(name);
    expect(world.results).toEqual([expect.objectContaining({ code: 'zab/admin' }), expect.objectContaining({ code: 'zab/admin' })]);
    expect(world.self).toBe(SELF);
  });
});
