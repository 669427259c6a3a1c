/**
 * Slashing conditions and slashing (Casper FFG, arXiv 1710.09437, section 2; consensus-specs phase0 "process_proposer_slashing",
 * "process_attester_slashing", "slash_validator", "process_slashings").
 *
 *   evidence                                    is an offence when
 *   two proposals of one proposer, one slot     their blocks differ
 *   two votes                                   same target epoch, different data; or the first's link surrounds the second's
 *
 * The penalty has two parts: 1/32 of the stake at once, and half a window of 64 epochs later three times the part of all
 * stake that was slashed within the window: who fails alone loses little, a third that attacks together loses all.
 */
import { assert } from '../../base/assert.ts';
import { RuleError } from '../../base/errors.ts';
import type { SignedBy } from '../../base/signatures.ts';
import { dutiesOf, isWellFormed, signedVote } from './committees.ts';
import { isDouble, surrounds } from './detector.ts';
import { less, smaller } from './gwei.ts';
import { balanceOf, changeEpoch, validatorAt, withBalance } from './registry.ts';
import type { PosRules } from './rules.ts';
import {
  BALANCE_INCREMENT,
  type PosSettings,
  SLASHING_EPOCHS,
  SLASHING_MULTIPLIER,
  SLASHING_QUOTIENT,
  WHISTLEBLOWER_QUOTIENT,
} from './settings.ts';
import { type ChainName, proposalRoot } from './signing.ts';
import { epochOf } from './time.ts';
import type { Epoch, Gwei, Offence, SignedProposal, StakeState, Validator, ValidatorIndex } from './types.ts';

/** Evidence that is an offence, but for its signatures. */
export interface Verdict {
  /** Who is to be slashed, ascending, at least one. */
  readonly guilty: readonly ValidatorIndex[];
  /** What must be verified. */
  readonly statements: readonly SignedBy[];
}

/**
 * Throws RuleError `pos/offence-...` for evidence that proves nothing, is older than the unbonding period (`stale`), or is against
 * those only who cannot be slashed (any more; `known`). The state is of the current slot.
 */
export function judge(settings: PosSettings, chain: ChainName, state: StakeState, offence: Offence): Verdict {
  const epoch = epochOf(settings, state.slot);
  checkContradiction(state.validators, offence);
  const committed = offenceEpoch(settings, offence);
  if (committed + settings.unbondingEpochs <= epoch) {
    refuse('stale', `The offence is of epoch ${committed}; in epoch ${epoch} those of the last ${settings.unbondingEpochs} count.`);
  }
  const guilty = convictedBy(offence).filter((index) => isSlashable(validatorAt(state, index), epoch));
  if (guilty.length === 0) refuse('known', 'The evidence is against nobody who can still be slashed.');
  return { guilty, statements: statementsOf(settings, chain, state, offence) };
}

/** `judge`, and verifies the signatures: who is to be slashed. Throws RuleError, also `pos/offence-signature`. */
export function checkOffence({ settings, params, signatures }: PosRules, state: StakeState, offence: Offence): readonly ValidatorIndex[] {
  const { guilty, statements } = judge(settings, params, state, offence);
  if (!signatures.verifyAll(statements)) refuse('signature', 'A signature of the evidence is not by those that it accuses.');
  return guilty;
}

/** Whom evidence is against, whether or not they can be slashed, ascending. */
export function convictedBy({ type, first, second }: Offence): ValidatorIndex[] {
  if (type === 'proposals') return [first.proposer];
  const both = new Set(second.indices);
  return first.indices.filter((index) => both.has(index));
}

/** "is_slashable_validator" */
export function isSlashable(validator: Validator, epoch: Epoch): boolean {
  return !validator.slashed && validator.activationEpoch <= epoch && epoch < validator.withdrawableEpoch;
}

/** When it was completed, by what was signed: of votes the later target. */
function offenceEpoch(settings: PosSettings, { type, first, second }: Offence): Epoch {
  if (type === 'proposals') return epochOf(settings, first.slot);
  return Math.max(first.data.target.epoch, second.data.target.epoch);
}

/** The signatures that make it evidence. Its validators are in the registry. */
function statementsOf(settings: PosSettings, chain: ChainName, { validators }: StakeState, offence: Offence): SignedBy[] {
  if (offence.type === 'votes') return [signedVote(chain, validators, offence.first), signedVote(chain, validators, offence.second)];
  return [offence.first, offence.second].map((proposal) => signedProposal(settings, chain, validators, proposal));
}

/** The statement that a proposer's signature makes. The proposer is in the registry. */
export function signedProposal(
  settings: PosSettings,
  chain: ChainName,
  validators: readonly Validator[],
  { proposer, slot, block, signature }: SignedProposal,
): SignedBy {
  const validator = validators[proposer];
  assert(validator !== undefined, 'a proposer is in the registry');
  return { publicKeys: [validator.publicKey], message: proposalRoot(chain, epochOf(settings, slot), slot, block), signature };
}

