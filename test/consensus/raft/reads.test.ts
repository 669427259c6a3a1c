/** Linearizable reads (Ongaro's dissertation, section 6.4), of a leader and of who follows it. */
import { describe, expect, it } from 'vitest';
import type { NodeId } from '../../../src/base/types.ts';
import { GENESIS } from '../../simulator/support.ts';
import { B, blockOf, C, D } from '../members/world.ts';
import { placeOf, World } from './world.ts';

const ack = (world: World, from: NodeId, durable: number, round: number) =>
  world.receive(from, { type: 'ack', term: world.state.term, durable, has: durable, round });

function roundOf(world: World): number {
  return world.state.role.role === 'leader' ? world.state.role.round : 0;
}

/** A leader whose first block is decided. */
function leader(): World {
  const world = new World();
  world.elect();
  ack(world, B, 1, 1);
  ack(world, C, 1, 1);
  world.take('append');
  return world;
}

describe('a read of the leader', () => {
  it('waits until a quorum has said after it that this node leads', () => {
    const world = leader();
    const before = roundOf(world);
    world.admin('read');
    expect(world.take('append')).toHaveLength(4);
    ack(world, B, 1, before);
    ack(world, C, 1, before);
    ack(world, D, 1, roundOf(world));
    expect(world.replies).toEqual([]);
    ack(world, B, 1, roundOf(world));
    expect(world.replies[0]?.result).toEqual({ height: 1 });
  });

  it('waits for a decided block of its own term', () => {
    const world = new World();
    world.elect();
    world.admin('read');
    for (const from of [B, C, D]) ack(world, from, 0, roundOf(world));
    expect(world.replies).toEqual([]);
    ack(world, B, 1, roundOf(world));
    ack(world, C, 1, roundOf(world));
    for (const from of [B, C, D]) ack(world, from, 1, roundOf(world));
    expect(world.replies[0]?.result).toEqual({ height: 1 });
  });

  it('waits for a round of its own where another is under way', () => {
    const world = leader();
    world.admin('read', {}, 1);
    const first = roundOf(world);
    world.admin('read', {}, 2);
    ack(world, B, 1, first);
    ack(world, C, 1, first);
    expect(world.replies.map(({ request }) => request)).toEqual([1]);
    ack(world, B, 1, roundOf(world));
    ack(world, C, 1, roundOf(world));
    expect(world.replies.map(({ request }) => request)).toEqual([1, 2]);
  });

  it('is not carried out by one who no longer leads', () => {
    const world = leader();
    world.admin('read');
    world.receive(C, { type: 'reject', term: 9, at: 0, hint: { height: 0, term: 0 }, stored: 0, round: 0 });
    for (let i = 0; i < 5; i++) world.fire('read');
    expect(world.replies[0]?.result).toMatchObject({ code: 'raft/read-timeout' });
    expect(world.timers.has('read')).toBe(false);
  });
});

describe('a read of who follows', () => {
  function follower(): World {
    const world = new World();
    world.receive(B, { type: 'append', term: 1, prev: placeOf(GENESIS.block), block: null, commit: 0, round: 1 });
    return world;
  }

  it('asks the leader, and waits until its own disk has that height', () => {
    const world = follower();
    world.admin('read');
    const [asked] = world.take('read');
    expect(asked?.to).toBe(B);
    const read = asked?.message.read ?? { incarnation: 0, number: 0 };
    world.receive(B, { type: 'readAt', read, height: 1 });
    expect(world.replies).toEqual([]);
    world.receive(B, { type: 'append', term: 1, prev: placeOf(GENESIS.block), block: blockOf(GENESIS.block, 1), commit: 1, round: 2 });
    expect(world.replies[0]?.result).toEqual({ height: 1 });
  });

  it('is answered by the head that it has, where that is enough', () => {
    const world = follower();
    world.admin('read');
    const read = world.take('read')[0]?.message.read ?? { incarnation: 0, number: 0 };
    world.receive(B, { type: 'readAt', read, height: 0 });
    expect(world.replies[0]?.result).toEqual({ height: 0 });
  });

  it('takes no answer to a read of an earlier life', () => {
    const world = follower();
    world.admin('read');
    const read = world.take('read')[0]?.message.read ?? { incarnation: 0, number: 0 };
    world.receive(B, { type: 'readAt', read: { ...read, incarnation: read.incarnation - 1 }, height: 0 });
    expect(world.replies).toEqual([]);
  });

  it('asks again, and gives up in the end', () => {
    const world = follower();
    world.admin('read');
    world.fire('read');
    expect(world.take('read')).toHaveLength(2);
    for (let i = 0; i < 5; i++) world.fire('read');
    expect(world.replies[0]?.result).toMatchObject({ code: 'raft/read-timeout' });
  });

  it('is not for nodes that are no members', () => {
    const world = new World({ self: 'node-9' as NodeId });
    world.admin('read');
    expect(world.replies[0]?.result).toMatchObject({ code: 'raft/read' });
  });

  it('is answered by the leader alone', () => {
    const world = follower();
    world.receive(C, { type: 'read', read: { incarnation: 1, number: 1 } });
    expect(world.take('readAt')).toEqual([]);
    const led = leader();
    led.receive(C, { type: 'read', read: { incarnation: 4, number: 2 } });
    ack(led, B, 1, roundOf(led));
    ack(led, C, 1, roundOf(led));
    expect(led.take('readAt')).toEqual([
      { to: C, message: { type: 'readAt', read: { incarnation: 4, number: 2 }, height: 1 }, type: 'send', after: expect.anything() },
    ]);
  });
});
