/**
 * For how long a trusted state can be trusted (consensus-specs electra/weak-subjectivity.md, "compute_weak_subjectivity_period").
 *
 * Whoever has left and has been paid out can sign anything without losing anything. So a finalized state tells which of two
 * histories is the right one only as long as those who could make the other still have stake to lose: until the first who
 * leave after it are paid out, and as much longer as it takes the set to change so far that what is left of the third that
 * finality must cost falls by `SAFETY_DECAY_PERCENT`.
 *
 * Two things are not electra's. There the set changes by one churn limit of those who enter and one of those who leave in an epoch; here
 * entering, growing and leaving have a churn limit each (`registry.ts`). And a genesis file may set the period itself.
 */
import { dutiesOf } from './committees.ts';
import { churnLimit } from './registry.ts';
import type { PosSettings } from './settings.ts';
import { epochOf } from './time.ts';
import type { Epoch, Gwei, StakeState } from './types.ts';

/** "SAFETY_DECAY" */
const SAFETY_DECAY_PERCENT = 10n;
/** Entering, growing, leaving. */
const CHANGES = 3n;

/** In epochs, from the state's. */
export function weakSubjectivityPeriod(settings: PosSettings, state: StakeState): number {
  if (settings.weakSubjectivityEpochs !== null) return settings.weakSubjectivityEpochs;
  const { activeBalance } = dutiesOf(settings, state, epochOf(settings, state.slot));
  return periodOf(settings.unbondingEpochs, activeBalance, CHANGES * churnLimit(settings, activeBalance));
}

/** `change` is the most stake that can come or go in one epoch. */
export function periodOf(unbondingEpochs: number, activeBalance: Gwei, change: Gwei): number {
  return unbondingEpochs + Number((SAFETY_DECAY_PERCENT * activeBalance) / (change * 100n));
}

/** "is_within_weak_subjectivity_period": whether this state can be trusted in epoch `now`. */
export function isWithinPeriod(settings: PosSettings, state: StakeState, now: Epoch): boolean {
  return now <= epochOf(settings, state.slot) + weakSubjectivityPeriod(settings, state);
}
