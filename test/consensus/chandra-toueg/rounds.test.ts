/** Rounds as one member sees them: phases 1 to 4 of figure 6, who is waited for, and what is on disk before it is said. */
import { describe, expect, it } from 'vitest';
import type { NodeId } from '../../../src/base/types.ts';
import type { Block } from '../../../src/chain/block.ts';
import { encodeRecord } from '../../../src/consensus/chandra-toueg/records.ts';
import { GENESIS } from '../../simulator/support.ts';
import { blockOf, hashOfBlock, NODES, STRANGER } from '../members/world.ts';
import { World } from './world.ts';

/** Coordinators of rounds 1, 2 and 3 at height 1, among five members; the two others. */
const [, FIRST, SECOND, THIRD] = NODES as [NodeId, NodeId, NodeId, NodeId, NodeId];
const SELF = NODES[0] as NodeId;
const OTHERS = [SECOND, THIRD, NODES[4] as NodeId];
const A = blockOf(GENESIS.block, 1, { name: 1 });
const B = blockOf(GENESIS.block, 2, { name: 2 });
const whole = (block: Block) => ({ hash: hashOfBlock(block), block });
const named = (block: Block) => ({ hash: hashOfBlock(block), block: null });

/** Time passes; those who are named are heard in every heartbeat. */
function wait(world: World, heartbeats: number, heard: readonly NodeId[]): void {
  for (let i = 0; i < heartbeats; i++) {
    for (const from of heard) world.receive(from, { type: 'heartbeat', decided: 0 });
    world.fire('heartbeat');
  }
}

