/**
 * The registry of validators: who enters, grows, leaves and is paid out (consensus-specs phase0 and electra "apply_deposit",
 * "initiate_validator_exit", "get_balance_churn_limit", "process_effective_balance_updates", "process_registry_updates").
 *
 *   deposited -> active (two epochs later or after) -> exiting -> exited -> withdrawable -> paid, balance 0
 *
 * Entering, growing and leaving each go no faster than the churn limit, in ether for each epoch: the sets of voters of neighbouring
 * epochs must overlap, or two of them could finalize different things without anybody to blame.
 */
import { present } from '../../base/assert.ts';
import { BoundedMap } from '../../base/bounded.ts';
import type { PublicKey } from '../../base/signatures.ts';
import type { Address } from '../../base/types.ts';
import { isActive } from './committees.ts';
import { larger, smaller } from './gwei.ts';
import { BALANCE_INCREMENT, MAX_PAID_STAKES, MAX_VALIDATORS, type PosSettings, SET_LOOKAHEAD_EPOCHS } from './settings.ts';
import { epochOf } from './time.ts';
import { type Epoch, FAR_FUTURE_EPOCH, type Gwei, type StakeState, type Validator, type ValidatorIndex, type Withdrawal } from './types.ts';

/** "HYSTERESIS_QUOTIENT" and its multipliers: an effective balance follows when the balance is 1/4 ether below, or 5/4 above it. */
const HYSTERESIS = BALANCE_INCREMENT / 4n;
const DOWNWARD = 1n;
const UPWARD = 5n;

/** "compute_activation_exit_epoch": the first epoch that what is decided in this one can still change. */
export function changeEpoch(epoch: Epoch): Epoch {
  return epoch + 1 + SET_LOOKAHEAD_EPOCHS;
}

/** Weight that may enter, grow or leave in an epoch, in whole ether. `activeBalance` is the stake of all active validators. */
export function churnLimit(settings: PosSettings, activeBalance: Gwei): Gwei {
  return larger(settings.minimumChurn, wholeEther(activeBalance / settings.churnQuotient));
}

/**
 * Where keys were found last. Places are never given again, so in nearly every state that is where they are; on another branch, or
 * in another network, a key that is not at its place costs one search.
 */
const lastPlaces = new BoundedMap<PublicKey, ValidatorIndex>(MAX_VALIDATORS);

export function findValidator(validators: readonly Validator[], publicKey: PublicKey): ValidatorIndex | undefined {
  const last = lastPlaces.get(publicKey);
  if (last !== undefined && validators[last]?.publicKey === publicKey) return last;
  const index = validators.findIndex((validator) => validator.publicKey === publicKey);
  if (index < 0) return undefined;
  lastPlaces.set(publicKey, index);
  return index;
}

export function validatorAt(state: StakeState, index: ValidatorIndex): Validator {
  return present(state.validators[index], 'a validator of the registry');
}

/** "increase_balance" and "decrease_balance" in one. */
export function withBalance(state: StakeState, index: ValidatorIndex, balance: Gwei): StakeState {
  return { ...state, balances: state.balances.with(index, balance) };
}

export function balanceOf(state: StakeState, index: ValidatorIndex): Gwei {
  return present(state.balances[index], 'a balance');
}

/** "add_validator_to_registry". It starts with the weight of the least deposit; the rest grows (`nextEffectiveBalances`). */
export function addValidator(
  settings: PosSettings,
  state: StakeState,
  activeBalance: Gwei,
  { publicKey, depositor, amount }: { readonly publicKey: PublicKey; readonly depositor: Address; readonly amount: Gwei },
): StakeState {
  const effectiveBalance = smaller(wholeEther(amount), settings.minimumDeposit);
  const earliest = changeEpoch(epochOf(settings, state.slot));
  const validator: Validator = {
    publicKey,
    depositor,
    effectiveBalance,
    slashed: false,
    activationEpoch: placeInQueue(
      state,
      ({ activationEpoch }) => activationEpoch,
      earliest,
      effectiveBalance,
      churnLimit(settings, activeBalance),
    ),
    exitEpoch: FAR_FUTURE_EPOCH,
    withdrawableEpoch: FAR_FUTURE_EPOCH,
  };
  return {
    ...state,
    validators: [...state.validators, validator],
    balances: [...state.balances, amount],
    previousParticipation: [...state.previousParticipation, 0],
    currentParticipation: [...state.currentParticipation, 0],
  };
}

