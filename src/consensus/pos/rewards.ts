/**
 * What validators gain and lose (consensus-specs altair "get_base_reward", "get_flag_index_deltas", "process_attestation";
 * phase0 "get_inactivity_penalty_deltas"). All of it:
 *
 *   A vote has three parts that can be right and in time. Each has a weight, of 64:
 *
 *     source 14   the link starts at what was justified         gains when right     loses when missing
 *     target 26   the link ends at the epoch's checkpoint       gains when right     loses when missing
 *     head   14   the block of the slot, told at once           gains when right     -
 *     proposer 8  of who puts votes into a block                1/7 of what the parts that it brings are worth
 *
 *   base reward = effective balance in ether x 64 gwei-ether / sqrt(active stake in gwei), for each 384 s of an epoch
 *   gain = base reward x weight / 64 x the part of the stake that was right too
 *   loss = base reward x weight / 64
 *
 *   When nothing was finalized for more than 4 epochs that had blocks, the leak begins: nobody gains by votes any more, and
 *   whoever's target is missing loses its effective balance x epochs without finality / 4096 besides, every epoch, until
 *   those who vote are two thirds of what is left.
 *
 * Votes of an epoch are settled at the end of the next one. An epoch without any block on the chain settles nothing and its
 * votes are not settled: a network that stood still owes nothing, however long. Nor are those of epoch 0, in whose first slot
 * no node can have been there to vote.
 */
import { present } from '../../base/assert.ts';
import { dutiesOf, type EpochDuties, isActive } from './committees.ts';
import { integerSquareRoot, less } from './gwei.ts';
import { hasBlocks } from './history.ts';
import { validatorAt } from './registry.ts';
import { BALANCE_INCREMENT, type PosSettings } from './settings.ts';
import { epochOf, previousEpoch } from './time.ts';
import { type Gwei, type StakeState, TIMELY_HEAD, TIMELY_SOURCE, TIMELY_TARGET, type ValidatorIndex } from './types.ts';

/** "PARTICIPATION_FLAG_WEIGHTS" */
export const FLAG_WEIGHTS: readonly { readonly flag: number; readonly weight: bigint; readonly isRequired: boolean }[] = [
  { flag: TIMELY_SOURCE, weight: 14n, isRequired: true },
  { flag: TIMELY_TARGET, weight: 26n, isRequired: true },
  { flag: TIMELY_HEAD, weight: 14n, isRequired: false },
];
/** "PROPOSER_WEIGHT" */
const PROPOSER_WEIGHT = 8n;
/** "WEIGHT_DENOMINATOR". What the specs give to sync committees, 2 of it, nobody has here. */
const WEIGHT_DENOMINATOR = 64n;
/** "BASE_REWARD_FACTOR", for an epoch of the length that the specs have: rewards are for time, not for epochs. */
const BASE_REWARD_FACTOR = 64n;
const BASE_REWARD_SECONDS = 384n;

/** "get_base_reward_per_increment": for each ether of effective balance, in an epoch whose active stake this is. */
export function baseRewardPerEther(settings: PosSettings, activeBalance: Gwei): Gwei {
  const epochSeconds = BigInt(settings.slotSeconds * settings.slotsPerEpoch);
  return (BALANCE_INCREMENT * BASE_REWARD_FACTOR * epochSeconds) / (BASE_REWARD_SECONDS * integerSquareRoot(activeBalance));
}

/** Whether finality has been missing for so many epochs that those who do not vote lose their stake ("is_in_inactivity_leak"). */
export function isLeaking(settings: PosSettings, state: StakeState): boolean {
  return state.epochsSinceFinality > settings.leakAfterEpochs;
}

/** What a proposer is owed for bringing these parts of votes, each with its voter's base reward ("process_attestation"). */
export function proposerReward(parts: readonly { readonly baseReward: Gwei; readonly weight: bigint }[]): Gwei {
  const numerator = parts.reduce((sum, { baseReward, weight }) => sum + baseReward * weight, 0n);
  return numerator / (((WEIGHT_DENOMINATOR - PROPOSER_WEIGHT) * WEIGHT_DENOMINATOR) / PROPOSER_WEIGHT);
}

