/**
 * Casper FFG (arXiv 1710.09437) at the end of an epoch: consensus-specs phase0 and altair "process_justification_and_finalization",
 * "weigh_justification_and_finalization".
 *
 * An epoch is justified when validators with two thirds of its stake voted for its checkpoint, from the checkpoint that
 * was justified when they voted. A justified checkpoint is final when the next justified one links to it:
 *
 *   rule   justified epochs (0 = the ending one)   source of the newest link   finalizes
 *   234    1, 2, 3                                 3 epochs back               epoch 3 back
 *   23     1, 2                                    2 epochs back               epoch 2 back
 *   123    0, 1, 2                                 2 epochs back               epoch 2 back
 *   12     0, 1                                    1 epoch back                epoch 1 back
 *
 * Three things differ from the specs. Votes of an epoch are weighed against the stake of that epoch, not of the one after
 * it, so that a certificate can be checked with one list of voters. Epoch 1 can be justified: genesis is a real checkpoint here. And a
 * slashing takes no vote back that a block has carried ("get_unslashed_participating_indices" does): the fork choice believes a block
 * whose votes justify an epoch, and would find nothing to build on were they fewer in its child.
 */
import { dutiesOf } from './committees.ts';
import { checkpointOf, hasBlocks } from './history.ts';
import type { PosSettings } from './settings.ts';
import { epochOf, previousEpoch } from './time.ts';
import { type Checkpoint, type Epoch, type Gwei, type Participation, type StakeState, TIMELY_TARGET } from './types.ts';

/** The part of a state that this file changes. */
export type Finality = Pick<StakeState, 'justificationBits' | 'previousJustified' | 'currentJustified' | 'finalized'>;

const BITS = 0b1111;

/** "JUSTIFICATION": whether `part` is two thirds of `whole`. */
export function isSupermajority(part: Gwei, whole: Gwei): boolean {
  return part * 3n >= whole * 2n;
}

/** "process_justification_and_finalization", as if the state's epoch ended now. */
export function justify(settings: PosSettings, state: StakeState): Finality {
  const current = epochOf(settings, state.slot);
  if (current === 0) return finalityOf(state);
  const previous = previousEpoch(current);
  return weigh(
    state,
    current,
    isSupported(settings, state, previous, state.previousParticipation) ? checkpointOf(settings, state, previous) : null,
    isSupported(settings, state, current, state.currentParticipation) ? checkpointOf(settings, state, current) : null,
  );
}

/** What the fork choice calls unrealized: the checkpoints if the state's epoch ended now ("compute_pulled_up_tip"). */
export function unrealizedCheckpoints(settings: PosSettings, state: StakeState): { justified: Checkpoint; finalized: Checkpoint } {
  if (!hasBlocks(settings, state, epochOf(settings, state.slot))) return { justified: state.currentJustified, finalized: state.finalized };
  const { currentJustified, finalized } = justify(settings, state);
  return { justified: currentJustified, finalized };
}

/**
 * "weigh_justification_and_finalization" at the end of epoch `ending`: `previous` and `current` are the checkpoints of the
 * epoch before it and of itself, where two thirds voted for them, else null.
 */
export function weigh(state: Finality, ending: Epoch, previous: Checkpoint | null, current: Checkpoint | null): Finality {
  const bits = ((state.justificationBits << 1) & BITS) | (previous === null ? 0 : 0b10) | (current === null ? 0 : 0b01);
  const areJustified = (epochs: number): boolean => (bits & epochs) === epochs;
  const { previousJustified: older, currentJustified: newer } = state;
  let { finalized } = state;
  if (areJustified(0b1110) && older.epoch + 3 === ending) finalized = older;
  if (areJustified(0b0110) && older.epoch + 2 === ending) finalized = older;
  if (areJustified(0b0111) && newer.epoch + 2 === ending) finalized = newer;
  if (areJustified(0b0011) && newer.epoch + 1 === ending) finalized = newer;
  return { justificationBits: bits, previousJustified: newer, currentJustified: current ?? previous ?? newer, finalized };
}

/** The end of an epoch without blocks: nobody's vote can have come. */
export function shiftJustification(state: Finality, epochs: number): Finality {
  return {
    justificationBits: epochs >= 4 ? 0 : (state.justificationBits << epochs) & BITS,
    previousJustified: epochs > 0 ? state.currentJustified : state.previousJustified,
    currentJustified: state.currentJustified,
    finalized: state.finalized,
  };
}

export function finalityOf({ justificationBits, previousJustified, currentJustified, finalized }: Finality): Finality {
  return { justificationBits, previousJustified, currentJustified, finalized };
}

/**
 * Whether those with a timely target have two thirds of the epoch's stake. Votes of validators that were slashed after a block had
 * carried them count (`attestations.ts` takes no later ones): what a block justifies its descendants must not undo.
 */
function isSupported(settings: PosSettings, state: StakeState, epoch: Epoch, participation: readonly Participation[]): boolean {
  const duties = dutiesOf(settings, state, epoch);
  let votes = 0n;
  for (const index of duties.active) {
    const validator = state.validators[index];
    if (validator === undefined || ((participation[index] ?? 0) & TIMELY_TARGET) === 0) continue;
    votes += validator.effectiveBalance;
  }
  return isSupermajority(votes, duties.activeBalance);
}
