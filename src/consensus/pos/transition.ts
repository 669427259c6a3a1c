/**
 * The state transition of a block (consensus-specs phase0 "state_transition", "process_block"; altair and capella for what came
 * later). The state after a block is a function of the state after its parent and of its header and payload, nothing else. Order:
 *
 *   slots up to the block's          epochs.ts
 *   header, parent's state, voters   here
 *   requests of the staking contract requests.ts
 *   RANDAO reveal                    randao.ts
 *   offences                         offences.ts
 *   votes                            attestations.ts
 *   withdrawals                      registry.ts
 *   all signatures at once           here
 *
 * Requests come first, so that which of them have an effect depends on the parent alone and not on what the proposer adds.
 * Withdrawals come last, as their ether is credited after the block's transactions.
 *
 * Of the errors, `pos/proposer` and `pos/signature` are about the seal, which is not part of the block's hash: another seal may make
 * the same block valid. All others make the block invalid for ever.
 */
import { assert, present } from '../../base/assert.ts';
import { RuleError } from '../../base/errors.ts';
import type { Signature, SignedBy } from '../../base/signatures.ts';
import type { Hash } from '../../base/types.ts';
import { type Header, hashHeader } from '../../chain/header.ts';
import { includeAttestation } from './attestations.ts';
import type { Seal } from './codec.ts';
import { proposerOf } from './committees.ts';
import { processSlots } from './epochs.ts';
import { judge, signedProposal, slash } from './offences.ts';
import { randaoMix, withReveal } from './randao.ts';
import { dueWithdrawals, payWithdrawals, validatorAt } from './registry.ts';
import { applyRequest, effectiveRequests, orNull, type Requested } from './requests.ts';
import type { PosRules } from './rules.ts';
import { MAX_ATTESTATIONS, MAX_OFFENCES } from './settings.ts';
import { randaoRoot } from './signing.ts';
import { stateRoot } from './state-codec.ts';
import { epochOf } from './time.ts';
import type { Attestation, Offence, Payload, Request, Slot, StakeState, ValidatorIndex, Withdrawal } from './types.ts';
import { voterHashes, votersRoot } from './voters.ts';

/** A block as the transition sees it: `payload` and `seal` decoded, the slot from the header's facts. */
export interface StakeBlock {
  readonly slot: Slot;
  readonly header: Header;
  readonly payload: Payload;
  readonly seal: Seal;
}

/** What must be verified, with the error code of the rule that it is part of. */
interface Statement {
  readonly code: string;
  readonly signed: SignedBy;
}

/** A block in the course of its transition. */
interface Work {
  readonly state: StakeState;
  readonly statements: readonly Statement[];
  /** What reporters are owed. */
  readonly rewards: readonly Withdrawal[];
}

/**
 * The state after a block. `parent` is the state after its parent. With `verify` false the signatures of the block are taken as good
 * (it was verified before); those that requests depend on are verified all the same. Throws RuleError.
 */
export function processBlock(rules: PosRules, parent: StakeState, block: StakeBlock, options: { readonly verify: boolean }): StakeState {
  const { header, payload, seal, slot } = block;
  const before = checkPlace(rules, parent, block);
  const proposer = checkProposer(rules, before, seal);
  checkCommitments(rules, parent, before, block);
  let work: Work = { state: before, statements: [sealStatement(rules, before, block)], rewards: [] };
  work = processRequests(rules, work, payload.requests, proposer);
  work = processReveal(rules, work, payload.randaoReveal, proposer);
  for (const offence of payload.offences) work = processOffence(rules, work, offence, proposer);
  for (const attestation of payload.attestations) work = processAttestation(rules, work, attestation, proposer);
  const expected = expectedWithdrawals(rules, work);
  checkWithdrawals(payload.withdrawals, expected.all);
  if (options.verify) verifyStatements(rules, work.statements);
  return withBlock(payWithdrawals(work.state, expected.stakes), slot, hashHeader(header));
}

/** The state that a block of this slot meets: that of its parent, moved on. */
function checkPlace({ settings }: PosRules, parent: StakeState, { slot, header }: StakeBlock): StakeState {
  assert(header.parentHash === parent.block, 'a block is applied to the state after its parent');
  if (slot <= parent.slot) refuse('slot', `A block of slot ${slot} follows one of slot ${parent.slot}; expected a later slot.`);
  return processSlots(settings, parent, slot);
}