/** By validator, what the end of the state's epoch brings for its vote in the one before. */
export interface Deltas {
  readonly rewards: readonly Gwei[];
  readonly penalties: readonly Gwei[];
}

/** "process_rewards_and_penalties" at the end of the state's epoch. */
export function settleVotes(settings: PosSettings, state: StakeState): StakeState {
  const deltas = voteDeltas(settings, state);
  if (deltas === null) return state;
  const balances = state.balances.map((balance, index) => {
    return less(balance + (deltas.rewards[index] ?? 0n), deltas.penalties[index] ?? 0n);
  });
  return { ...state, balances };
}

/** Null when there is nothing to settle. */
export function voteDeltas(settings: PosSettings, state: StakeState): Deltas | null {
  const current = epochOf(settings, state.slot);
  const previous = previousEpoch(current);
  if (previous === 0 || !hasBlocks(settings, state, current) || !hasBlocks(settings, state, previous)) return null;
  const duties = dutiesOf(settings, state, previous);
  const rewards: Gwei[] = state.validators.map(() => 0n);
  const penalties: Gwei[] = state.validators.map(() => 0n);
  const eligible = eligibleVoters(state, duties);
  const perEther = baseRewardPerEther(settings, duties.activeBalance);
  const leaking = isLeaking(settings, state);
  for (const { flag, weight, isRequired } of FLAG_WEIGHTS) {
    const rightEther = participatingBalance(state, duties, flag) / BALANCE_INCREMENT;
    const allEther = duties.activeBalance / BALANCE_INCREMENT;
    for (const index of eligible) {
      const base = etherOf(state, index) * perEther;
      if (isRight(state, index, flag)) {
        if (!leaking) rewards[index] = (rewards[index] ?? 0n) + (base * weight * rightEther) / (allEther * WEIGHT_DENOMINATOR);
      } else if (isRequired) {
        penalties[index] = (penalties[index] ?? 0n) + (base * weight) / WEIGHT_DENOMINATOR;
      }
    }
  }
  if (leaking) addLeak(settings, state, eligible, penalties);
  return { rewards, penalties };
}

/** "get_inactivity_penalty_deltas", of phase0: grows with every epoch, so that what is lost grows with its square. */
function addLeak(settings: PosSettings, state: StakeState, eligible: readonly ValidatorIndex[], penalties: Gwei[]): void {
  const delay = BigInt(state.epochsSinceFinality);
  for (const index of eligible) {
    if (isRight(state, index, TIMELY_TARGET)) continue;
    const leak = (validatorAt(state, index).effectiveBalance * delay) / settings.leakQuotient;
    penalties[index] = (penalties[index] ?? 0n) + leak;
  }
}

/** "get_eligible_validator_indices": who could vote, and offenders until they are paid out. */
function eligibleVoters({ validators }: StakeState, { epoch }: EpochDuties): ValidatorIndex[] {
  const eligible: ValidatorIndex[] = [];
  for (const [index, validator] of validators.entries()) {
    if (isActive(validator, epoch) || (validator.slashed && epoch + 1 < validator.withdrawableEpoch)) eligible.push(index);
  }
  return eligible;
}

/** The stake whose votes of the previous epoch have this part right. Offenders' do not count. */
function participatingBalance(state: StakeState, { active }: EpochDuties, flag: number): Gwei {
  let sum = 0n;
  for (const index of active) if (isRight(state, index, flag)) sum += validatorAt(state, index).effectiveBalance;
  return sum;
}

function isRight(state: StakeState, index: ValidatorIndex, flag: number): boolean {
  return !validatorAt(state, index).slashed && (present(state.previousParticipation[index], 'participation') & flag) !== 0;
}

function etherOf(state: StakeState, index: ValidatorIndex): bigint {
  return validatorAt(state, index).effectiveBalance / BALANCE_INCREMENT;
}
