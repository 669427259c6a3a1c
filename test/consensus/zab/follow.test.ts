/** The follower: which epochs it enters, what it takes over and in which order that comes to its disk, and what it decides. */
import { describe, expect, it } from 'vitest';
import type { Block } from '../../../src/chain/block.ts';
import type { ZabMessage } from '../../../src/consensus/zab/messages.ts';
import { GENESIS } from '../../simulator/support.ts';
import { B, blocksOf, C, hashOfBlock, type WorldOptions } from '../members/world.ts';

import { follow, placeOf, World } from './world.ts';

const proposal = (block: Block, epoch: number): ZabMessage => ({
  type: 'propose',
  epoch,
  before: { height: block.header.number - 1, hash: block.header.parentHash },
  block,
});
const newLeader = (block: Block, epoch: number, round = 1): ZabMessage => ({ type: 'newLeader', epoch, initial: placeOf(block), round });
const commit = (height: number, epoch: number, round = 2): ZabMessage => ({ type: 'commit', epoch, height, round });
const acks = (world: World) => world.take('ack').map(({ message: { isLed, durable, has } }) => ({ isLed, durable, has }));
const [A1, A2, A3] = blocksOf(GENESIS.block, [1, 1, 1]) as [Block, Block, Block];
const [, X2, X3] = [A1, ...blocksOf(A1, [2, 2], 7)] as [Block, Block, Block];

/** Follows B in epoch 1, and has these blocks, which are not decided. */
function following(blocks: readonly Block[], options: WorldOptions = {}): World {
  const world = new World(options);
  follow(world);
  world.receive(B, { type: 'newEpoch', epoch: 1 }, newLeader(GENESIS.block, 1), ...blocks.map((block) => proposal(block, 1)));
  world.sent = [];
  return world;
}

/** Has left that leader, and follows it again in this epoch. */
function again(world: World, epoch: number): void {
  world.tick(21);
  follow(world);
  world.receive(B, { type: 'newEpoch', epoch });
  world.sent = [];
}

describe('an epoch', () => {
  it('is entered once its number is on disk, and no earlier one after it', () => {
    const world = new World({ slowDisk: true });
    follow(world);
    world.receive(B, { type: 'newEpoch', epoch: 4 });
    expect(world.take('ackEpoch')).toEqual([]);
    world.flush();
    expect(world.take('ackEpoch').map(({ message }) => [message.epoch, message.isCounted])).toEqual([[4, true]]);
    again(world, 3);
    expect(world.state.role.role).toBe('looking');
    expect(world.state.epochs).toMatchObject({ accepted: 4, current: 0 });
  });

  it('counts for the leader who proposed it, and for no other with the same number', () => {
    const world = new World();
    follow(world);
    world.receive(B, { type: 'newEpoch', epoch: 1 });
    world.receive(B, { type: 'newEpoch', epoch: 1 });
    expect(world.take('ackEpoch').map(({ message }) => message.isCounted)).toEqual([true, true]);
    world.tick(21);
    follow(world, C);
    world.receive(C, { type: 'newEpoch', epoch: 1 });
    expect(world.take('ackEpoch').map(({ message }) => message.isCounted)).toEqual([false]);
  });

  it('is remembered after a crash', () => {
    const world = following([A1]);
    expect(world.restart().state).toMatchObject({ epochs: { accepted: 1, acceptedFrom: B, current: 1 } });
    expect(world.restart().state.history.last.hash).toBe(hashOfBlock(A1));
  });

  it('that leaps further than any network goes is an offence', () => {
    const world = new World();
    follow(world);
    world.receive(B, { type: 'newEpoch', epoch: 2 ** 40 });
    expect(world.codes).toEqual(['zab/epoch-leap']);
  });
});