/** "process_block_header" */
function checkProposer({ settings }: PosRules, state: StakeState, { proposer }: Seal): ValidatorIndex {
  const expected = proposerOf(settings, state, state.slot);
  if (expected === undefined) return refuse('no-validators', `Nobody may propose in slot ${state.slot}: no validator is active.`);
  if (validatorAt(state, expected).slashed) {
    refuse('proposer-slashed', `The proposer of slot ${state.slot}, validator ${expected}, has been slashed: the slot stays empty.`);
  }
  if (proposer !== expected) refuse('proposer', `Validator ${proposer} proposed in slot ${state.slot}; expected ${expected}.`);
  return expected;
}

/** What follows from the state, and is told again for those who do not have it. */
function checkCommitments({ settings }: PosRules, parent: StakeState, state: StakeState, { header, payload }: StakeBlock): void {
  const expect = (rule: string, what: string, got: Hash, expected: Hash): void => {
    if (got !== expected) refuse(rule, `Block ${header.number} has ${what} ${got}; expected ${expected}.`);
  };
  expect('mix', 'mixHash', header.mixHash, prevRandao({ settings }, state));
  expect('state-root', 'parentState', payload.parentState, stateRoot(parent));
  expect('voters', 'votersRoot', payload.votersRoot, votersRoot(voterHashes(settings, state)));
}

function sealStatement({ settings, params }: PosRules, { validators }: StakeState, { slot, header, seal }: StakeBlock): Statement {
  const proposal = { proposer: seal.proposer, slot, block: hashHeader(header), signature: seal.signature };
  return { code: 'pos/signature', signed: signedProposal(settings, params, validators, proposal) };
}

function processRequests(rules: PosRules, work: Work, requests: readonly Request[], proposer: ValidatorIndex): Work {
  let requested: Requested = work;
  for (const request of requests) requested = applyRequest(rules, requested, request, proposer);
  return { ...work, ...requested };
}

/** "process_randao" */
function processReveal({ settings, params }: PosRules, work: Work, reveal: Signature, proposer: ValidatorIndex): Work {
  const { state, statements } = work;
  const epoch = epochOf(settings, state.slot);
  const { publicKey } = validatorAt(state, proposer);
  const signed: SignedBy = { publicKeys: [publicKey], message: randaoRoot(params, epoch), signature: reveal };
  return {
    ...work,
    state: { ...state, randaoMixes: withReveal(state.randaoMixes, epoch, reveal) },
    statements: [...statements, { code: 'pos/randao', signed }],
  };
}

/** "process_proposer_slashing", "process_attester_slashing": the whole reward is the proposer's. */
function processOffence({ settings, params }: PosRules, work: Work, offence: Offence, proposer: ValidatorIndex): Work {
  const { guilty, statements } = judge(settings, params, work.state, offence);
  let { state } = work;
  for (const index of guilty) state = slash(settings, state, index, proposer, false).state;
  const signatures = statements.map((signed) => ({ code: 'pos/offence-signature', signed }));
  return { ...work, state, statements: [...work.statements, ...signatures] };
}

function processAttestation({ settings, params }: PosRules, work: Work, attestation: Attestation, proposer: ValidatorIndex): Work {
  const { state, statement } = includeAttestation(settings, params, work.state, attestation, proposer);
  return { ...work, state, statements: [...work.statements, { code: 'pos/attestation-signature', signed: statement }] };
}

function expectedWithdrawals({ settings }: PosRules, { state, rewards }: Work): { stakes: Withdrawal[]; all: Withdrawal[] } {
  const stakes = dueWithdrawals(settings, state);
  return { stakes, all: [...stakes, ...rewards] };
}

