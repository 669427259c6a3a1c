/** A leader: how it finds where logs part, how much it sends ahead, what it counts as decided, and what it makes blocks of. */
import { describe, expect, it } from 'vitest';
import { present } from '../../../src/base/assert.ts';
import type { NodeId } from '../../../src/base/types.ts';
import type { Block } from '../../../src/chain/block.ts';
import { MAX_INFLIGHT_BLOCKS } from '../../../src/consensus/members/runs.ts';
import { leadershipOf } from '../../../src/consensus/raft/state.ts';
import { GENESIS } from '../../simulator/support.ts';
import { B, blocksOf, C, D, E, SELF, type WorldOptions } from '../members/world.ts';
import { placeOf, World } from './world.ts';

/** A leader of term `term` whose log has these blocks, and one of its own. */
function leader(blocks: readonly Block[] = [], options: WorldOptions = {}): World {
  const world = new World(options);
  for (const [i, block] of blocks.entries()) {
    const term = Math.max(world.state.term, placeOf(block).term);
    world.receive(B, { type: 'append', term, prev: placeOf(blocks[i - 1] ?? GENESIS.block), block, commit: 0, round: 1 });
  }
  world.elect();
  return world;
}

const followers = (world: World) => present(leadershipOf(world.state), 'a leader').progress;
const progressOf = (world: World, node: NodeId) => present(followers(world).get(node), 'a follower');
const ack = (world: World, from: NodeId, durable: number, has = durable, round = 1) =>
  world.receive(from, { type: 'ack', term: world.state.term, durable, has, round });
const reject = (world: World, from: NodeId, at: number, hint: { height: number; term: number }, stored = 0) =>
  world.receive(from, { type: 'reject', term: world.state.term, at, hint, stored, round: 1 });
const sentTo = (world: World, node: NodeId) =>
  world
    .take('append')
    .filter(({ to }) => to === node)
    .map(({ message: { prev, block } }) => [prev.height, block?.header.number ?? null]);

describe('a new leader', () => {
  it('makes an empty block of its term at once, and only then as there is work', () => {
    const world = leader();
    expect(world.state.log.last).toMatchObject({ height: 1, term: 1 });
    world.step({ type: 'mempool', pending: 1 });
    expect(world.state.log.last.height).toBe(1);
    world.pool = [Uint8Array.of(1)];
    world.step({ type: 'mempool', pending: 1 });
    expect(world.state.log.last.height).toBe(2);
  });

  it('waits until it can build on the last block of its log', () => {
    const [block] = blocksOf(GENESIS.block, [1]) as [Block];
    const world = leader([block]);
    expect(world.state.log.last).toMatchObject({ height: 2, term: 2 });
  });

  it('does not count blocks of earlier terms, however many have them (figure 3.7)', () => {
    const world = leader(blocksOf(GENESIS.block, [1, 1]));
    for (const node of [B, C, D, E]) ack(world, node, 2);
    expect(world.state.commit).toBe(0);
    expect(world.traces.some(({ name }) => name === 'oldTerm')).toBe(true);
    ack(world, B, 3);
    ack(world, C, 3);
    expect([world.state.commit, world.head]).toEqual([3, 3]);
  });

  it('counts itself only when its own disk has the block', () => {
    const world = leader();
    world.slowDisk = true;
    world.pool = [Uint8Array.of(1)];
    world.step({ type: 'mempool', pending: 1 });
    ack(world, B, 2);
    ack(world, C, 2);
    expect(world.state.commit).toBe(1);
    world.flush();
    expect(world.state.commit).toBe(2);
  });

  it('needs a quorum of disks: what others have in memory does not count', () => {
    const world = leader();
    for (const node of [B, C, D, E]) ack(world, node, 0, 1);
    expect(world.state.commit).toBe(0);
  });

  it('does not make empty blocks without end while nothing is decided', () => {
    const world = leader([], { settings: { emptyBlockMs: 500 } });
    world.nowMs += 60_000;
    world.fire('heartbeat');
    expect(world.state.log.last.height).toBe(1);
    ack(world, B, 1);
    ack(world, C, 1);
    expect(world.state.log.last.height).toBe(2);
  });

  it('asks again after a while for a block that could not be built', () => {
    const world = new World();
    world.canBuild = false;
    world.elect();
    expect(world.state.log.last.height).toBe(0);
    world.canBuild = true;
    world.fire('heartbeat');
    expect(world.state.log.last.height).toBe(0);
    world.fire('build');
    expect(world.state.log.last.height).toBe(1);
  });

  it('keeps the interval between blocks', () => {
    const world = leader([], { settings: { blockIntervalMs: 200 } });
    world.nowMs += 50;
    world.pool = [Uint8Array.of(1)];
    world.step({ type: 'mempool', pending: 1 });
    expect(world.state.log.last.height).toBe(1);
    expect(world.timers.get('build')).toBe(150);
    world.fire('build');
    expect(world.state.log.last.height).toBe(2);
  });
});