describe('the history of a new leader', () => {
  it('is on disk before the epoch is, and that before it is acknowledged', () => {
    const world = new World({ slowDisk: true });
    follow(world);
    world.receive(B, { type: 'newEpoch', epoch: 2 });
    world.flush();
    world.receive(B, proposal(A1, 2), newLeader(A1, 2));
    expect(acks(world)).toEqual([{ isLed: false, durable: 0, has: 1 }]);
    expect(world.state.epochs.current).toBe(0);
    world.flush();
    expect(world.state.epochs.current).toBe(2);
    // What is on disk is said, but not yet that the epoch is.
    expect(acks(world).filter(({ isLed }) => isLed)).toEqual([]);
    world.flush();
    expect(acks(world).at(-1)).toEqual({ isLed: true, durable: 1, has: 1 });
  });

  it('is not taken over while a part of it is missing', () => {
    const world = new World();
    follow(world);
    world.receive(B, { type: 'newEpoch', epoch: 2 }, proposal(A2, 2), newLeader(A2, 2));
    expect(acks(world)).toEqual([{ isLed: false, durable: 0, has: 0 }]);
    world.receive(B, proposal(A1, 2), proposal(A2, 2), newLeader(A2, 2));
    expect(acks(world).at(-1)).toEqual({ isLed: true, durable: 2, has: 2 });
  });

  it('takes the place of a tail that it has not, also after a crash', () => {
    const world = following([A1, A2, A3]);
    again(world, 2);
    world.receive(B, newLeader(A1, 2));
    expect(world.state.history.last.height).toBe(1);
    expect(world.restart().state.history.last.height).toBe(1);
    world.receive(B, proposal(X2, 2), proposal(X3, 2));
    expect(world.restart().state.history.last.hash).toBe(hashOfBlock(X3));
  });

  it('keeps what the leader has proposed since', () => {
    const world = following([A1]);
    again(world, 2);
    world.receive(B, proposal(X2, 2), newLeader(A1, 2));
    expect(world.state.history.last.hash).toBe(hashOfBlock(X2));
  });
});

describe('a follower', () => {
  it('decides nothing before it has taken over the epoch', () => {
    const world = following([A1, A2]);
    again(world, 2);
    world.receive(B, commit(2, 2));
    expect(world.head).toBe(0);
    world.receive(B, newLeader(A2, 2), commit(2, 2));
    expect(world.head).toBe(2);
    expect(world.state.role).toMatchObject({ phase: 'broadcast' });
  });

  it('takes a proposal twice for once, and none with a hole before it', () => {
    const world = following([A1, A1]);
    expect(world.state.history.last.height).toBe(1);
    world.receive(B, proposal(A3, 1));
    expect(world.state.history.last.height).toBe(1);
    expect(world.codes).toEqual([]);
  });

  it('listens to its leader in its epoch only', () => {
    const world = following([A1]);
    world.receive(C, proposal(A2, 1), commit(1, 1));
    world.receive(B, proposal(A2, 0), commit(1, 0), proposal(A2, 2));
    expect(world.state.history.last.height).toBe(1);
    expect(world.head).toBe(0);
  });

  it('blames a leader that contradicts itself, or sends what is no child', () => {
    const world = following([A1, A2]);
    const [other] = blocksOf(A1, [1], 9) as [Block];
    world.receive(B, proposal(other, 1));
    world.receive(B, { type: 'propose', epoch: 1, before: { height: 2, hash: hashOfBlock(A2) }, block: X3 });
    expect(world.codes).toEqual(['zab/contradiction', 'zab/not-a-child']);
    expect(world.state.history.last.hash).toBe(hashOfBlock(A2));
  });

  it('looks for another leader when its own is silent', () => {
    const world = following([A1]);
    world.receive(B, commit(1, 1));
    world.tick(5);
    expect(world.state.role.role).toBe('following');
    world.tick();
    expect(world.state.role.role).toBe('looking');
  });

  it('takes decided blocks in a snapshot, and drops what they contradict', () => {
    const world = following([A1, A2]);
    again(world, 2);
    const [Y1, Y2] = blocksOf(GENESIS.block, [1, 2], 5) as [Block, Block];
    world.receive(B, { type: 'snapshot', epoch: 2, blocks: [Y1, Y2], certificate: null });
    world.tick();
    expect(world.head).toBe(2);
    expect(world.state.history.last.hash).toBe(hashOfBlock(Y2));
  });
});
