/** Nodes that have followed a chain of stake, each block and each vote in its time. */
import type { StakeChain } from './stake-chain.ts';
import { World } from './world.ts';

const BLOCK_MS = 100;
const VOTES_MS = 500;

/** The chain grows by a block in each slot up to this one. */
export function followed(stake: StakeChain, slots: number, world = new World(stake)): World {
  while (stake.state.slot < slots) {
    const slot = stake.state.slot + 1;
    world.advanceTo(slot, BLOCK_MS);
    world.receive(stake.extend(slot));
    world.advanceTo(slot, VOTES_MS);
    for (const vote of stake.waiting) world.vote(vote);
  }
  return world;
}