describe('a follower that lacks blocks', () => {
  const OLD = blocksOf(GENESIS.block, [1, 1, 2, 2, 2]);

  it('is asked before it is sent any', () => {
    const world = leader(OLD);
    expect(sentTo(world, B)).toEqual([[5, null]]);
    ack(world, B, 5);
    expect(sentTo(world, B)).toEqual([[5, 6]]);
  });

  it('is asked further back, whole terms at once', () => {
    const world = leader(OLD);
    sentTo(world, B);
    reject(world, B, 5, { height: 4, term: 1 });
    expect(sentTo(world, B)).toEqual([[2, null]]);
    reject(world, B, 2, { height: 1, term: 1 });
    expect(sentTo(world, B)).toEqual([[1, null]]);
    ack(world, B, 1);
    expect(sentTo(world, B).map(([, height]) => height)).toEqual([2, 3, 4, 5, 6]);
  });

  it('is not asked again because of late news', () => {
    const world = leader(OLD);
    reject(world, B, 5, { height: 2, term: 1 });
    sentTo(world, B);
    reject(world, B, 5, { height: 0, term: 0 });
    expect(sentTo(world, B)).toEqual([]);
    ack(world, B, 2);
    sentTo(world, B);
    reject(world, B, 2, { height: 0, term: 0 });
    expect(progressOf(world, B).mode).toBe('replicate');
  });

  it('gets only as many as the window holds, and more as it acknowledges', () => {
    const world = leader(blocksOf(GENESIS.block, Array(MAX_INFLIGHT_BLOCKS + 10).fill(1)));
    sentTo(world, B);
    reject(world, B, MAX_INFLIGHT_BLOCKS + 10, { height: 0, term: 0 });
    sentTo(world, B);
    ack(world, B, 0);
    expect(sentTo(world, B)).toHaveLength(MAX_INFLIGHT_BLOCKS);
    expect(progressOf(world, B).isFull).toBe(true);
    ack(world, B, 3);
    expect(sentTo(world, B).map(([, height]) => height)).toEqual([1, 2, 3].map((i) => MAX_INFLIGHT_BLOCKS + i));
  });

  it('is asked again when something on the way was lost', () => {
    const world = leader();
    ack(world, B, 0);
    sentTo(world, B);
    reject(world, B, 1, { height: 0, term: 0 });
    expect(progressOf(world, B)).toMatchObject({ mode: 'probe', next: 1 });
    expect(sentTo(world, B)).toEqual([[0, null]]);
  });

  it('learns what is decided with the next block, or at once where there is none', () => {
    const world = leader();
    for (const node of [B, C]) ack(world, node, 0);
    world.take('append');
    ack(world, B, 1);
    ack(world, C, 1);
    expect(world.take('append').map(({ to, message }) => [to, message.commit])).toEqual([
      [B, 1],
      [C, 1],
    ]);
  });
});

describe('a follower that lacks what is no longer in memory', () => {
  const LONG = 600;

  function old(): World {
    const world = new World();
    const blocks = blocksOf(GENESIS.block, Array(LONG).fill(1));
    for (let at = 0; at < LONG; at += 200) {
      world.receive(B, { type: 'chunk', term: 1, blocks: blocks.slice(at, at + 200), certificate: null });
    }
    world.elect();
    return world;
  }

  it('gets decided blocks in chunks, one after another, and then the rest as blocks', () => {
    const world = old();
    world.take('append');
    reject(world, C, LONG, { height: 0, term: 0 });
    const first = world.take('chunk');
    expect(first.map(({ to, message }) => [to, message.blocks.length, message.blocks[0]?.header.number])).toEqual([[C, 256, 1]]);
    ack(world, C, 100, 100);
    expect(world.take('chunk')).toEqual([]);
    ack(world, C, 256, 256);
    expect(world.take('chunk')[0]?.message.blocks[0]?.header.number).toBe(257);
    ack(world, C, 512, 512);
    ack(world, C, LONG, LONG);
    expect(progressOf(world, C)).toMatchObject({ mode: 'replicate', match: LONG });
    expect(sentTo(world, C).map(([, height]) => height)).toContain(LONG + 1);
  });

  it('is sent a chunk again that seems lost', () => {
    const world = old();
    reject(world, C, LONG, { height: 0, term: 0 });
    world.take('chunk');
    world.nowMs += 1_000;
    world.fire('heartbeat');
    expect(world.take('chunk')).toEqual([]);
    world.nowMs += 1_500;
    world.fire('heartbeat');
    expect(world.take('chunk')).toHaveLength(1);
  });

  it('may get them by sync instead: what it says it has counts', () => {
    const world = old();
    reject(world, C, LONG, { height: 0, term: 0 });
    ack(world, C, LONG, LONG);
    expect(progressOf(world, C).mode).toBe('replicate');
  });
});

describe('the state', () => {
  it('is told to the operator', () => {
    const world = leader();
    world.admin('status');
    const [reply] = world.replies;
    const followers = [B, C, D, E].map((node) => ({ node, mode: 'probe', match: 0, next: 1, inflight: 0 }));
    expect(reply?.result).toMatchObject({ role: 'leader', term: 1, leader: SELF, commit: 0, last: { height: 1 }, followers });
  });

  it('answers a command that it does not know with an error', () => {
    const world = new World();
    world.admin('dance');
    expect(world.replies[0]?.result).toMatchObject({ code: 'raft/admin' });
  });
});