function checkWithdrawals(got: readonly Withdrawal[], expected: readonly Withdrawal[]): void {
  const isSame = (a: Withdrawal, b: Withdrawal | undefined): boolean =>
    a.validator === b?.validator && a.to === b.to && a.amount === b.amount;
  if (got.length === expected.length && got.every((each, i) => isSame(each, expected[i]))) return;
  const shown = (list: readonly Withdrawal[]): string => list.map(({ validator, amount }) => `${validator}: ${amount}`).join(', ');
  refuse('withdrawals', `The block pays out [${shown(got)}] gwei; expected [${shown(expected)}].`);
}

/** All at once, which costs half of one by one; only when that fails, which one it was. */
function verifyStatements({ signatures }: PosRules, statements: readonly Statement[]): void {
  if (signatures.verifyAll(statements.map(({ signed }) => signed))) return;
  const wrong = statements.find(({ signed }) => !signatures.verify(signed));
  const { code, signed } = present(wrong, 'a signature that made the check of all fail');
  throw new RuleError(
    code,
    `A signature is not by ${signed.publicKeys.length} validator(s), the first ${signed.publicKeys[0]}, that should have made it.`,
  );
}

function withBlock(state: StakeState, slot: Slot, block: Hash): StakeState {
  return { ...state, block, blockRoots: state.blockRoots.with(slot % state.blockRoots.length, block) };
}

function refuse(rule: string, message: string): never {
  throw new RuleError(`pos/${rule}`, message);
}

// Proposing

/** PREVRANDAO of a block of the state's slot: its mixHash. `state` is that of its parent, moved on to the slot. */
export function prevRandao({ settings }: Pick<PosRules, 'settings'>, state: StakeState): Hash {
  return randaoMix(state, epochOf(settings, state.slot));
}

/** What a proposer brings; everything else follows from the state. */
export interface Proposal {
  /** Its signature of `randaoRoot`. */
  readonly randaoReveal: Signature;
  /** Verified votes, best first. Those that the block cannot carry are left out. */
  readonly attestations: Iterable<Attestation>;
  /** Looked at again: the keys that it was verified with may have their places on another branch only. */
  readonly offences: Iterable<Offence>;
  /** All that the staking contract said in the parent. */
  readonly said: readonly Request[];
}

/**
 * A valid payload on a parent: `parent` is the state after it, `state` the same moved on to the new block's slot (`processSlots`),
 * where somebody may propose (`proposerOf`).
 */
export function draftPayload(rules: PosRules, parent: StakeState, state: StakeState, proposal: Proposal): Payload {
  const proposer = present(proposerOf(rules.settings, state, state.slot), 'a proposer');
  const requests = effectiveRequests(rules, state, proposal.said);
  const requested = processRequests(rules, { state, statements: [], rewards: [] }, requests, proposer);
  const revealed = processReveal(rules, requested, proposal.randaoReveal, proposer);
  const offences = takeValid(revealed, proposal.offences, MAX_OFFENCES, (work, each) =>
    ifSigned(rules, work, processOffence(rules, work, each, proposer)),
  );
  const attestations = takeValid(offences.work, proposal.attestations, MAX_ATTESTATIONS, (work, each) =>
    unlessVain(work, processAttestation(rules, work, each, proposer)),
  );
  return {
    randaoReveal: proposal.randaoReveal,
    parentState: stateRoot(parent),
    votersRoot: votersRoot(voterHashes(rules.settings, state)),
    attestations: attestations.taken,
    offences: offences.taken,
    requests,
    withdrawals: expectedWithdrawals(rules, attestations.work).all,
  };
}

function ifSigned({ signatures }: PosRules, before: Work, after: Work): Work | null {
  return signatures.verifyAll(after.statements.slice(before.statements.length).map(({ signed }) => signed)) ? after : null;
}

/** Most votes of the pool are in the chain already. */
function unlessVain(before: Work, after: Work): Work | null {
  return after.state === before.state ? null : after;
}

/** The first of them that a block can carry, and the work with them in it. */
function takeValid<T>(
  start: Work,
  from: Iterable<T>,
  limit: number,
  apply: (work: Work, each: T) => Work | null,
): { work: Work; taken: T[] } {
  const taken: T[] = [];
  let work = start;
  for (const each of from) {
    if (taken.length >= limit) break;
    const before = work;
    const next = orNull(() => apply(before, each));
    if (next === null) continue;
    work = next;
    taken.push(each);
  }
  return { work, taken };
}