function checkContradiction(validators: readonly Validator[], { type, first, second }: Offence): void {
  if (type === 'proposals') return checkProposals(validators, first, second);
  if (!isDouble(first.data, second.data) && !surrounds(first.data, second.data)) {
    refuse('votes', 'The votes do not contradict: neither two for one target epoch, nor does the first surround the second.');
  }
  if (!isWellFormed(first, validators) || !isWellFormed(second, validators)) {
    refuse('indices', 'The indices of a vote are not ascending ones of the registry.');
  }
}

function checkProposals(validators: readonly Validator[], first: SignedProposal, second: SignedProposal): void {
  if (first.proposer !== second.proposer || first.slot !== second.slot) {
    refuse('slots', 'The two proposals are not of one proposer and one slot.');
  }
  if (first.block === second.block) refuse('same', 'The two proposals are for the same block.');
  if (first.proposer >= validators.length) refuse('indices', `There is no validator ${first.proposer}.`);
}

function refuse(rule: string, message: string): never {
  throw new RuleError(`pos/offence-${rule}`, message);
}

// Slashing

/** What a slashing brings to whoever told. */
export interface Slashed {
  readonly state: StakeState;
  /** Of the whistleblower's reward: the proposer has had its part, and all of it where nobody reported. */
  readonly reporterReward: Gwei;
}

/** "PROPOSER_WEIGHT" out of "WEIGHT_DENOMINATOR": the proposer's part of a whistleblower's reward. */
const PROPOSER_PART = { of: 64n, weight: 8n };

/**
 * "slash_validator". Unlike in the specs the offender leaves the set after the usual two epochs without queueing: its weight
 * counts for nobody any more, and while it still counts in the total a small network cannot finalize.
 */
export function slash(
  settings: PosSettings,
  state: StakeState,
  index: ValidatorIndex,
  proposer: ValidatorIndex,
  isReported: boolean,
): Slashed {
  const epoch = epochOf(settings, state.slot);
  const validator = validatorAt(state, index);
  const { effectiveBalance } = validator;
  const place = epoch % SLASHING_EPOCHS;
  const convicted: StakeState = {
    ...state,
    validators: state.validators.with(index, {
      ...validator,
      slashed: true,
      exitEpoch: Math.min(validator.exitEpoch, changeEpoch(epoch)),
      withdrawableEpoch: epoch + settings.unbondingEpochs,
    }),
    slashings: state.slashings.with(place, (state.slashings[place] ?? 0n) + effectiveBalance),
  };
  const penalized = withBalance(convicted, index, less(balanceOf(state, index), effectiveBalance / SLASHING_QUOTIENT));
  const reward = effectiveBalance / WHISTLEBLOWER_QUOTIENT;
  const proposerReward = isReported ? (reward * PROPOSER_PART.weight) / PROPOSER_PART.of : reward;
  return {
    state: withBalance(penalized, proposer, balanceOf(penalized, proposer) + proposerReward),
    reporterReward: reward - proposerReward,
  };
}

/** The epoch at whose end a slashed validator pays for what was slashed together with it: the window's middle. */
export function correlationEpoch(settings: PosSettings, { withdrawableEpoch }: Validator): Epoch {
  return withdrawableEpoch - settings.unbondingEpochs + SLASHING_EPOCHS / 2;
}

/** "process_slashings" at the end of the state's epoch: a slashed validator loses three times the part of the stake that was slashed. */
export function payCorrelation(settings: PosSettings, state: StakeState): StakeState {
  const epoch = epochOf(settings, state.slot);
  const isDue = (validator: Validator): boolean => validator.slashed && correlationEpoch(settings, validator) === epoch;
  if (!state.validators.some(isDue)) return state;
  const slashed = state.slashings.reduce((sum, amount) => sum + amount, 0n);
  // Offenders have left, so they are added to the stake that they are a part of.
  const { active } = dutiesOf(settings, state, epoch);
  const honest = active.map((index) => validatorAt(state, index)).filter((validator) => !validator.slashed);
  const total = honest.reduce((sum, { effectiveBalance }) => sum + effectiveBalance, slashed);
  const lost = smaller(slashed * SLASHING_MULTIPLIER, total);
  const balances = state.balances.map((balance, index) => {
    const validator = validatorAt(state, index);
    if (!isDue(validator)) return balance;
    const ether = validator.effectiveBalance / BALANCE_INCREMENT;
    return less(balance, ((ether * lost) / total) * BALANCE_INCREMENT);
  });
  return { ...state, balances };
}
