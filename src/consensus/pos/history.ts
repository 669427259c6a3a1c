/**
 * What a state remembers of its chain: block roots of the last epochs, in a ring (consensus-specs phase0
 * "get_block_root_at_slot", "get_block_root"), and from them which epochs had blocks.
 */
import { assert, present } from '../../base/assert.ts';
import type { Hash } from '../../base/types.ts';
import { type PosSettings, ROOT_EPOCHS } from './settings.ts';
import { firstSlot } from './time.ts';
import type { Checkpoint, Epoch, Slot, StakeState } from './types.ts';

/** The last block at or before this slot, which is not after the state's and within the ring. */
export function blockRootAt(state: StakeState, slot: Slot): Hash {
  const { blockRoots } = state;
  assert(slot >= 0 && slot <= state.slot && slot > state.slot - blockRoots.length, 'the slot of a block root is one that the state keeps');
  return present(blockRoots[slot % blockRoots.length], 'a block root');
}

/** "get_block_root": the block that a vote for this epoch must have as its target. */
export function checkpointOf(settings: PosSettings, state: StakeState, epoch: Epoch): Checkpoint {
  return { epoch, root: blockRootAt(state, firstSlot(settings, epoch)) };
}

/**
 * Whether this chain had a block in the epoch, one of the last three as the state sees it. Genesis counts as one. An
 * empty epoch brings neither rewards nor penalties, so a network that stood still owes nothing.
 */
export function hasBlocks(settings: PosSettings, state: StakeState, epoch: Epoch): boolean {
  if (epoch === 0) return true;
  const last = Math.min(firstSlot(settings, epoch + 1) - 1, state.slot);
  return blockRootAt(state, last) !== blockRootAt(state, firstSlot(settings, epoch) - 1);
}

export function rootSlots(settings: PosSettings): number {
  return ROOT_EPOCHS * settings.slotsPerEpoch;
}
