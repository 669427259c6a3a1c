/** States of old blocks, while nothing becomes final: who can have them computed, and how much that is. */
import { describe, expect, it } from 'vitest';
import { present } from '../../../src/base/assert.ts';
import type { Hash } from '../../../src/base/types.ts';
import { hashHeader } from '../../../src/chain/header.ts';
import { MILESTONE_BLOCKS } from '../../../src/consensus/pos/states.ts';
import type { Attestation } from '../../../src/consensus/pos/types.ts';
import { StakeChain } from './stake-chain.ts';
import { World } from './world.ts';

const SLOTS = 4;
const BLOCKS = 700;
const FORK = 300;
const NOBODY = { votes: () => false };
/** Or nobody would be left. */
const NO_LEAK = { leakQuotient: 2 ** 32 };

/** Nobody votes. The chain as it was at the fork is kept. */
function grown(): { stake: StakeChain; old: StakeChain; world: World; hashes: Hash[] } {
  const stake = new StakeChain(8, NO_LEAK);
  const old = new StakeChain(8, NO_LEAK);
  const world = new World(stake);
  const hashes: Hash[] = [];
  for (let slot = 1; slot <= BLOCKS; slot++) {
    const block = stake.extend(slot, NOBODY);
    world.advanceTo(slot);
    world.receive(block);
    hashes.push(hashHeader(block.header));
    if (slot === FORK) Object.assign(old, { state: stake.state, head: stake.head });
  }
  return { stake, old, world, hashes };
}

describe('consensus/pos states', () => {
  const { stake, old, world, hashes } = grown();

  it('are not computed for unsigned votes with old targets, however many come', () => {
    expect(world.chain.finalized.header.number).toBe(0);
    const slot = BLOCKS;
    const [honest] = stake.votesFor(stake.state, slot, () => true);
    const vote = present(honest, 'a vote');
    const before = world.chain.blockReads;
    for (const root of hashes.slice(0, 400)) {
      const noise: Attestation = {
        data: { ...vote.data, head: root, target: { epoch: slot / SLOTS, root } },
        bits: vote.bits,
        signature: new Uint8Array(96),
      };
      world.vote(noise, 'mallory');
    }
    // Most are not looked at beyond the few blocks that a vote may cost.
    expect(world.chain.blockReads - before).toBeLessThan(400 * (2 * SLOTS + 2));
    expect(world.state.states.has(present(hashes[10], 'a hash'))).toBe(false);
  });

  it('are never far from a block, so that a branch that left long ago can be followed', () => {
    const before = world.chain.blockReads;
    const block = old.extend(BLOCKS + 1, NOBODY);
    world.advanceTo(BLOCKS + 1);
    world.receive(block);
    expect(world.chain.status(hashHeader(block.header))).toBe('executed');
    expect(world.chain.blockReads - before).toBeLessThan(MILESTONE_BLOCKS);
  });
});
