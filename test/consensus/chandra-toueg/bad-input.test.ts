/**
 * What a peer may send that no member following the protocol does: each is refused by its own error, or is dropped where an
 * honest message that comes late looks the same; and the node is afterwards as it was before.
 */
import { describe, expect, it } from 'vitest';
import type { NodeId } from '../../../src/base/types.ts';
import type { Block } from '../../../src/chain/block.ts';
import type { ChandraTouegMessage } from '../../../src/consensus/chandra-toueg/messages.ts';
import { GENESIS } from '../../simulator/support.ts';
import { B, blockOf, C, D, E, hashOfBlock, SELF, STRANGER } from '../members/world.ts';
import { World } from './world.ts';

const whole = (block: Block) => ({ hash: hashOfBlock(block), block });
const named = (block: Block) => ({ hash: hashOfBlock(block), block: null });
const A1 = blockOf(GENESIS.block, 1, { name: 1 });
const A2 = blockOf(A1, 1, { name: 2 });
const X1 = blockOf(GENESIS.block, 1, { name: 7 });
const X2 = blockOf(X1, 1, { name: 8 });
const A9 = { ...A2, header: { ...A2.header, number: 9 } };
const LEAP = 2 ** 40;

/** Block 1 is decided. Of height 2 C coordinates round 1, D round 2, and this member round 4. */
function decided(): World {
  const world = new World();
  world.receive(B, { type: 'proposal', height: 1, round: 1, value: whole(A1) }, { type: 'decide', height: 1, value: named(A1) });
  expect(world.head).toBe(1);
  world.sent = [];
  return world;
}

const picture = ({ engine, state, head, chain }: World) => ({ inspected: engine.inspect(state), head, blocks: chain.blocks.size });

describe('a member', () => {
  const refused: readonly (readonly [string, NodeId, ChandraTouegMessage, string])[] = [
    ['anything of a stranger', STRANGER, { type: 'heartbeat', decided: 9 }, 'members/stranger'],
    ['a round that leaps', C, { type: 'newRound', height: 2, round: LEAP }, 'chandra-toueg/round'],
    ['a refusal that names a round that leaps', D, { type: 'nack', height: 2, round: 1, reached: LEAP }, 'chandra-toueg/round'],
    ['a height that leaps', C, { type: 'ask', height: LEAP }, 'chandra-toueg/height'],
    ['a decision that leaps', C, { type: 'heartbeat', decided: LEAP }, 'chandra-toueg/height'],
    ['a proposal of another than the coordinator', D, { type: 'proposal', height: 2, round: 1, value: whole(A2) }, 'chandra-toueg/round'],
    [
      'an estimate, where another coordinates',
      D,
      { type: 'estimate', height: 2, round: 1, timestamp: 0, value: null },
      'chandra-toueg/round',
    ],
    ['an acknowledgement, where another coordinates', D, { type: 'ack', height: 2, round: 1 }, 'chandra-toueg/round'],
    [
      'an estimate that was adopted later than it is sent',
      D,
      { type: 'estimate', height: 2, round: 4, timestamp: 4, value: named(A2) },
      'chandra-toueg/timestamp',
    ],
    [
      'an estimate that was adopted and is none',
      D,
      { type: 'estimate', height: 2, round: 4, timestamp: 3, value: null },
      'chandra-toueg/timestamp',
    ],
    ['a decision of another block', D, { type: 'decide', height: 1, value: whole(X1) }, 'chandra-toueg/contradicts-decided'],
    ['a decision that does not follow from the last', D, { type: 'decide', height: 2, value: whole(X2) }, 'chandra-toueg/not-a-child'],
    [
      'a block under the hash of another',
      D,
      { type: 'decide', height: 2, value: { hash: hashOfBlock(X2), block: A2 } },
      'chandra-toueg/other-block',
    ],
    ['a block of another height', D, { type: 'decide', height: 2, value: whole(A9) }, 'chandra-toueg/other-block'],
    ['a certificate that nobody signed', D, { type: 'certificate', certificate: new Uint8Array(180) }, 'members/certificate'],
  ];
  it.each(refused)('refuses %s', (_what, from, message, code) => {
    const world = decided();
    const before = picture(world);
    world.receive(from, message);
    expect(world.offences).toEqual([{ from, code }]);
    expect(picture(world)).toEqual(before);
  });

  it('does not adopt a block that does not follow from what is decided', () => {
    const world = decided();
    world.receive(C, { type: 'proposal', height: 2, round: 1, value: whole(X2) });
    expect(world.offences).toEqual([{ from: C, code: 'chandra-toueg/not-a-child' }]);
    expect(world.take('ack')).toEqual([]);
    expect(world.state.notes.get(2)?.timestamp ?? 0).toBe(0);
  });

  const late: readonly (readonly [string, NodeId, ChandraTouegMessage])[] = [
    ['an answer to a read that it did not ask', B, { type: 'answer', read: { incarnation: 1, number: 9 }, height: 0 }],
    ['a refusal of a round that it does not coordinate', D, { type: 'nack', height: 1, round: 1, reached: 2 }],
    ['an old decision', D, { type: 'decide', height: 1, value: named(A1) }],
  ];
  it.each(late)('drops %s', (_what, from, message) => {
    const world = decided();
    const before = picture(world);
    world.receive(from, message);
    expect(world.offences).toEqual([]);
    expect(picture(world)).toEqual(before);
  });

  it('asks once for what is decided in a flood from the future, and keeps nothing of it', () => {
    const world = decided();
    for (let height = 10; height < 500; height++) {
      world.receive(E, { type: 'proposal', height, round: 1, value: named(A2) }, { type: 'newRound', height, round: 2 });
    }
    expect(world.take('ask').length).toBeLessThanOrEqual(1);
    expect(world.state.notes.size).toBeLessThanOrEqual(1);
    expect(world.head).toBe(1);
  });

  it('has no leader to hand over, and no command that it does not know', () => {
    const world = decided();
    world.admin('transfer', { to: B });
    world.admin('dance');
    expect(world.results).toEqual([
      expect.objectContaining({ code: 'chandra-toueg/transfer' }),
      expect.objectContaining({ code: 'chandra-toueg/admin' }),
    ]);
    expect(world.self).toBe(SELF);
  });

  it('asks again a while later for a block that could not be built', () => {
    const world = decided();
    world.canBuild = false;
    world.work(Uint8Array.of(1));
    for (let i = 0; i < 6; i++) world.fire('heartbeat');
    world.fire('build');
    expect(world.state.initial).toBeNull();
    world.canBuild = true;
    world.fire('build');
    expect(world.state.initial?.height).toBe(2);
  });
});
