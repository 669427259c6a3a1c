/**
 * What the staking contract said in a block, acted on in its child (consensus-specs electra, "execution layer triggered
 * requests"). The contract is open to anybody and knows nothing of consensus, so much of what it says can be without effect: a
 * child carries the requests that have one, in their order, and no others (`effectiveRequests`). Each reason for a request to have
 * none is an error code of its own.
 */
import { RuleError } from '../../base/errors.ts';
import type { PublicKey } from '../../base/signatures.ts';
import type { Address } from '../../base/types.ts';
import type { Output } from '../../chain/tree.ts';
import { decodeOffence } from './codec.ts';
import { activeBalanceIn, proposerOf } from './committees.ts';
import { proofMessage, requestsOf } from './contract.ts';
import { checkOffence, slash } from './offences.ts';
import { addValidator, balanceOf, findValidator, startExit, validatorAt, withBalance } from './registry.ts';
import type { PosRules } from './rules.ts';
import { MAX_REPORTS, MAX_REQUESTS, MAX_VALIDATORS } from './settings.ts';
import { epochOf } from './time.ts';
import { FAR_FUTURE_EPOCH, type Gwei, type Request, type StakeState, type ValidatorIndex, type Withdrawal } from './types.ts';

/** A state in the course of a block's requests. */
export interface Requested {
  readonly state: StakeState;
  /** What reporters are owed: paid in the same block. */
  readonly rewards: readonly Withdrawal[];
}

/**
 * What the contract said in a block. The genesis file of a network may have another contract there: what is not understood has no
 * effect. A block must not be invalid for it, or nobody could build on its parent.
 */
export function understood(outputs: readonly Output[]): Request[] {
  return outputs.flatMap((output) => orNull(() => requestsOf([output])) ?? []);
}

/**
 * Of what the contract said in the parent, what the child must carry, given the state at the child's slot (`processSlots`): to be
 * compared with the child's payload by who has executed the parent. Only the first reports are looked at, since false ones cost their
 * senders less than verifying them costs everybody. `refused` is told of each that has no effect, and why.
 */
export function effectiveRequests(
  rules: PosRules,
  state: StakeState,
  said: readonly Request[],
  refused: (request: Request, error: RuleError) => void = () => undefined,
): Request[] {
  const proposer = proposerOf(rules.settings, state, state.slot) ?? 0;
  const effective: Request[] = [];
  let reports = 0;
  let requested: Requested = { state, rewards: [] };
  for (const request of said) {
    if (effective.length >= MAX_REQUESTS) break;
    if (request.type === 'report' && ++reports > MAX_REPORTS) continue;
    const before = requested;
    const next = orNull(
      () => applyRequest(rules, before, request, proposer),
      (error) => refused(request, error),
    );
    if (next === null) continue;
    requested = next;
    effective.push(request);
  }
  return effective;
}

/** Null for what breaks a rule, which `broken` is told. */
export function orNull<T>(work: () => T, broken: (error: RuleError) => void = () => undefined): T | null {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof RuleError)) throw error;
    broken(error);
    return null;
  }
}

/** Throws RuleError when the request has no effect. Signatures are verified at once, since effects depend on them. */
export function applyRequest(rules: PosRules, requested: Requested, request: Request, proposer: ValidatorIndex): Requested {
  const { state, rewards } = requested;
  switch (request.type) {
    case 'deposit':
      return { state: deposit(rules, state, request), rewards };
    case 'topUp':
      return { state: topUp(state, request), rewards };
    case 'exit':
      return { state: exit(rules, state, request), rewards };
    case 'withdraw':
      return { state: withdraw(state, request), rewards };
    case 'report':
      return report(rules, requested, request, proposer);
  }
}

type Of<Type extends Request['type']> = Extract<Request, { readonly type: Type }>;