/** "initiate_validator_exit". Nothing changes for one that is leaving already. */
export function startExit(settings: PosSettings, state: StakeState, activeBalance: Gwei, index: ValidatorIndex): StakeState {
  const validator = validatorAt(state, index);
  if (validator.exitEpoch !== FAR_FUTURE_EPOCH) return state;
  const earliest = Math.max(changeEpoch(epochOf(settings, state.slot)), validator.activationEpoch);
  // Who was slashed left at once, without a place in the queue.
  const leaves = ({ slashed, exitEpoch }: Validator): Epoch => (slashed ? FAR_FUTURE_EPOCH : exitEpoch);
  const exitEpoch = placeInQueue(state, leaves, earliest, validator.effectiveBalance, churnLimit(settings, activeBalance));
  const withdrawableEpoch = exitEpoch + settings.unbondingEpochs;
  return { ...state, validators: state.validators.with(index, { ...validator, exitEpoch, withdrawableEpoch }) };
}

/**
 * "compute_exit_epoch_and_update_churn": behind everybody who waits, and as many epochs on as the weight needs at `limit` in
 * each. The specs keep what is left of the last epoch's limit in the state; here it follows from the queue, whose places `waitsFor`
 * tells.
 */
function placeInQueue(
  { validators }: StakeState,
  waitsFor: (validator: Validator) => Epoch,
  earliest: Epoch,
  weight: Gwei,
  limit: Gwei,
): Epoch {
  let last = earliest;
  let used = 0n;
  for (const validator of validators) {
    const epoch = waitsFor(validator);
    if (epoch === FAR_FUTURE_EPOCH || epoch < last) continue;
    used = epoch === last ? used + validator.effectiveBalance : validator.effectiveBalance;
    last = epoch;
  }
  const needed = smaller(used, limit) + weight;
  return last + Number((larger(needed, 1n) - 1n) / limit);
}

/** Those whose stake has leaked or been lost to half of the least deposit leave ("EJECTION_BALANCE"). */
export function ejectLowBalances(settings: PosSettings, state: StakeState, activeBalance: Gwei): StakeState {
  const epoch = epochOf(settings, state.slot);
  let next = state;
  for (const [index, validator] of state.validators.entries()) {
    if (isActive(validator, epoch) && validator.effectiveBalance <= settings.minimumDeposit / 2n) {
      next = startExit(settings, next, activeBalance, index);
    }
  }
  return next;
}

/**
 * "process_effective_balance_updates" at the end of the state's epoch. Those who are active in the next one grow, together no more
 * than the churn limit: a deposit a thousand times the others' must not take over within an epoch.
 */
export function nextEffectiveBalances(settings: PosSettings, state: StakeState, activeBalance: Gwei): readonly Validator[] {
  const epoch = epochOf(settings, state.slot) + 1;
  let room = churnLimit(settings, activeBalance);
  let changed = false;
  const validators = state.validators.map((validator, index) => {
    const { effectiveBalance } = validator;
    const balance = balanceOf(state, index);
    const isNear = balance + DOWNWARD * HYSTERESIS >= effectiveBalance && effectiveBalance + UPWARD * HYSTERESIS >= balance;
    if (isNear) return validator;
    const target = smaller(wholeEther(balance), settings.maximumEffectiveBalance);
    const growth = isActive(validator, epoch) ? smaller(larger(target - effectiveBalance, 0n), room) : 0n;
    const next = target < effectiveBalance ? target : effectiveBalance + growth;
    if (next === effectiveBalance) return validator;
    room -= growth;
    changed = true;
    return { ...validator, effectiveBalance: next };
  });
  return changed ? validators : state.validators;
}

/** The stakes to pay now, oldest wish first ("get_expected_withdrawals"). */
export function dueWithdrawals(settings: PosSettings, state: StakeState): Withdrawal[] {
  const epoch = epochOf(settings, state.slot);
  return state.withdrawals
    .filter((index) => validatorAt(state, index).withdrawableEpoch <= epoch)
    .slice(0, MAX_PAID_STAKES)
    .map((index) => ({ validator: index, to: validatorAt(state, index).depositor, amount: balanceOf(state, index) }));
}

/** "process_withdrawals": the whole balance is gone, and so is the wish. */
export function payWithdrawals(state: StakeState, paid: readonly Withdrawal[]): StakeState {
  if (paid.length === 0) return state;
  const indices = new Set(paid.map(({ validator }) => validator));
  return {
    ...state,
    balances: state.balances.map((balance, index) => (indices.has(index) ? 0n : balance)),
    withdrawals: state.withdrawals.filter((index) => !indices.has(index)),
  };
}

export function wholeEther(amount: Gwei): Gwei {
  return amount - (amount % BALANCE_INCREMENT);
}
