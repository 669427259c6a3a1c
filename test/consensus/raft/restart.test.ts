/** What a crash leaves: term, vote and log as they were on disk, and a log on disk that does not grow. */
import { describe, expect, it } from 'vitest';
import type { Block } from '../../../src/chain/block.ts';
import { GENESIS } from '../../simulator/support.ts';
import { B, blocksOf, C } from '../members/world.ts';
import { placeOf, World } from './world.ts';

const [A1, A2, A3] = blocksOf(GENESIS.block, [1, 1, 1]) as [Block, Block, Block];
const [X2] = blocksOf(A1, [2], 7) as [Block];

function follow(world: World, blocks: readonly Block[], term: number, commit = 0): void {
  for (const block of blocks) {
    const parent = world.chain.block(block.header.parentHash) ?? GENESIS.block;
    world.receive(term === 1 ? B : C, { type: 'append', term, prev: placeOf(parent), block, commit, round: 1 });
  }
}

describe('a node that comes back', () => {
  it('has its term and its log, and executes again what is not in the chain', () => {
    const world = new World();
    follow(world, [A1, A2, A3], 1);
    const next = world.restart();
    expect(next.state).toMatchObject({ term: 1, commit: 0 });
    expect(next.state.log.last.hash).toBe(placeOf(A3).hash);
    expect(next.chain.status(placeOf(A3).hash)).toBe('executed');
  });

  it('lacks what was not on disk', () => {
    const world = new World();
    follow(world, [A1], 1);
    world.slowDisk = true;
    follow(world, [A2], 1);
    expect(world.restart().state.log.last.height).toBe(1);
  });

  it('has what took the place of something else', () => {
    const world = new World();
    follow(world, [A1, A2, A3], 1);
    follow(world, [X2], 2);
    const next = world.restart();
    expect(next.state.log.last).toMatchObject({ height: 2, hash: placeOf(X2).hash });
  });

  it('goes on from the decided chain, and has of its log what follows that', () => {
    const world = new World();
    follow(world, [A1, A2, A3], 1, 2);
    expect(world.head).toBe(2);
    const next = world.restart();
    expect(next.state.log.base.height).toBe(2);
    expect(next.state.log.last.height).toBe(3);
    expect(next.state.commit).toBe(2);
  });

  it('counts positions in its log on from the last', () => {
    const world = new World();
    follow(world, [A1, A2], 1);
    const next = world.restart();
    expect(next.state.lsn).toBe(world.state.lsn);
    follow(next, [A3], 1);
    expect(next.state.lsn).toBe(world.state.lsn + 1);
  });
});

describe('a node whose chain was lost', () => {
  it('neither votes nor stands before its disk has again what it had acknowledged', () => {
    const world = new World();
    follow(world, [A1, A2], 1, 2);
    world.receive(C, { type: 'requestVote', term: 2, campaign: 'transfer', last: { height: 2, term: 1 } });
    follow(world, [blocksOf(A2, [2])[0] as Block], 2, 2);
    expect(world.head).toBe(2);
    const next = new World({ records: world.records, incarnation: 2 });
    expect([next.head, next.state.log.last.height]).toEqual([0, 0]);
    next.fire('election');
    expect(next.role).toBe('follower');
    const ask = (term: number) => {
      next.receive(B, { type: 'requestVote', term, campaign: 'transfer', last: { height: 9, term: 2 } });
      return next.take('vote').at(-1)?.message.granted;
    };
    expect(ask(3)).toBe(false);
    next.receive(C, { type: 'chunk', term: 4, blocks: [A1, A2], certificate: null });
    expect(ask(5)).toBe(false);
    next.receive(C, { type: 'append', term: 6, prev: placeOf(A2), block: blocksOf(A2, [2])[0] as Block, commit: 2, round: 1 });
    expect(ask(7)).toBe(true);
  });
});

describe('the records', () => {
  it('stay few while blocks are decided, and always have the term', () => {
    const world = new World();
    let parent = GENESIS.block;
    for (let i = 0; i < 300; i++) {
      const [block] = blocksOf(parent, [1]) as [Block];
      follow(world, [block], 1, Math.max(0, i - 1));
      parent = block;
    }
    expect(world.records.length).toBeLessThan(80);
    const next = world.restart();
    expect(next.state).toMatchObject({ term: 1 });
    expect(next.state.log.last.height).toBe(300);
  });
});
