/** A follower (figure 3.1, AppendEntries): what it takes, truncates, refuses and acknowledges, and when. */
import { describe, expect, it } from 'vitest';
import type { NodeId } from '../../../src/base/types.ts';
import type { Block } from '../../../src/chain/block.ts';
import { GENESIS } from '../../simulator/support.ts';
import { B, blockOf, blocksOf, C } from '../members/world.ts';
import { placeOf, World } from './world.ts';

const [A1, A2, A3] = blocksOf(GENESIS.block, [1, 1, 1]) as [Block, Block, Block];
/** Others from the second on, of a later leader. */
const [X2, X3] = blocksOf(A1, [2, 2], 7) as [Block, Block];

interface Said {
  readonly from?: NodeId;
  readonly term?: number;
  readonly commit?: number;
  readonly round?: number;
}

function append(world: World, prev: Block, block: Block | null, { from = B, term = 1, commit = 0, round = 1 }: Said = {}): void {
  world.receive(from, { type: 'append', term, prev: placeOf(prev), block, commit, round });
}

const acks = (world: World) => world.take('ack').map(({ to, message: { durable, has } }) => [to, durable, has]);

describe('a follower', () => {
  it('acknowledges a block when it is on disk, and executes it at once', () => {
    const world = new World({ slowDisk: true });
    append(world, GENESIS.block, A1);
    expect(world.chain.status(placeOf(A1).hash)).toBe('executed');
    world.flush();
    expect(acks(world)).toEqual([[B, 1, 1]]);
  });

  it('says of a heartbeat what is on disk, and what is not yet', () => {
    const world = new World();
    append(world, GENESIS.block, null);
    expect(acks(world)).toEqual([[B, 0, 0]]);
    world.slowDisk = true;
    append(world, GENESIS.block, A1, { round: 2 });
    append(world, A1, null, { round: 3 });
    expect(acks(world)).toEqual([[B, 0, 1]]);
    world.flush();
    expect(acks(world)).toEqual([[B, 1, 1]]);
  });

  it('does not answer what says nothing new', () => {
    const world = new World();
    append(world, GENESIS.block, null, { round: 4 });
    append(world, GENESIS.block, null, { round: 4 });
    expect(acks(world)).toHaveLength(1);
  });

  it('acknowledges again what it has, and writes it once', () => {
    const world = new World();
    append(world, GENESIS.block, A1);
    const records = world.records.length;
    append(world, GENESIS.block, A1);
    expect(acks(world)).toHaveLength(2);
    expect(world.records).toHaveLength(records);
  });

  it('refuses what does not follow, and says from where on it may', () => {
    const world = new World();
    append(world, GENESIS.block, A1);
    append(world, A2, A3);
    const [refusal] = world.take('reject');
    expect(refusal?.message).toMatchObject({ at: 2, hint: { height: 1, term: 1 }, stored: 0 });
    expect(world.state.log.last.height).toBe(1);
  });

  it('skips in its hint what is of a later term than the block that is refused', () => {
    const world = new World();
    for (const [prev, block] of [
      [GENESIS.block, A1],
      [A1, X2],
      [X2, X3],
    ] as const) {
      append(world, prev, block, { term: 2 });
    }
    append(world, A3, null, { term: 3, from: C });
    expect(world.take('reject').at(-1)?.message.hint).toEqual({ height: 1, term: 1 });
  });

  it('truncates what contradicts the leader, and nothing else', () => {
    const world = new World();
    append(world, GENESIS.block, A1);
    append(world, A1, A2);
    append(world, A2, A3);
    append(world, A1, A2);
    expect(world.state.log.last.height).toBe(3);
    append(world, A1, X2, { term: 2, from: C });
    expect(world.state.log.last).toMatchObject({ height: 2, hash: placeOf(X2).hash });
    expect(world.traces.filter(({ name }) => name === 'truncated')).toHaveLength(1);
    expect(world.restart().state.log.last.hash).toBe(placeOf(X2).hash);
  });

  it('does not acknowledge to a new leader what only the old one is known to have', () => {
    const world = new World();
    append(world, GENESIS.block, A1);
    append(world, A1, A2);
    acks(world);
    append(world, GENESIS.block, null, { term: 2, from: C });
    expect(acks(world)).toEqual([[C, 0, 0]]);
  });

  it('decides up to what matches the leader, however far the leader has come', () => {
    const world = new World();
    append(world, GENESIS.block, A1);
    append(world, A1, A2);
    append(world, GENESIS.block, null, { term: 2, from: C, commit: 2 });
    expect([world.state.commit, world.head]).toEqual([0, 0]);
    append(world, A1, X2, { term: 2, from: C, commit: 2 });
    expect(world.state.commit).toBe(2);
    expect(world.chain.head.hash).toBe(placeOf(X2).hash);
  });

  it('takes old messages about what is decided for what they are', () => {
    const world = new World();
    append(world, GENESIS.block, A1, { commit: 1 });
    append(world, A1, A2, { commit: 2 });
    acks(world);
    append(world, GENESIS.block, A1, { commit: 1 });
    expect(acks(world)).toEqual([[B, 2, 2]]);
    expect(world.state.commit).toBe(2);
  });

  it.each([
    ['of another parent', A1, blockOf(A2, 1), 'raft/not-a-child'],
    ['of a term after the leader’s', A1, blockOf(A1, 5), 'raft/block-term'],
    ['of a term before its parent’s', X2, blockOf(X2, 1), 'raft/block-term'],
    ['with a difficulty', A1, { ...A2, header: { ...A2.header, difficulty: 1n } }, 'members/difficulty'],
    ['of other members', A1, { ...A2, header: { ...A2.header, mixHash: GENESIS.block.header.parentHash } }, 'members/membership'],
    ['with a seal', A1, { ...A2, seal: Uint8Array.of(1) }, 'members/seal'],
  ])('blames who sends a block %s', (_what, prev, block, code) => {
    const world = new World();
    append(world, GENESIS.block, A1, { term: 2 });
    append(world, A1, X2, { term: 2 });
    const before = world.state.log.last;
    append(world, prev, block, { term: 2 });
    expect(world.offences).toEqual([{ from: B, code }]);
    expect(world.state.log.last).toBe(before);
  });

  it('gives up a log that the chain has left, and acknowledges what the chain on disk has', () => {
    const world = new World();
    append(world, GENESIS.block, A1);
    append(world, A1, A2);
    acks(world);
    world.receive(C, { type: 'chunk', term: 2, blocks: [A1, X2, X3], certificate: null });
    world.receive(C, { type: 'append', term: 2, prev: placeOf(X3), block: null, commit: 3, round: 9 });
    expect(world.head).toBe(3);
    expect(world.state.log.last).toMatchObject({ height: 3, hash: placeOf(X3).hash });
    expect(acks(world).at(-1)).toEqual([C, 3, 3]);
    expect(world.restart().state.log.last.height).toBe(3);
  });
});

describe('a chunk', () => {
  it('of decided blocks becomes the head without a record, and is acknowledged when it is on disk', () => {
    const world = new World();
    world.receive(B, { type: 'chunk', term: 1, blocks: [A1, A2, A3], certificate: null });
    expect(world.head).toBe(3);
    expect(world.records).toHaveLength(1);
    expect(acks(world).at(-1)).toEqual([B, 3, 3]);
  });

  it('that does not follow what is here is left alone', () => {
    const world = new World();
    world.receive(B, { type: 'chunk', term: 1, blocks: [A3], certificate: null });
    expect([world.head, world.offences]).toEqual([0, []]);
  });

  it('whose blocks do not follow each other is an offence', () => {
    const world = new World();
    world.receive(B, { type: 'chunk', term: 1, blocks: [A1, A3], certificate: null });
    expect(world.offences).toEqual([{ from: B, code: 'raft/not-a-child' }]);
    expect(world.head).toBe(0);
  });

  it('with a certificate that proves nothing is an offence as well', () => {
    const world = new World();
    world.receive(B, { type: 'chunk', term: 1, blocks: [A1], certificate: Uint8Array.of(1, 2, 3) });
    expect(world.offences).toEqual([{ from: B, code: 'members/certificate' }]);
  });
});