/** "apply_deposit": the contract takes one for each key, but those of genesis it may not know. */
function deposit({ settings, params, signatures }: PosRules, state: StakeState, request: Of<'deposit'>): StakeState {
  const { publicKey, depositor, amount, signature } = request;
  if (findValidator(state.validators, publicKey) !== undefined) return topUp(state, request);
  if (amount < settings.minimumDeposit) {
    return refuse('deposit-amount', `The first deposit of a key is ${amount} gwei; expected at least ${settings.minimumDeposit}.`);
  }
  if (state.validators.length >= MAX_VALIDATORS) refuse('deposit-full', `The registry has ${MAX_VALIDATORS} validators, all it takes.`);
  const message = proofMessage(params.chainId, depositor, publicKey);
  if (!signatures.verify({ publicKeys: [publicKey], message, signature })) {
    return refuse('deposit-proof', `The proof of possession of ${publicKey} is not a signature by it for the depositor ${depositor}.`);
  }
  return addValidator(settings, state, activeBalance(settings, state), { publicKey, depositor, amount });
}

function topUp(state: StakeState, { publicKey, amount }: Pick<Of<'topUp'>, 'publicKey' | 'amount'>): StakeState {
  const index = indexOf(state, publicKey, 'topup');
  if (amount === 0n) refuse('topup-amount', 'A top-up of nothing has no effect.');
  return withBalance(state, index, balanceOf(state, index) + amount);
}

/** "process_voluntary_exit" */
function exit({ settings }: PosRules, state: StakeState, { publicKey, sender }: Of<'exit'>): StakeState {
  const index = ownedBy(state, publicKey, sender, 'exit');
  if (validatorAt(state, index).exitEpoch !== FAR_FUTURE_EPOCH) refuse('exit-known', `Validator ${index} is leaving already.`);
  return startExit(settings, state, activeBalance(settings, state), index);
}

/** Taken at any time, and kept until the stake is due. */
function withdraw(state: StakeState, { publicKey, sender }: Of<'withdraw'>): StakeState {
  const index = ownedBy(state, publicKey, sender, 'withdraw');
  if (state.withdrawals.includes(index)) refuse('withdraw-known', `The stake of validator ${index} has been asked back already.`);
  if (balanceOf(state, index) === 0n) refuse('withdraw-empty', `Validator ${index} has no stake.`);
  return { ...state, withdrawals: [...state.withdrawals, index] };
}

/** Throws DecodeError for what is not evidence, or `pos/offence-...`. */
function report(rules: PosRules, { state, rewards }: Requested, { evidence, reporter }: Of<'report'>, proposer: ValidatorIndex): Requested {
  if (rewards.length >= MAX_REPORTS) refuse('report-crowded', `A block has room for ${MAX_REPORTS} reports.`);
  const guilty = checkOffence(rules, state, decodeOffence(evidence));
  let next = state;
  let amount: Gwei = 0n;
  for (const index of guilty) {
    const slashed = slash(rules.settings, next, index, proposer, true);
    next = slashed.state;
    amount += slashed.reporterReward;
  }
  return { state: next, rewards: [...rewards, { validator: guilty[0] ?? 0, to: reporter, amount }] };
}

function activeBalance(settings: PosRules['settings'], state: StakeState): Gwei {
  return activeBalanceIn(state.validators, epochOf(settings, state.slot));
}

function indexOf(state: StakeState, publicKey: PublicKey, what: string): ValidatorIndex {
  return findValidator(state.validators, publicKey) ?? refuse(`${what}-unknown`, `No validator has the key ${publicKey}.`);
}

function ownedBy(state: StakeState, publicKey: PublicKey, sender: Address, what: string): ValidatorIndex {
  const index = indexOf(state, publicKey, what);
  const { depositor } = validatorAt(state, index);
  if (depositor !== sender) refuse(`${what}-sender`, `Validator ${index} is ${depositor}'s, not ${sender}'s.`);
  return index;
}

function refuse(rule: string, message: string): never {
  throw new RuleError(`pos/${rule}`, message);
}