describe('a member that does not coordinate', () => {
  it('adopts what the coordinator proposes, and acknowledges it when it is on disk', () => {
    const world = new World({ slowDisk: true });
    world.receive(FIRST, { type: 'proposal', height: 1, round: 1, value: whole(A) });
    expect(world.take('ack')).toEqual([]);
    world.flush();
    expect(world.take('ack').map(({ to, message }) => [to, message.round])).toEqual([[FIRST, 1]]);
    expect(world.head).toBe(0);
  });

  it('has the same estimate after a crash, and acknowledges the same again', () => {
    const world = new World();
    world.receive(FIRST, { type: 'proposal', height: 1, round: 1, value: whole(A) });
    const again = world.restart();
    expect(again.take('ack').map(({ to }) => to)).toEqual([FIRST]);
    again.receive(SECOND, { type: 'newRound', height: 1, round: 2 });
    expect(again.take('estimate')).toMatchObject([{ to: SECOND, message: { round: 2, timestamp: 1, value: { hash: hashOfBlock(A) } } }]);
  });

  it('starts from a log whose oldest records are gone, once it was written anew', () => {
    const named = { type: 'estimate', height: 1, timestamp: 3, block: null } as const;
    const anew = { type: 'estimate', height: 1, timestamp: 4, block: B } as const;
    const world = new World({ records: [named, anew, { ...named, timestamp: 5 }].map(encodeRecord) });
    expect(world.state.notes.get(1)).toMatchObject({ round: 5, timestamp: 5, hash: hashOfBlock(B), firstLsn: 1, records: 3 });
  });

  it('writes what it knows anew after many rounds, and needs no older record', () => {
    const world = new World();
    world.receive(FIRST, { type: 'proposal', height: 1, round: 1, value: whole(A) });
    for (let round = 2; round <= 119; round++) {
      const from = NODES[(1 + round - 1) % NODES.length] as NodeId;
      if (from !== SELF) world.receive(from, { type: 'newRound', height: 1, round });
    }
    expect(world.records.length).toBeLessThan(64);
    const note = world.restart().state.notes.get(1);
    expect(note).toMatchObject({ round: 119, timestamp: 1, hash: hashOfBlock(A) });
  });

  it('refuses a round that it has left, also after a crash', () => {
    const world = new World();
    world.receive(THIRD, { type: 'newRound', height: 1, round: 3 });
    expect(world.take('estimate')).toMatchObject([{ to: THIRD, message: { round: 3, timestamp: 0, value: null } }]);
    const again = world.restart();
    again.receive(FIRST, { type: 'proposal', height: 1, round: 1, value: whole(A) });
    expect(again.take('ack')).toEqual([]);
    expect(again.take('nack')).toMatchObject([{ to: FIRST, message: { round: 1, reached: 3 } }]);
  });

  it('does not wait for a coordinator that it suspects: it refuses it, and goes on to the next who is well', () => {
    const world = new World();
    world.receive(FIRST, { type: 'proposal', height: 1, round: 1, value: named(A) });
    wait(world, 7, [THIRD, NODES[4] as NodeId]);
    expect(world.take('nack')).toMatchObject([{ to: FIRST, message: { round: 1, reached: 3 } }]);
    expect(world.take('estimate').at(-1)).toMatchObject({ to: THIRD, message: { round: 3 } });
  });

  it('loses patience with a coordinator that lives and does nothing', () => {
    const world = new World();
    world.receive(FIRST, { type: 'proposal', height: 1, round: 1, value: named(A) });
    wait(world, 9, [FIRST, ...OTHERS]);
    expect(world.take('nack')).toEqual([]);
    wait(world, 2, [FIRST, ...OTHERS]);
    expect(world.take('nack')).toMatchObject([{ to: FIRST, message: { round: 1, reached: 2 } }]);
  });

  it('says again what nobody answers, ever more seldom', () => {
    const world = new World();
    world.receive(FIRST, { type: 'proposal', height: 1, round: 1, value: whole(A) });
    world.take('ack');
    wait(world, 9, [FIRST, ...OTHERS]);
    expect(world.take('ack')).toHaveLength(2);
  });

  it('passes a decision on to all others but the one who told it, once', () => {
    const world = new World();
    world.receive(FIRST, { type: 'proposal', height: 1, round: 1, value: whole(A) });
    world.receive(FIRST, { type: 'decide', height: 1, value: named(A) });
    world.receive(SECOND, { type: 'decide', height: 1, value: named(A) });
    expect(world.take('decide').map(({ to }) => to)).toEqual(OTHERS);
    expect(world.chain.head.hash).toBe(hashOfBlock(A));
  });

  it('answers who speaks of a decided instance with the decision', () => {
    const world = new World();
    world.receive(FIRST, { type: 'decide', height: 1, value: whole(A) });
    world.take('decide');
    world.receive(SECOND, { type: 'newRound', height: 1, round: 2 });
    expect(world.take('decide')).toMatchObject([{ to: SECOND, message: { height: 1, value: { hash: hashOfBlock(A), block: A } } }]);
  });

  it('asks who knows of more decisions', () => {
    const world = new World();
    world.receive(SECOND, { type: 'heartbeat', decided: 4 });
    expect(world.take('ask')).toMatchObject([{ to: SECOND, message: { height: 1 } }]);
  });

  it('asks for the blocks before a decision that is further ahead, and takes them in order', () => {
    const world = new World();
    const second = blockOf(A, 1);
    world.receive(SECOND, { type: 'decide', height: 2, value: named(second) });
    expect(world.take('ask')).toMatchObject([{ to: SECOND, message: { height: 1 } }]);
    world.receive(SECOND, { type: 'decide', height: 1, value: whole(A) });
    world.receive(SECOND, { type: 'decide', height: 2, value: whole(second) });
    expect(world.chain.head.hash).toBe(hashOfBlock(second));
  });

  it('holds against others what they may not say', () => {
    const world = new World();
    world.receive(SECOND, { type: 'proposal', height: 1, round: 1, value: whole(A) });
    world.receive(STRANGER, { type: 'heartbeat', decided: 9 });
    world.receive(FIRST, { type: 'newRound', height: 1, round: 5 * 2 ** 40 + 1 });
    world.receive(FIRST, { type: 'proposal', height: 1, round: 1, value: { hash: hashOfBlock(B), block: A } });
    expect(world.offences.map(({ code }) => code)).toEqual([
      'chandra-toueg/round',
      'members/stranger',
      'chandra-toueg/round',
      'chandra-toueg/other-block',
    ]);
    expect(world.take('ack')).toEqual([]);
  });
});

