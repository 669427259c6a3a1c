/**
 * What a peer may send that no member following Raft does, and is not told elsewhere (election, follow, members): floods from the
 * future, and claims that nobody can make. Members of Raft are trusted not to lie, so most of it is dropped, not blamed; the node goes
 * on with what is right.
 */
import { describe, expect, it } from 'vitest';
import type { Block } from '../../../src/chain/block.ts';
import type { RaftMessage } from '../../../src/consensus/raft/messages.ts';
import { GENESIS } from '../../simulator/support.ts';
import { B, blocksOf, C, hashOfBlock, STRANGER } from '../members/world.ts';
import { placeOf, World } from './world.ts';

const [A1, A2, A3, A4] = blocksOf(GENESIS.block, [1, 1, 1, 1]) as [Block, Block, Block, Block];
const FAR = 2 ** 40;
const append = (before: Block, block: Block | null, commit = 0): RaftMessage => ({
  type: 'append',
  term: 1,
  prev: placeOf(before),
  block,
  commit,
  round: 1,
});

/** Follows B, with two decided blocks. */
function following(): World {
  const world = new World();
  world.receive(B, append(GENESIS.block, A1), append(A1, A2, 2), append(A2, null, 2));
  expect(world.head).toBe(2);
  world.sent = [];
  return world;
}

function leading(): World {
  const world = new World();
  world.elect();
  world.sent = [];
  return world;
}

describe('a follower', () => {
  it('keeps nothing of a flood from the future, and goes on with what is right', () => {
    const world = following();
    const before = [world.chain.blocks.size, world.records.length];
    for (let round = 0; round < 500; round++) {
      const prev = { ...placeOf(A3), height: FAR + round };
      world.receive(B, { type: 'append', term: 1, prev, block: A4, commit: FAR, round });
    }
    expect([world.chain.blocks.size, world.records.length]).toEqual(before);
    expect(world.head).toBe(2);
    world.receive(B, append(A2, A3), append(A3, A4, 4), append(A4, null, 4));
    expect(world.chain.head.hash).toBe(hashOfBlock(A4));
    expect(world.offences).toEqual([]);
  });

  it.each<[string, RaftMessage]>([
    ['blocks', append(A2, A3, 3)],
    ['decided blocks', { type: 'chunk', term: 1, blocks: [A3, A4], certificate: null }],
    ['a request to lead', { type: 'timeoutNow', term: 1 }],
  ])('takes no %s of a stranger', (_what, message) => {
    const world = following();
    world.receive(STRANGER, message);
    expect([world.head, world.state.term, world.role]).toEqual([2, 1, 'follower']);
  });

  it('decides no more than it has, whatever its leader says is decided', () => {
    const world = following();
    world.receive(B, append(A2, A3, FAR));
    expect(world.head).toBe(3);
  });
});

describe('a leader', () => {
  it.each<[string, Partial<Extract<RaftMessage, { type: 'ack' }>>]>([
    ['blocks on disk', { durable: FAR }],
    ['blocks', { has: FAR }],
    ['rounds', { round: FAR }],
  ])('refuses an acknowledgement of %s that there are not', (_what, claim) => {
    const world = leading();
    const { commit, term } = world.state;
    for (const from of [B, C]) world.receive(from, { type: 'ack', term, durable: 0, has: 0, round: 1, ...claim });
    expect(world.offences).toEqual([B, C].map((from) => ({ from, code: 'raft/ack' })));
    expect([world.role, world.state.commit]).toEqual(['leader', commit]);
  });

  it('refuses a rejection that claims decided blocks which there are not', () => {
    const world = leading();
    const { term } = world.state;
    for (const from of [B, C]) world.receive(from, { type: 'reject', term, at: 0, hint: { height: 0, term: 0 }, stored: FAR, round: 1 });
    expect(world.offences.map(({ code }) => code)).toEqual(['raft/ack', 'raft/ack']);
    expect(world.state.commit).toBe(0);
  });

  it('finds no place in a log that nobody has', () => {
    const world = leading();
    const { term } = world.state;
    const reject = (at: number, height: number): RaftMessage => ({
      type: 'reject',
      term,
      at,
      hint: { height, term: FAR },
      stored: 0,
      round: 1,
    });
    for (const height of [FAR, 0, 7]) world.receive(B, reject(0, height), reject(FAR, height));
    expect(world.role).toBe('leader');
    expect(world.offences).toEqual([]);
  });
});
