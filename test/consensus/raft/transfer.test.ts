/** The leadership handed over on the operator's wish (Ongaro's dissertation, section 3.10). */
import { describe, expect, it } from 'vitest';
import type { NodeId } from '../../../src/base/types.ts';
import { GENESIS } from '../../simulator/support.ts';
import { B, C, SELF } from '../members/world.ts';
import { placeOf, World } from './world.ts';

const ack = (world: World, from: NodeId, durable: number) =>
  world.receive(from, { type: 'ack', term: world.state.term, durable, has: durable, round: 1 });

function leader(): World {
  const world = new World();
  world.elect();
  ack(world, B, 1);
  ack(world, C, 1);
  return world;
}

describe('a transfer', () => {
  it('tells who is up to date to stand at once', () => {
    const world = leader();
    world.admin('transfer', { to: B });
    expect(world.take('timeoutNow').map(({ to }) => to)).toEqual([B]);
  });

  it('waits for who is not, and makes no blocks meanwhile', () => {
    const world = new World();
    world.elect();
    world.admin('transfer', { to: B });
    world.pool = [Uint8Array.of(1)];
    world.step({ type: 'mempool', pending: 1 });
    expect(world.state.log.last.height).toBe(1);
    expect(world.take('timeoutNow')).toEqual([]);
    ack(world, B, 0);
    ack(world, B, 1);
    expect(world.take('timeoutNow').map(({ to }) => to)).toEqual([B]);
  });

  it('ends with the new leader', () => {
    const world = leader();
    world.admin('transfer', { to: B });
    world.receive(B, { type: 'requestVote', term: 2, campaign: 'transfer', last: { height: 1, term: 1 } });
    expect(world.take('vote').at(-1)?.message.granted).toBe(true);
    expect(world.replies).toEqual([]);
    world.receive(B, { type: 'append', term: 2, prev: placeOf(GENESIS.block), block: null, commit: 0, round: 1 });
    expect(world.replies[0]?.result).toEqual({ leader: B, term: 2 });
    expect(world.timers.has('transfer')).toBe(false);
  });

  it('is given up after a while, and blocks go on', () => {
    const world = leader();
    world.admin('transfer', { to: B });
    world.pool = [Uint8Array.of(1)];
    world.step({ type: 'mempool', pending: 1 });
    world.fire('transfer');
    expect(world.replies[0]?.result).toMatchObject({ code: 'raft/transfer' });
    expect([world.role, world.state.log.last.height]).toEqual(['leader', 2]);
  });

  it.each([
    ['to itself', SELF],
    ['to a stranger', 'node-9'],
    ['to nobody', null],
    ['to a number', 5],
  ])('%s is refused', (_whom, to) => {
    const world = leader();
    world.admin('transfer', { to });
    expect(world.replies[0]?.result).toMatchObject({ code: 'raft/transfer-to' });
  });

  it('is one at a time, and only the leader’s', () => {
    const world = leader();
    world.admin('transfer', { to: B });
    world.admin('transfer', { to: C }, 2);
    expect(world.replies[0]).toMatchObject({ request: 2, result: { code: 'raft/transfer-busy' } });
    const follower = new World();
    follower.admin('transfer', { to: B });
    expect(follower.replies[0]?.result).toMatchObject({ code: 'raft/not-leader' });
  });
});

describe('who is told to stand', () => {
  it('does so without asking first, if its leader says it', () => {
    const world = new World();
    world.receive(B, { type: 'append', term: 3, prev: placeOf(GENESIS.block), block: null, commit: 0, round: 1 });
    world.receive(C, { type: 'timeoutNow', term: 3 });
    expect(world.role).toBe('follower');
    world.receive(B, { type: 'timeoutNow', term: 3 });
    expect([world.role, world.state.term]).toEqual(['candidate', 4]);
    expect(world.take('requestVote').map(({ message }) => message.campaign)).toEqual(Array(4).fill('transfer'));
  });
});
