/** The leader: which epoch, whose history, what counts as decided, who is sent what, and when it steps down. */
import { describe, expect, it } from 'vitest';
import type { NodeId } from '../../../src/base/types.ts';
import type { Block } from '../../../src/chain/block.ts';
import { GENESIS } from '../../simulator/support.ts';
import { B, blocksOf, C, D, E, SELF } from '../members/world.ts';
import { lead, placeOf, World } from './world.ts';

const ack = (world: World, from: NodeId, durable: number, { isLed = true, has = durable, round = 0 } = {}) =>
  world.receive(from, { type: 'ack', epoch: world.state.epochs.accepted, isLed, durable, has, round });
const phase = ({ state: { role } }: World) => (role.role === 'looking' ? 'election' : role.phase);
const standing = (world: World, from: NodeId, block: Block, decided: number, epoch = world.state.epochs.accepted) => {
  world.receive(from, { type: 'followerInfo', accepted: 0, current: 0, last: { epoch: 0, height: 0 } });
  world.receive(from, { type: 'ackEpoch', epoch, isCounted: true, current: 0, last: placeOf(block), decided });
};

/** Established, with B and C. */
function established(): World {
  const world = new World();
  lead(world);
  for (const from of [B, C]) ack(world, from, 0);
  world.sent = [];
  return world;
}

/** A block with a transaction; the leader has it on disk. */
function work(world: World): void {
  world.pool = [Uint8Array.of(1)];
  world.step({ type: 'mempool', pending: 1 });
}

describe('discovery', () => {
  it('chooses an epoch that none of a quorum has accepted, and begins when a quorum has', () => {
    const world = new World();
    lead(world);
    expect(world.state.epochs).toMatchObject({ accepted: 1, acceptedFrom: SELF });
    expect(phase(world)).toBe('synchronisation');
  });

  it('ends where a follower has a better history', () => {
    const world = new World();
    const own = { leader: SELF, current: 0, last: { epoch: 0, height: 0 }, isDesignated: false };
    for (const from of [B, C, D, E]) {
      world.receive(from, { type: 'notification', round: 1, status: 'looking', vote: own });
    }
    expect(phase(world)).toBe('discovery');
    world.receive(B, { type: 'followerInfo', accepted: 1, current: 1, last: { epoch: 1, height: 4 } });
    expect(phase(world)).toBe('election');
  });

  it('is given up when no quorum comes', () => {
    const world = new World();
    lead(world);
    world.tick(21);
    expect(phase(world)).toBe('election');
  });
});

describe('synchronisation', () => {
  it('is over when a quorum has the history and the epoch on disk, and not before', () => {
    const world = new World();
    lead(world);
    ack(world, B, 0);
    ack(world, C, 0, { isLed: false });
    expect(phase(world)).toBe('synchronisation');
    ack(world, C, 0);
    expect(phase(world)).toBe('broadcast');
  });

  it('sends what is missing after the last common block, or after what is decided where there is none', () => {
    const world = established();
    work(world);
    for (const from of [B, C]) ack(world, from, 1);
    work(world);
    world.sent = [];
    const [first] = world.state.history.last.height === 2 ? [world.state.history.entry(1)?.block ?? GENESIS.block] : [GENESIS.block];
    standing(world, D, first, 0);
    expect(world.take('propose').map(({ to, message }) => [to, message.block.header.number])).toEqual([[D, 2]]);
    const [, other] = blocksOf(GENESIS.block, [1, 1], 8) as [Block, Block];
    standing(world, D, other, 0);
    expect(world.take('propose').map(({ message }) => message.block.header.number)).toEqual([1, 2]);
  });

  it('begins again in a later epoch when a follower has promised to enter one', () => {
    const world = established();
    world.receive(D, { type: 'followerInfo', accepted: 5, current: 0, last: { epoch: 0, height: 0 } });
    expect(phase(world)).toBe('election');
  });
});

describe('broadcast', () => {
  it('goes to all who acknowledged the epoch, and is decided with a quorum', () => {
    const world = established();
    work(world);
    expect(world.take('propose').map(({ to }) => to)).toEqual([B, C]);
    ack(world, B, 1);
    expect(world.head).toBe(0);
    ack(world, C, 1);
    expect(world.head).toBe(1);
    expect(world.take('commit').map(({ to, message }) => [to, message.height])).toEqual([
      [B, 1],
      [C, 1],
    ]);
  });

  it('does not count what a follower has in memory, nor one that is not led', () => {
    const world = established();
    work(world);
    ack(world, B, 0, { has: 1 });
    standing(world, C, GENESIS.block, 0);
    ack(world, C, 1, { isLed: false });
    expect(world.head).toBe(0);
  });

  it('sends again what does not arrive although later messages do', () => {
    const world = established();
    work(world);
    world.take('propose');
    for (let round = 0; round < 3; round++) {
      world.tick();
      const asked = world.sent.findLast(({ to, message }) => to === B && message.type === 'commit')?.message;
      if (asked?.type === 'commit') ack(world, B, 0, { round: asked.round });
    }
    expect(world.take('propose').map(({ to, message }) => [to, message.block.header.number])).toContainEqual([B, 1]);
  });

  it('stops when no quorum answers', () => {
    const world = established();
    world.tick(5);
    expect(phase(world)).toBe('broadcast');
    world.tick();
    expect(phase(world)).toBe('election');
  });
});

describe('a read', () => {
  it('is answered when a quorum has answered a round that began after it', () => {
    const world = established();
    work(world);
    for (const from of [B, C]) ack(world, from, 1);
    world.sent = [];
    world.admin('read');
    const { round } = world.take('commit')[0]?.message ?? { round: 0 };
    ack(world, B, 1, { round: round - 1 });
    ack(world, C, 1, { round });
    expect(world.results).toEqual([]);
    ack(world, B, 1, { round });
    expect(world.results).toEqual([{ height: 1 }]);
  });
});
