/** The acceptor: what it promises, what it accepts, and that both are on disk before it says so. */
import { describe, expect, it } from 'vitest';
import type { Block } from '../../../src/chain/block.ts';
import { GENESIS } from '../../simulator/support.ts';
import { B, C, D, hashOfBlock } from '../members/world.ts';
import { ballotAt, chainOf, GENESIS_AT, World } from './world.ts';

const OF_B = ballotAt(1);
const OF_C = ballotAt(2);
const LATER = ballotAt(1, 2);
const [A1, A2, A3] = chainOf(GENESIS.block, [OF_B, OF_B, OF_B]) as [Block, Block, Block];
const [X1, X2] = chainOf(GENESIS.block, [OF_C, OF_C], 5) as [Block, Block];
const accept = (ballot: number, block: Block) => ({ type: 'accept', ballot, block, commit: GENESIS_AT }) as const;
const heights = (world: World) => world.take('accepted').map(({ to, message }) => [to, message.ballot, message.height]);

describe('a promise', () => {
  it('is given once it is on disk, and again after a crash to the same ballot only', () => {
    const world = new World({ slowDisk: true });
    world.receive(B, { type: 'prepare', ballot: LATER, height: 0 });
    expect(world.take('promise')).toEqual([]);
    world.flush();
    expect(world.take('promise').map(({ to }) => to)).toEqual([B]);
    const again = world.restart();
    again.receive(C, { type: 'prepare', ballot: OF_C, height: 0 });
    expect(again.take('promise')).toEqual([]);
    expect(again.take('preempted')).toMatchObject([{ to: C, message: { ballot: OF_C, promised: LATER } }]);
    again.receive(B, { type: 'prepare', ballot: LATER, height: 0 });
    expect(again.take('promise').map(({ to }) => to)).toEqual([B]);
  });

  it('shows everything that is accepted in slots that the asker does not know to be decided', () => {
    const world = new World();
    for (const block of [A1, A2, A3]) world.receive(B, accept(OF_B, block));
    world.receive(C, { type: 'prepare', ballot: ballotAt(2, 2), height: 0 });
    const [all] = world.take('promise');
    expect(all?.message.votes.map(({ hash }) => hash)).toEqual([A1, A2, A3].map(hashOfBlock));
    world.receive(C, { type: 'prepare', ballot: ballotAt(2, 2), height: 1 });
    const [above] = world.take('promise');
    expect(above?.message.votes.map(({ hash }) => hash)).toEqual([A2, A3].map(hashOfBlock));
    expect(above?.message.below).toEqual({ height: 1, hash: hashOfBlock(A1) });
  });

  it('keeps older ballots out of what is accepted', () => {
    const world = new World();
    world.receive(B, { type: 'prepare', ballot: LATER, height: 0 });
    world.receive(C, accept(OF_C, X1));
    expect(world.state.log.last.height).toBe(0);
    expect(world.take('preempted').map(({ to }) => to)).toEqual([C]);
  });
});

describe('accepting', () => {
  it('raises the promise: what is accepted under a ballot excludes all older ones', () => {
    const world = new World();
    world.receive(C, accept(OF_C, X1));
    expect(world.state.promised).toBe(OF_C);
    world.receive(B, accept(OF_B, A1));
    expect(world.state.log.last.hash).toBe(hashOfBlock(X1));
    expect(world.restart().state.promised).toBe(OF_C);
  });

  it('is said when it is on disk, up to the height without a hole', () => {
    const world = new World({ slowDisk: true });
    world.receive(B, accept(OF_B, A1), accept(OF_B, A3));
    expect(heights(world)).toEqual([]);
    world.flush();
    expect(heights(world).at(-1)).toEqual([B, OF_B, 1]);
    world.receive(B, accept(OF_B, A2));
    world.flush();
    expect(heights(world).at(-1)).toEqual([B, OF_B, 3]);
  });

  it('puts another value in the place of one of an older ballot, and drops what followed it', () => {
    const world = new World();
    for (const block of [A1, A2, A3]) world.receive(B, accept(OF_B, block));
    world.receive(C, accept(ballotAt(2, 2), X1));
    expect(world.state.log.entries.map(({ hash }) => hash)).toEqual([hashOfBlock(X1)]);
    expect(world.restart().state.log.entries.map(({ hash }) => hash)).toEqual([hashOfBlock(X1)]);
    world.receive(C, accept(ballotAt(2, 2), X2));
    expect(world.state.log.last.hash).toBe(hashOfBlock(X2));
  });

  it('under a later ballot leaves a block what it is, and remembers the ballot', () => {
    const world = new World();
    world.receive(B, accept(OF_B, A1), accept(LATER, A1));
    expect(world.restart().state.log.entry(1)).toMatchObject({ ballot: LATER, hash: hashOfBlock(A1) });
  });

  it('takes no block above one that was accepted under an older ballot only', () => {
    const world = new World();
    world.receive(B, accept(OF_B, A1), accept(LATER, A2));
    expect(world.state.log.last.height).toBe(1);
    world.receive(B, accept(LATER, A1));
    expect(world.state.log.last.height).toBe(2);
  });

  it('is not decided before the leader says so', () => {
    const world = new World();
    world.receive(B, accept(OF_B, A1));
    expect(world.head).toBe(0);
    world.receive(B, { type: 'lead', ballot: OF_B, commit: { height: 1, hash: hashOfBlock(A1) }, round: 1 });
    expect(world.head).toBe(1);
  });

  it('keeps proposals that came too early within bounds', () => {
    const world = new World();
    for (let name = 1; name <= 600; name++) {
      const number = 1 + name;
      world.receive(B, accept(OF_B, { ...A2, header: { ...A2.header, number } }));
    }
    expect(world.state.ahead.size).toBeLessThanOrEqual(512);
    expect(world.state.log.last.height).toBe(0);
    expect(world.take('accepted').every(({ message }) => message.height === 0)).toBe(true);
    expect(world.nodes).toContain(D);
  });
});
