/**
 * States after blocks: kept for recent ones and for one height in many, computed again for others from the nearest ancestor whose
 * state is kept. How far that may go back is bounded, and less for what a stranger asks for (the finality losses of May 2023
 * and December 2025: votes for old targets made clients compute states without end).
 */
import { assert } from '../../base/assert.ts';
import type { Hash } from '../../base/types.ts';
import type { Block } from '../../chain/block.ts';
import { decodePayload, decodeSeal } from './codec.ts';
import { isActive } from './committees.ts';
import { processSlots } from './epochs.ts';
import { rememberedOfTwo } from './memo.ts';
import type { PosRules } from './rules.ts';
import { blockOf, slotOf, type Turn } from './state.ts';
import { epochOf, firstSlot } from './time.ts';
import { processBlock, type StakeBlock } from './transition.ts';
import type { Checkpoint, Epoch, Gwei, StakeState } from './types.ts';

/** While nothing becomes final, one state is kept for so many blocks of a branch, so that none is far from any block. */
export const MILESTONE_BLOCKS = 256;
/** Blocks that are applied again for one state, without looking at signatures. */
const MAX_REPLAYED_BLOCKS = 2_048;

assert(MAX_REPLAYED_BLOCKS > MILESTONE_BLOCKS, 'from any block it is not too far to a milestone');

export function keepState({ state }: Turn, hash: Hash, number: number, after: StakeState): void {
  state.states.set(hash, after);
  if (number % MILESTONE_BLOCKS === 0) state.milestones.set(hash, after);
}

export function forgetStates({ state }: Turn, hashes: readonly Hash[]): void {
  for (const hash of hashes) {
    state.states.delete(hash);
    state.milestones.delete(hash);
  }
}

/**
 * Undefined for a block that is unknown, does not descend from the finalized one, or is more than `maxBlocks` after the nearest whose
 * state is kept.
 */
export function stateAfter(turn: Turn, hash: Hash, maxBlocks = MAX_REPLAYED_BLOCKS): StakeState | undefined {
  const { state } = turn;
  const missing: Block[] = [];
  let found = kept(turn, hash);
  for (let at = hash; found === undefined; found = kept(turn, at)) {
    const block = blockOf(turn, at);
    if (block === undefined || missing.length >= maxBlocks || block.header.number <= 0) return undefined;
    missing.push(block);
    at = block.header.parentHash;
  }
  if (missing.length === 0) return found;
  for (const block of missing.reverse()) found = applyBlock(turn, found, block, { verify: false });
  // Only what was asked for: to keep all on the way there would drive out what is needed again and again.
  state.states.set(hash, found);
  return found;
}

/** A state after a block, and whether the block's signatures were looked at on the way. */
interface Applied {
  readonly after: StakeState;
  readonly isVerified: boolean;
}

/** States after blocks, by the state before. None of them ever changes. */
const appliedTo = rememberedOfTwo((_rules: PosRules, _before: StakeState) => new WeakMap<Block, Applied>());

/** `processBlock`, which throws, of a block that may have been applied to this state before. Throws DecodeError as `stakeBlock` does. */
export function applyBlock(turn: Turn, before: StakeState, block: Block, options: { readonly verify: boolean }): StakeState {
  return applied(turn.rules, before, block, () => stakeBlock(turn, block), options);
}

/** The same for those who have no turn. */
export function applied(
  rules: PosRules,
  before: StakeState,
  block: Block,
  decoded: () => StakeBlock,
  options: { readonly verify: boolean },
): StakeState {
  const known = appliedTo(rules, before);
  const found = known.get(block);
  if (found !== undefined && (found.isVerified || !options.verify)) return found.after;
  const processed = processBlock(rules, before, decoded(), options);
  // Of two equal states the one that is known stays: what follows from it is remembered with it.
  const after = found?.after ?? processed;
  known.set(block, { after, isVerified: options.verify });
  return after;
}

/** Throws DecodeError for a payload or a seal that is none. */
export function stakeBlock(turn: Turn, block: Block): StakeBlock {
  return { slot: slotOf(turn, block), header: block.header, payload: decodePayload(block.payload), seal: decodeSeal(block.seal) };
}

function kept({ state }: Turn, hash: Hash): StakeState | undefined {
  return hash === state.anchor.hash ? state.anchor.state : (state.states.get(hash) ?? state.milestones.get(hash));
}

/** The state in the first slot of the epoch, if nothing came after this block; or after the block, if it is of that epoch or later. */
export function stateInEpoch(turn: Turn, hash: Hash, epoch: Epoch, maxBlocks = MAX_REPLAYED_BLOCKS): StakeState | undefined {
  const { epochStates } = turn.state;
  const key = `${epoch}:${hash}`;
  const known = epochStates.get(key);
  if (known !== undefined) return known;
  const after = stateAfter(turn, hash, maxBlocks);
  if (after === undefined) return undefined;
  const { settings } = turn.rules;
  const found = epochOf(settings, after.slot) >= epoch ? after : processSlots(settings, after, firstSlot(settings, epoch));
  epochStates.set(key, found);
  return found;
}

/** What the votes of each validator weigh in the fork choice: of who is active and not slashed at the justified checkpoint. */
export function justifiedBalances(turn: Turn): readonly Gwei[] {
  const { state } = turn;
  const { justified } = state.store;
  if (state.balances?.of.epoch === justified.epoch && state.balances.of.root === justified.root) return state.balances.list;
  const list = balancesAt(turn, justified);
  state.balances = { of: justified, list };
  return list;
}

function balancesAt(turn: Turn, { epoch, root }: Checkpoint): readonly Gwei[] {
  // Its block is the anchor or above it, so the state can be had; should it be too far off, the anchor's weights are near.
  const { validators } = stateInEpoch(turn, root, epoch) ?? turn.state.anchor.state;
  return validators.map((validator) => (isActive(validator, epoch) && !validator.slashed ? validator.effectiveBalance : 0n));
}
