/** The proposer: whose promises count, what it takes over, what it fills gaps with, when something is chosen, and reads. */
import { describe, expect, it } from 'vitest';
import type { NodeId } from '../../../src/base/types.ts';
import type { Block } from '../../../src/chain/block.ts';
import type { Vote } from '../../../src/consensus/paxos/messages.ts';
import { GENESIS } from '../../simulator/support.ts';
import { B, C, D, E, hashOfBlock } from '../members/world.ts';
import { ballotAt, chainOf, GENESIS_AT, World } from './world.ts';

const OF_B = ballotAt(1);
const OF_C = ballotAt(2);
const [A1, A2] = chainOf(GENESIS.block, [OF_B, OF_B]) as [Block, Block];
const [X1] = chainOf(GENESIS.block, [OF_C], 5) as [Block];
const [, Y2] = chainOf(A1, [OF_B, OF_B], 3) as [Block, Block];
const voteFor = (block: Block, ballot: number): Vote => ({ ballot, hash: hashOfBlock(block) });
const position = (block: Block) => ({ height: block.header.number, hash: hashOfBlock(block) });

/** It stands, in a round after those of the blocks here; nobody has answered. */
function candidate(world = new World()): { readonly world: World; readonly ballot: number } {
  world.receive(D, { type: 'alive', promised: ballotAt(3) });
  world.stand();
  const { role } = world.state;
  return { world, ballot: role.role === 'candidate' ? role.ballot : 0 };
}

/** A majority has promised, with nothing accepted. */
function leader(): World {
  const { world } = candidate();
  world.promise(B, C);
  expect(world.state.role.role).toBe('leader');
  world.sent = [];
  return world;
}

/** This member shows these votes; and has the blocks to give. */
function shows(
  { world, ballot }: { readonly world: World; readonly ballot: number },
  from: NodeId,
  blocks: readonly (readonly [Block, number])[],
): void {
  const votes = blocks.map(([block, at]) => voteFor(block, at));
  world.receive(from, { type: 'promise', ballot, decided: GENESIS_AT, below: GENESIS_AT, votes });
}

describe('phase 1', () => {
  it('asks once its own ballot is on disk, and never uses that ballot again', () => {
    const world = new World({ slowDisk: true });
    world.stand();
    expect(world.take('prepare')).toEqual([]);
    world.flush();
    const [asked] = world.take('prepare');
    const again = world.restart();
    again.stand();
    expect(again.take('prepare')[0]?.message.ballot).toBeGreaterThan(asked?.message.ballot ?? Number.POSITIVE_INFINITY);
  });

  it('counts promises of this ballot and no others', () => {
    const { world, ballot } = candidate();
    world.tick(20);
    const { role } = world.state;
    const later = role.role === 'candidate' ? role.ballot : 0;
    expect(later).toBeGreaterThan(ballot);
    for (const from of [B, C, D]) world.receive(from, { type: 'promise', ballot, decided: GENESIS_AT, below: GENESIS_AT, votes: [] });
    expect(world.state.role.role).toBe('candidate');
    world.promise(B, C);
    expect(world.state.role.role).toBe('leader');
  });

  it('needs a majority, of which each counts once', () => {
    const { world } = candidate();
    world.promise(B, B);
    expect(world.state.role.role).toBe('candidate');
  });

  it('takes the value of the highest ballot in each slot, asks for it, and proposes it again under its own', () => {
    const stands = candidate();
    const { world, ballot } = stands;
    shows(stands, B, [[A1, OF_B]]);
    shows(stands, C, [[X1, OF_C]]);
    expect(world.take('ask')).toMatchObject([{ to: C, message: { above: 0, tip: hashOfBlock(X1) } }]);
    expect(world.state.role.role).toBe('candidate');
    world.receive(C, { type: 'blocks', blocks: [X1], decided: 0 });
    expect(world.state.role.role).toBe('leader');
    expect(world.state.log.entry(1)).toMatchObject({ ballot, hash: hashOfBlock(X1) });
    expect(
      world
        .take('accept')
        .filter(({ to }) => to === B)
        .map(({ to, message }) => [to, hashOfBlock(message.block)]),
    ).toEqual([[B, hashOfBlock(X1)]]);
  });

  it('takes over slot after slot, and fills one that nothing leads to with an empty block', () => {
    const stands = candidate();
    const { world } = stands;
    world.receive(B, { type: 'promise', ballot: stands.ballot, decided: GENESIS_AT, below: GENESIS_AT, votes: [voteFor(X1, OF_C)] });
    // Of an older ballot, on a block that has lost.
    shows(stands, C, [
      [A1, OF_B],
      [A2, OF_B],
    ]);
    world.receive(B, { type: 'blocks', blocks: [X1], decided: 0 });
    expect(world.state.role).toMatchObject({ role: 'leader', takenOver: 1 });
    const filler = world.state.log.entry(2)?.block;
    expect(filler?.header.parentHash).toBe(hashOfBlock(X1));
    expect(filler?.transactions).toEqual([]);
  });

  it('does not begin before it has what one of its majority knows to be decided', () => {
    const { world, ballot } = candidate();
    world.promise(B);
    world.receive(C, { type: 'promise', ballot, decided: position(Y2), below: position(Y2), votes: [] });
    expect(world.state.role.role).toBe('candidate');
    expect(world.take('ask').map(({ to }) => to)).toEqual([C]);
  });

  it('ends when somebody has promised a higher ballot', () => {
    const { world, ballot } = candidate();
    world.receive(B, { type: 'preempted', ballot, promised: ballotAt(4, 3) });
    expect(world.state.role.role).toBe('follower');
    world.stand();
    expect(world.state.promised).toBeGreaterThan(ballotAt(4, 3));
  });
});

