/**
 * From slot to slot and from epoch to epoch without a block (consensus-specs phase0 and altair "process_slots", "process_epoch").
 *
 * The end of an epoch in which the chain had a block is worked off in full. The end of an empty one only turns the rings, moves
 * participation and justification bits on, and charges the correlation penalties that fall due: no rewards, no penalties for
 * missing votes, no leak, no ejections. So a gap of any length costs no more than its few due penalties, and leaves the same
 * state as going through its epochs one by one (`processEpoch` does, `skipEpochs` need not).
 */
import { dutiesOf } from './committees.ts';
import { hasBlocks } from './history.ts';
import { finalityOf, justify, shiftJustification } from './justification.ts';
import { rememberedOfTwo } from './memo.ts';
import { correlationEpoch, payCorrelation } from './offences.ts';
import { randaoMix } from './randao.ts';
import { ejectLowBalances, nextEffectiveBalances } from './registry.ts';
import { settleVotes } from './rewards.ts';
import { type PosSettings, RANDAO_EPOCHS, SLASHING_EPOCHS } from './settings.ts';
import { epochOf, firstSlot } from './time.ts';
import type { Epoch, Gwei, Slot, StakeState } from './types.ts';

/** "process_slots": the state at a later slot when no block comes in between; the same state for its own slot. */
export function processSlots(settings: PosSettings, state: StakeState, slot: Slot): StakeState {
  const from = epochOf(settings, state.slot);
  const to = epochOf(settings, slot);
  if (from === to) return moveTo(state, slot);
  return moveTo(skipEpochs(settings, nextEpoch(settings, state), to), slot);
}

/** The first slot after the state's epoch. Asked for again with every slot and every block of the next epoch, on each branch. */
const nextEpoch = rememberedOfTwo((settings: PosSettings, state: StakeState): StakeState => {
  return processEpoch(settings, moveTo(state, firstSlot(settings, epochOf(settings, state.slot) + 1) - 1));
});

/** Fills in the block roots of the slots up to this one, which have no block. */
function moveTo(state: StakeState, slot: Slot): StakeState {
  if (slot <= state.slot) return state;
  const blockRoots = [...state.blockRoots];
  const { length } = blockRoots;
  for (let each = Math.max(state.slot + 1, slot - length + 1); each <= slot; each++) blockRoots[each % length] = state.block;
  return { ...state, slot, blockRoots };
}

/** "process_epoch": from the last slot of an epoch to the first of the next. */
export function processEpoch(settings: PosSettings, state: StakeState): StakeState {
  const epoch = epochOf(settings, state.slot);
  const ended = hasBlocks(settings, state, epoch) ? endEpoch(settings, state, epoch) : endEmptyEpoch(settings, state);
  return moveTo(turnRings(ended, epoch, epoch + 1), state.slot + 1);
}

/** The order is the specs'. */
function endEpoch(settings: PosSettings, state: StakeState, epoch: Epoch): StakeState {
  const { activeBalance } = dutiesOf(settings, state, epoch);
  let next = withFinality(settings, state, epoch);
  next = settleVotes(settings, next);
  next = ejectLowBalances(settings, next, activeBalance);
  next = payCorrelation(settings, next);
  next = { ...next, validators: nextEffectiveBalances(settings, next, activeBalance) };
  // Epoch 0 ends when its own checkpoint, genesis, is the final one.
  const isSince = epoch > next.finalized.epoch;
  return { ...next, epochsSinceFinality: next.epochsSinceFinality + (isSince ? 1 : 0) };
}

function endEmptyEpoch(settings: PosSettings, state: StakeState): StakeState {
  return payCorrelation(settings, { ...state, ...shiftJustification(finalityOf(state), 1) });
}

/** When finality advanced, the epochs since are counted anew: those that have ended before this one. */
function withFinality(settings: PosSettings, state: StakeState, epoch: Epoch): StakeState {
  const finality = justify(settings, state);
  if (finality.finalized.epoch === state.finalized.epoch) return { ...state, ...finality };
  let epochsSinceFinality = 0;
  for (let each = finality.finalized.epoch + 1; each < epoch; each++) if (hasBlocks(settings, state, each)) epochsSinceFinality++;
  return { ...state, ...finality, epochsSinceFinality };
}

/** From the first slot of an epoch to the first of a later one, all epochs in between without a block. */
function skipEpochs(settings: PosSettings, state: StakeState, to: Epoch): StakeState {
  const from = epochOf(settings, state.slot);
  if (from === to) return state;
  let next = state;
  let epoch = from;
  for (const due of dueEpochs(settings, state, from, to)) {
    next = payCorrelation(settings, moveTo(turnRings(next, epoch, due), firstSlot(settings, due + 1) - 1));
    epoch = due;
  }
  const shifted = { ...next, ...shiftJustification(finalityOf(state), to - from) };
  return moveTo(turnRings(shifted, epoch, to), firstSlot(settings, to));
}

/** The epochs from `from` until before `to` at whose end a correlation penalty is due, ascending. */
function dueEpochs(settings: PosSettings, { validators }: StakeState, from: Epoch, to: Epoch): Epoch[] {
  const due = new Set<Epoch>();
  for (const validator of validators) {
    const epoch = correlationEpoch(settings, validator);
    if (validator.slashed && epoch >= from && epoch < to) due.add(epoch);
  }
  return [...due].sort((a, b) => a - b);
}

/**
 * What starts anew in each epoch after `from`, up to `to` ("process_slashings_reset", "process_randao_mixes_reset",
 * "process_participation_flag_updates").
 */
function turnRings(state: StakeState, from: Epoch, to: Epoch): StakeState {
  if (from === to) return state;
  const nobody = state.validators.map(() => 0);
  return {
    ...state,
    randaoMixes: turned(state.randaoMixes, RANDAO_EPOCHS, from, to, randaoMix(state, from)),
    slashings: turned<Gwei>(state.slashings, SLASHING_EPOCHS, from, to, 0n),
    previousParticipation: to === from + 1 ? state.currentParticipation : nobody,
    currentParticipation: nobody,
  };
}

function turned<T>(ring: readonly T[], length: number, from: Epoch, to: Epoch, value: T): readonly T[] {
  const next = [...ring];
  for (let epoch = Math.max(from + 1, to - length + 1); epoch <= to; epoch++) next[epoch % length] = value;
  return next;
}
