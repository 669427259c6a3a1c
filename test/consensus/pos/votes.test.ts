/** Votes from gossip: what they may cost, and who pays for them. */
import { describe, expect, it } from 'vitest';
import { present } from '../../../src/base/assert.ts';
import { committeeOf, dutiesOf } from '../../../src/consensus/pos/committees.ts';
import { MAX_FETCHES } from '../../../src/consensus/pos/fetches.ts';
import type { Attestation } from '../../../src/consensus/pos/types.ts';
import { MAX_USELESS_VOTES, MAX_WAITING_VOTES } from '../../../src/consensus/pos/votes.ts';
import { StakeChain, someHash } from './stake-chain.ts';
import { World } from './world.ts';

const SLOTS = 4;
const NOBODYS = new Uint8Array(96);

/** A vote of now for a block that does not exist, by nobody: it costs its sender nothing. */
function noise(vote: Attestation, i: number): Attestation {
  return { ...vote, data: { ...vote.data, head: someHash(i) }, signature: NOBODYS };
}

/** A chain up to this slot, known to the node in the world. */
function followed(slots: number, settings = {}): { stake: StakeChain; world: World } {
  const stake = new StakeChain(8, settings);
  const world = new World(stake);
  for (let slot = 1; slot <= slots; slot++) {
    world.advanceTo(slot);
    world.receive(stake.extend(slot));
  }
  return { stake, world };
}

describe('votes for blocks that are not here', () => {
  it('of one peer take neither the room for the votes of others nor that for the blocks that are missing', () => {
    const { stake, world } = followed(2 * SLOTS);
    const [vote] = stake.waiting;
    for (let i = 0; i < 250; i++) world.vote(noise(present(vote, 'a vote'), i), 'mallory');
    expect(world.all('fetch').length).toBeLessThanOrEqual(MAX_FETCHES / 4);
    expect(world.state.waiting.length).toBeLessThanOrEqual(MAX_WAITING_VOTES / 4);
    // Two honest blocks, the older of which got lost.
    const lost = stake.extend();
    const next = stake.extend();
    world.advanceTo(next.slot, 500);
    world.receive(next, 'alice');
    expect(world.all('fetch').at(-1)).toMatchObject({ hash: next.header.parentHash, from: 'alice' });
    for (const honest of stake.waiting) world.vote(honest, 'bob');
    world.receive(lost, 'alice', 'sync');
    expect(world.chain.head.hash).toBe(stake.state.block);
    world.advanceTo(next.slot + 1);
    expect(world.state.store.latest.size).toBe(8);
  });
});

describe('votes of a slot that has not begun here', () => {
  it('are taken when they are no earlier than clocks may differ, and count from the next slot on', () => {
    const { stake, world } = followed(2 * SLOTS);
    const block = stake.extend();
    const [vote] = stake.waiting;
    world.advanceTo(block.slot, -900);
    world.vote(present(vote, 'a vote'), 'hasty');
    expect(world.state.useless.size).toBe(1);
    world.advanceTo(block.slot, -300);
    world.receive(block, 'alice');
    world.vote(present(vote, 'a vote'), 'alice');
    expect(world.state.pool.groups.has(block.slot)).toBe(true);
    const voted = () => [...world.state.store.latest.values()].some(({ head }) => head === stake.state.block);
    world.advanceTo(block.slot, 900);
    expect(voted()).toBe(false);
    world.advanceTo(block.slot + 1);
    expect(voted()).toBe(true);
    expect(world.offences()).toEqual([]);
  });
});

describe('votes of other times', () => {
  const flood = (world: World, vote: Attestation, from: string) => {
    for (let i = 0; i <= MAX_USELESS_VOTES; i++) world.vote({ ...vote, signature: NOBODYS.with(0, i % 256) }, from);
  };

  it('are counted against who floods us with them, and cost nothing', () => {
    const { stake, world } = followed(2 * SLOTS);
    const old = present(stake.waiting[0], 'a vote');
    for (let slot = 2 * SLOTS + 1; slot <= 4 * SLOTS; slot++) {
      world.advanceTo(slot);
      world.receive(stake.extend(slot));
    }
    for (const vote of stake.waiting) world.vote(vote, 'alice');
    const reads = world.chain.blockReads;
    flood(world, old, 'mallory');
    expect(world.offences()).toEqual(['mallory pos/attestation-slot']);
    expect(world.chain.blockReads).toBe(reads);
  });

  it('are counted against nobody by a node for which all votes are of another time: its clock is the wrong one', () => {
    const { stake, world } = followed(2 * SLOTS);
    for (const vote of stake.waiting) world.vote(vote, 'alice');
    world.jump(-3_600_000);
    flood(world, present(stake.waiting[0], 'a vote'), 'alice');
    expect(world.offences()).toEqual([]);
  });
});

describe('votes of who contradicts itself', () => {
  it('are not even verified once that is known, and are held against who goes on sending them', () => {
    const { stake, world } = followed(3 * SLOTS - 1);
    const { settings } = stake.rules;
    const [right] = stake.votesFor(stake.state, stake.state.slot, () => true);
    const { data } = present(right, 'a vote');
    const members = committeeOf(settings, dutiesOf(settings, stake.state, data.target.epoch), data.slot, 0);
    const [voter = 0, ...others] = members;
    world.vote(stake.vote(stake.state, data, members, others), 'alice');
    // Each block of the epoch might be the head that it saw.
    const heads = [...world.state.store.blocks.values()].filter(({ slot }) => slot >= 2 * SLOTS).map(({ hash }) => hash);
    const votes = heads.map((head) => stake.vote(stake.state, { ...data, head }, members, [voter]));
    expect(votes).toHaveLength(SLOTS);
    const isIgnored = votes.map((vote) => world.vote(vote, 'mallory').some(({ type }) => type === 'ignore'));
    expect(isIgnored).toEqual([false, false, true, true]);
    expect(world.traces('offence')).toMatchObject([{ validators: [voter] }]);
    expect(world.offences()).toEqual([]);
    for (let i = 0; i < MAX_USELESS_VOTES; i++) {
      world.vote({ ...present(votes[2], 'a vote'), signature: NOBODYS.with(0, i % 256) }, 'mallory');
    }
    expect(new Set(world.offences())).toEqual(new Set(['mallory pos/attestation-convicted']));
  });
});