describe('phase 2', () => {
  it('goes to all, and a block is chosen when a majority has it on disk, this one included', () => {
    const world = leader();
    world.work(Uint8Array.of(1));
    expect(world.take('accept').map(({ to }) => to)).toEqual([B, C, D, E]);
    world.accepted(1, [B]);
    expect(world.head).toBe(0);
    world.accepted(1, [C]);
    expect(world.head).toBe(1);
  });

  it('does not count itself before its own disk has the block', () => {
    const world = leader();
    world.slowDisk = true;
    world.work(Uint8Array.of(1));
    world.accepted(1, [B, C]);
    expect(world.head).toBe(0);
    world.flush();
    expect(world.head).toBe(1);
  });

  it('is over when a higher ballot is prepared', () => {
    const world = leader();
    world.receive(B, { type: 'prepare', ballot: ballotAt(1, 9), height: 0 });
    expect(world.state.role.role).toBe('follower');
    expect(world.take('promise').map(({ to }) => to)).toEqual([B]);
  });

  it('proposes no more at once than the window, nor than the network holds back for a peer', () => {
    const world = leader();
    const toB = (from: World) => from.take('accept').filter(({ to }) => to === B).length;
    for (let i = 0; i < 20; i++) world.work(Uint8Array.of(i));
    expect(toB(world)).toBe(8);
    const heavy = leader();
    for (let i = 0; i < 5; i++) heavy.work(new Uint8Array(3 * 1024 * 1024));
    expect(toB(heavy)).toBe(2);
    heavy.accepted(1, [B]);
    expect(toB(heavy)).toBe(1);
  });

  it('asks again a while later for a block that could not be built', () => {
    const world = leader();
    world.canBuild = false;
    world.work(Uint8Array.of(1));
    expect(world.state.log.last.height).toBe(0);
    world.canBuild = true;
    world.fire('build');
    expect(world.state.log.last.height).toBe(1);
  });
});

describe('a read', () => {
  it('is answered when a majority has answered a heartbeat that was sent after it', () => {
    const world = leader();
    world.work(Uint8Array.of(1));
    world.accepted(1, [B, C]);
    world.admin('read');
    const round = world.take('lead').at(-1)?.message.round ?? 0;
    world.accepted(1, [B, C, D], round - 1);
    expect(world.results).toEqual([]);
    world.accepted(1, [B], round);
    expect(world.results).toEqual([]);
    world.accepted(1, [C], round);
    expect(world.results).toEqual([{ height: 1 }]);
  });

  it('waits until everything that was taken over is decided', () => {
    const stands = candidate();
    const { world } = stands;
    shows(stands, B, [[A1, OF_B]]);
    world.promise(C);
    world.receive(B, { type: 'blocks', blocks: [A1], decided: 0 });
    world.admin('read');
    const round = world.take('lead').at(-1)?.message.round ?? 0;
    world.accepted(0, [B, C], round);
    expect(world.results).toEqual([]);
    world.accepted(1, [B, C], round);
    const asked = world.take('lead').at(-1)?.message.round ?? 0;
    world.accepted(1, [B, C], asked);
    expect(world.results).toEqual([{ height: 1 }]);
  });

  it('is given up when nobody answers', () => {
    const world = new World();
    world.admin('read');
    for (let i = 0; i < 10; i++) world.fire('read');
    expect(world.results).toEqual([expect.objectContaining({ code: 'paxos/read-timeout' })]);
  });
});