describe('a coordinator', () => {
  const coordinator = (options = {}) => new World({ self: FIRST, ...options });

  it('makes a block when there is work, and none for nothing', () => {
    const idle = coordinator();
    idle.step({ type: 'mempool', pending: 1 });
    expect(idle.take('proposal')).toEqual([]);
    const world = coordinator();
    world.pool = [Uint8Array.of(1)];
    world.step({ type: 'mempool', pending: 1 });
    expect(world.take('proposal').map(({ to }) => to)).toEqual(NODES.filter((node) => node !== FIRST));
  });

  it('proposes when its own estimate is on disk, and decides with a majority of acknowledgements', () => {
    const world = coordinator({ slowDisk: true });
    world.pool = [Uint8Array.of(1)];
    world.step({ type: 'mempool', pending: 1 });
    expect(world.take('proposal')).toEqual([]);
    world.flush();
    world.receive(SECOND, { type: 'ack', height: 1, round: 1 });
    expect(world.head).toBe(0);
    world.receive(THIRD, { type: 'ack', height: 1, round: 1 });
    expect(world.head).toBe(1);
    expect(world.take('decide')).toHaveLength(4);
  });

  it('proposes the same in the same round after a crash', () => {
    const world = coordinator();
    world.pool = [Uint8Array.of(1)];
    world.step({ type: 'mempool', pending: 1 });
    const [before] = world.take('proposal');
    const again = world.restart();
    expect(again.take('proposal')[0]?.message.value.hash).toBe(before?.message.value.hash);
  });

  it('of a later round asks for estimates, and proposes the one with the highest timestamp', () => {
    const world = new World({ self: THIRD });
    world.receive(SELF, { type: 'estimate', height: 1, round: 3, timestamp: 1, value: whole(A) });
    expect(world.take('newRound')).toHaveLength(4);
    world.receive(SECOND, { type: 'estimate', height: 1, round: 3, timestamp: 2, value: whole(B) });
    expect(new Set(world.take('proposal').map(({ message }) => message.value.hash))).toEqual(new Set([hashOfBlock(B)]));
  });

  it('waits for a majority that may still acknowledge, and else follows who has refused', () => {
    const world = coordinator();
    world.pool = [Uint8Array.of(1)];
    world.step({ type: 'mempool', pending: 1 });
    world.receive(SELF, { type: 'nack', height: 1, round: 1, reached: 2 });
    world.receive(THIRD, { type: 'nack', height: 1, round: 1, reached: 2 });
    expect(world.state.attempt?.round).toBe(1);
    world.receive(SECOND, { type: 'nack', height: 1, round: 1, reached: 2 });
    expect(world.state.attempt?.round).toBe(2);
    expect(world.take('estimate')).toMatchObject([{ to: SECOND, message: { round: 2, timestamp: 1 } }]);
  });
});

describe('an operator', () => {
  it('is shown the state, and refused what there is not', () => {
    const world = new World();
    world.admin('status');
    world.admin('dance');
    expect(world.replies[0]?.result).toMatchObject({ role: 'participant', leader: FIRST, height: 1, round: 1, suspected: [] });
    expect(world.replies[1]?.result).toMatchObject({ code: 'chandra-toueg/admin' });
  });

  it('reads what a majority has come up to, and not before this node shows it', () => {
    const world = new World();
    world.admin('read');
    const [{ message } = { message: null }] = world.take('query');
    const read = message?.read ?? { incarnation: 0, number: 0 };
    world.receive(FIRST, { type: 'answer', read, height: 0 });
    world.receive(SECOND, { type: 'answer', read, height: 1 });
    expect(world.replies).toEqual([]);
    world.receive(FIRST, { type: 'decide', height: 1, value: whole(A) });
    expect(world.replies.map(({ result }) => result)).toEqual([{ height: 1 }]);
  });

  it('is told when no majority answers', () => {
    const world = new World();
    world.admin('read');
    for (let i = 0; i < 10; i++) world.fire('read');
    expect(world.replies[0]?.result).toMatchObject({ code: 'chandra-toueg/read-timeout' });
  });
});
